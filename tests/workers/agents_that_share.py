"""Agents for workers that have many attempts at once."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from parallel_agents.ports.context import Context

Answer = Mapping[str, Any]
MB = 1024 * 1024


async def waits_for_a_file(context: Context) -> Answer:
    context.progress(None, "waiting")
    while not os.path.exists(str(context.input["file"])):  # noqa: ASYNC110, ASYNC240, PTH110 - another process makes it
        await asyncio.sleep(0.01)
    return {"pid": os.getpid(), "thread": threading.get_native_id()}


async def blocks(context: Context) -> Answer:
    context.progress(None, "blocking")
    time.sleep(float(context.input["seconds"]))  # noqa: ASYNC251 - what a careless agent does
    return {"pid": os.getpid()}


async def holds_the_interpreter(context: Context) -> Answer:
    context.progress(None, "holding")
    return {"matched": bool(re.match(r"(a+)+b", "a" * 60))}


async def will_not_be_cancelled(context: Context) -> Answer:
    context.progress(None, "deaf")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


async def says_when_it_was_cancelled(context: Context) -> Answer:
    context.progress(None, "here")
    try:
        await asyncio.Event().wait()
    finally:
        context.progress(None, "cancelled")
    return {}


async def dies_when_told(context: Context) -> Answer:
    context.progress(None, "ready")
    await context.model.complete("die?")
    os._exit(7)


async def asks_and_says_what_came(context: Context) -> Answer:
    answer = await context.model.complete("?")
    return {"text": answer.text}


async def takes_memory_when_told(context: Context) -> Answer:
    context.progress(None, "ready")
    await context.model.complete("take it?")
    taken = bytearray(b"x") * (int(context.input["mb"]) * MB)
    await asyncio.sleep(30)
    return {"bytes": len(taken)}


async def runs_out_of_memory(context: Context) -> Answer:
    raise MemoryError


async def leaves_a_task(context: Context) -> Answer:
    kept.append(asyncio.get_running_loop().create_task(_speaks(context)))
    return {}


async def leaves_a_thread_of_the_loop(context: Context) -> Answer:
    kept.append(asyncio.get_running_loop().create_task(asyncio.to_thread(time.sleep, 600)))
    await asyncio.sleep(0.05)
    return {}


async def _speaks(context: Context) -> None:
    while True:
        await asyncio.sleep(0.01)
        context.progress(None, "from an attempt that has ended")


kept: list[asyncio.Task[None]] = []
