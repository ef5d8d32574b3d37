"""Agents that leave things behind, raise in groups, or take the worker's own footing away."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from parallel_agents.core.errors import ContractError, ItemError, RateLimitedError, UnscoredError
from parallel_agents.ports.context import Context

Answer = Mapping[str, Any]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
MB = 1024 * 1024


async def leaves_a_process(context: Context) -> Answer:
    child = subprocess.Popen(SLEEPER, start_new_session=bool(context.input["detached"]))  # noqa: ASYNC220
    return {"child": child.pid}


async def starts_a_process_and_hangs(context: Context) -> Answer:
    child = subprocess.Popen(SLEEPER, start_new_session=bool(context.input["detached"]))  # noqa: ASYNC220
    context.progress(None, str(child.pid))
    await asyncio.Event().wait()
    return {}


async def starts_a_process_and_holds_the_interpreter(context: Context) -> Answer:
    import re

    child = subprocess.Popen(SLEEPER)  # noqa: ASYNC220
    context.progress(None, str(child.pid))
    return {"matched": bool(re.match(r"(a+)+b", "a" * 60))}


async def leaves_a_task(context: Context) -> Answer:
    kept.append(asyncio.get_running_loop().create_task(_asks_later(context)))
    return {}


async def leaves_a_thread(context: Context) -> Answer:
    threading.Thread(target=_talks_for_ever, args=(context,), daemon=True).start()
    return {}


async def waits(context: Context) -> Answer:
    await asyncio.sleep(float(context.input["seconds"]))
    return {}


async def moves_house(context: Context) -> Answer:
    os.chdir(context.workdir)
    os.environ["LEFT_BEHIND"] = "by another attempt"
    return {}


async def looks_around(context: Context) -> Answer:
    return {"cwd": os.getcwd(), "left": os.environ.get("LEFT_BEHIND")}  # noqa: PTH109


async def raises_in_a_group(context: Context) -> Answer:
    async with asyncio.TaskGroup() as group:
        group.create_task(_raises(str(context.input["kind"])))
    return {}


async def tells_the_class_of_a_call_error(context: Context) -> Answer:
    try:
        await context.model.complete("x")
    except ContractError as error:
        return {"class": "contract", "raw": error.raw, "problems": list(error.problems)}
    except RateLimitedError as error:
        return {"class": "rate_limited", "retry_after_s": error.retry_after_s}
    return {}


async def raises_half_a_character(context: Context) -> Answer:
    raise ItemError("the model said " + json.loads('"\\ud83d"'))


async def raises_what_cannot_be_shown(context: Context) -> Answer:
    raise UnshowableError


async def fills_its_budget_and_asks(context: Context) -> Answer:
    hoard: list[bytearray] = []
    for size in (MB, 64 * 1024):
        try:
            while True:
                hoard.append(bytearray(size))
        except MemoryError:
            pass
    answer = await context.model.complete("x")
    return {"held": len(hoard), "answer": len(answer.text)}


async def forks_with_shared_pages(context: Context) -> Answer:
    held = bytearray(os.urandom(1024)) * (60 * 1024)
    children = [os.fork() for _ in range(4)]
    if 0 in children:
        time.sleep(600)  # noqa: ASYNC251
        os._exit(len(held))
    context.progress(None, "forked")
    await asyncio.sleep(0.5)
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)  # noqa: ASYNC222 - it is dead already
    return {}


async def starts_two_hogs_from_threads(context: Context) -> Answer:
    hog = "b = bytearray(b'x') * (200 << 20)\nimport time; time.sleep(600)"
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(asyncio.to_thread(subprocess.run, [sys.executable, "-c", hog], check=False))
    return {}


async def tells_much(context: Context) -> Answer:
    for number in range(int(context.input["times"])):
        context.progress(number / int(context.input["times"]), str(number))
    context.progress(1.0, "last")
    return {}


class UnshowableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


kept: list[asyncio.Task[None]] = []


async def _asks_later(context: Context) -> None:
    for _ in range(50):
        await asyncio.sleep(0.01)
        context.progress(0.1, "from the attempt before")
        await context.model.complete("a call of the attempt before")


def _talks_for_ever(context: Context) -> None:
    while True:
        time.sleep(0.01)
        context.progress(0.1, "from the attempt before")


async def _raises(kind: str) -> None:
    raise {"item": ItemError("never"), "unscored": UnscoredError("cannot judge"), "memory": MemoryError()}[kind]
