"""Agents that do in each attempt what their input orders: succeed, fail in a certain way, wait for others."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from parallel_agents import Context, ContractError, ItemError, TransientError, UnscoredError

Answer = Mapping[str, Any]
MB = 1024 * 1024
_seen_before: list[str] = []


async def echo(context: Context) -> Answer:
    """Return the input's text; what `fails` says comes first, as long as it says."""
    fails = context.input.get("fails", {})
    if context.attempt <= fails.get("times", 0):
        await _fail(str(fails["how"]), context)
    return {"text": context.input["text"], "attempt": context.attempt, "pid": os.getpid()}


async def waits(context: Context) -> Answer:
    """Never end, except in an attempt after the one given as `until`."""
    if context.attempt <= context.input.get("until", 1_000_000):
        await asyncio.Event().wait()
    return {"text": context.input["text"], "attempt": context.attempt}


async def meets(context: Context) -> Answer:
    """Wait in the folder `place` until `size` of us are there at once; tell the most that were there with us."""
    place, size = Path(context.input["place"]), int(context.input["size"])
    mine = place / context.session_id
    mine.touch()
    # Who has met leaves a mark, so that nobody waits for one who has gone already.
    met = place.with_name(place.name + "-met") / str(context.input["group"])
    most = 0
    while not met.exists():
        most = max(most, len(os.listdir(place)))  # noqa: PTH208 - names are enough
        if most >= size:
            met.touch()
        await asyncio.sleep(0.005)
    most = max(most, len(os.listdir(place)))  # noqa: PTH208 - the same
    mine.unlink()
    return {"text": context.input["text"], "most": most}


async def leaves_traces(context: Context) -> Answer:
    """Leave something in every place that a careless agent uses, and tell what others had left there."""
    found = [*_seen_before, *sorted(entry.name for entry in context.workdir.iterdir())]
    found += [name for name in os.environ if name.startswith("LEFT_BY_")]
    own = str(context.input["text"])
    os.environ[f"LEFT_BY_{context.session_id.replace('-', '_')}"] = own
    (context.workdir / "草稿 1.txt").write_text(own, encoding="utf-8")
    here = Path.cwd()
    os.chdir(context.workdir)
    return {"text": own, "found": found, "cwd": str(here), "workdir": str(context.workdir)}


async def _fail(how: str, context: Context) -> None:
    if how in ERRORS:
        raise ERRORS[how](str(context.input["text"]))
    await DEEDS[how]()
    raise AssertionError(f"{how} did not end the attempt")


async def _hangs() -> None:
    await asyncio.Event().wait()


async def _holds_its_process() -> None:
    # Nothing but a kill ends this one: no other code of the worker gets to run.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)  # noqa: ASYNC251


async def _kills_its_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _exits() -> None:
    os._exit(7)


async def _grows() -> None:
    _hoard.extend(bytearray(MB) for _ in range(4096))


_hoard: list[bytearray] = []
ERRORS: dict[str, Callable[[str], Exception]] = {
    "item": lambda text: ItemError(f"不能处理：{text}"),
    "transient": lambda _: TransientError("passing"),
    "contract": lambda text: ContractError(("no question",), text),
    "unscored": lambda _: UnscoredError("cannot judge"),
    "exception": lambda _: ValueError("agent's own defect"),
}
DEEDS: dict[str, Callable[[], Awaitable[None]]] = {
    "hang": _hangs,
    "hold": _holds_its_process,
    "kill": _kills_its_process,
    "exit": _exits,
    "memory": _grows,
}
