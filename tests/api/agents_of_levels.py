"""Agents for executors whose workers have many attempts at once."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallel_agents import Context

Answer = Mapping[str, Any]


async def meets(context: Context) -> Answer:
    """Ends when so many others are there at the same time."""
    folder, number = Path(str(context.input["folder"])), int(context.input["number"])
    (folder / context.session_id).touch()
    while len(list(folder.iterdir())) < number:  # noqa: ASYNC110, ASYNC240 - agents of other processes have no event
        await asyncio.sleep(0.02)
    return {"pid": os.getpid()}


async def crashes(context: Context) -> Answer:
    await asyncio.sleep(0.3)
    os._exit(7)


async def naps(context: Context) -> Answer:
    await asyncio.sleep(float(context.input["seconds"]))
    return {}


async def blocks(context: Context) -> Answer:
    time.sleep(float(context.input["seconds"]))  # noqa: ASYNC251 - what a careless agent does
    return {}
