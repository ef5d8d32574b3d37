"""Agents that a user might have beside the program."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from parallel_agents import Context


async def shout(context: Context) -> Mapping[str, Any]:
    return {"text": str(context.input["text"]).upper(), "attempt": context.attempt}


async def waits(context: Context) -> Mapping[str, Any]:
    context.progress(0.0, "waiting")
    await asyncio.Event().wait()
    return {}


async def asks(context: Context) -> Mapping[str, Any]:
    answer = await context.model.complete("x", contract="explanation", inputs={"material_content": "a"})
    return {"text": answer.text}


def not_async(context: Context) -> Mapping[str, Any]:
    return {}
