"""Agents that show what a setting does to them, given to the executor as `path:function`."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallel_agents import Context

Answer = Mapping[str, Any]
MB = 1024 * 1024


async def tells(context: Context) -> Answer:
    callers = [
        f"{Path(frame.f_code.co_filename).parent.name}.{frame.f_code.co_name}"
        for frame, _ in traceback.walk_stack(None)
    ]
    return {"pid": os.getpid(), "workdir": str(context.workdir), "callers": callers}


async def naps(context: Context) -> Answer:
    await asyncio.sleep(float(context.input["seconds"]))
    return {}


async def waits_for_a_file(context: Context) -> Answer:
    await asyncio.to_thread(_wait_for, Path(str(context.input["file"])))
    return {}


def _wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.01)


async def raises(context: Context) -> Answer:
    raise ValueError("an agent's own fault")


async def takes_memory(context: Context) -> Answer:
    taken = bytearray(int(context.input["mb"]) * MB)
    for place in range(0, len(taken), 4096):
        taken[place] = 1
    return {"bytes": len(taken)}


async def falls_silent(context: Context) -> Answer:
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


async def asks(context: Context) -> Answer:
    answer = await context.model.complete("what?")
    return {"text": answer.text}


async def asks_twice_at_once(context: Context) -> Answer:
    async with asyncio.TaskGroup() as group:
        for question in ("what?", "why?"):
            group.create_task(context.model.complete(question))
    return {}
