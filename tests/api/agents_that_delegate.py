"""Agents that hand in tasks of their own and wait for them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallel_agents import Context


def task(agent: str, **given: Any) -> dict[str, Any]:
    return {"agent_name": agent, "input_data": given}


async def leaf(context: Context) -> Mapping[str, Any]:
    if context.input.get("fails"):
        raise RuntimeError(f"leaf {context.input['number']} fails")
    return {"number": context.input["number"], "pid": os.getpid()}


async def sums(context: Context) -> Mapping[str, Any]:
    results = await context.delegate([task("leaf", number=number) for number in context.input["numbers"]])
    return {"sum": sum(result.output["number"] for result in results if result.output), "pid": os.getpid()}


async def digs(context: Context) -> Mapping[str, Any]:
    """Hands itself in, one deeper, until it is deep enough."""
    left = context.input["left"]
    if not left:
        return {"depth": 0}
    (below,) = await context.delegate([task("digs", left=left - 1)])
    if below.output is None:
        raise RuntimeError(below.reason)
    return {"depth": below.output["depth"] + 1}


async def spreads(context: Context) -> Mapping[str, Any]:
    """Three below each, `left` levels of them."""
    left = context.input["left"]
    if not left:
        return {"leaves": 1}
    below = await context.delegate([task("spreads", left=left - 1, which=which) for which in range(3)])
    return {"leaves": sum(result.output["leaves"] for result in below if result.output is not None)}


async def tells(context: Context) -> Mapping[str, Any]:
    """What it gets back for one that works and one that does not."""
    good, bad = await context.delegate([task("leaf", number=1), task("leaf", number=2, fails=True)])
    return {"good": [good.status, good.output and good.output["number"]], "bad": [bad.status, bad.reason, bad.output]}


async def two_at_a_time(context: Context) -> Mapping[str, Any]:
    """Hands in twice at once."""
    async with asyncio.TaskGroup() as group:
        both = [group.create_task(context.delegate([task("leaf", number=number)])) for number in (1, 2)]
    return {"numbers": [result.output["number"] for one in both for result in one.result() if result.output]}


async def asks_for_nonsense(context: Context) -> Mapping[str, Any]:
    await context.delegate([context.input["task"]])
    return {}


async def dies_once(context: Context) -> Mapping[str, Any]:
    """Its worker is killed after its tasks are done, the first time."""
    results = await context.delegate([task("leaf", number=number) for number in range(3)])
    if context.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"pids": sorted(result.output["pid"] for result in results if result.output)}


async def waits_for_a_file(context: Context) -> Mapping[str, Any]:
    context.progress(0.0, "waiting")
    while not Path(context.input["path"]).exists():  # noqa: ASYNC240, ASYNC110 - another process makes it
        await asyncio.sleep(0.02)
    return {"number": context.input["number"]}


async def waits_for_those_who_wait(context: Context) -> Mapping[str, Any]:
    path = context.input["path"]
    done = await context.delegate([task("leaf", number=7)])
    below = await context.delegate([task("waits_for_a_file", path=path, number=number) for number in range(2)])
    return {"first": done[0].output, "statuses": [result.status for result in below]}
