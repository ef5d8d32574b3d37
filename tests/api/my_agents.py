"""Agents that a user might have beside the program."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
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


async def works_if_there_is_a_file(context: Context) -> Mapping[str, Any]:
    if not await asyncio.to_thread(Path(context.input["path"]).exists):
        raise RuntimeError("there is no file yet")
    return {"text": "done"}


async def waits_for_a_file(context: Context) -> Mapping[str, Any]:
    while not await asyncio.to_thread(Path(context.input["path"]).exists):  # noqa: ASYNC110 - a test makes it
        await asyncio.sleep(0.01)
    return {"text": "it is there"}
