"""Programs that the tests start, and some of which they kill: `python -m tests.journal.children NAME ARGUMENT…`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.journal.scene import EXECUTION, WORKER, bare, counts_of, records_of, settle_one, settled, submitted

from parallel_agents.core.errors import JournalError
from parallel_agents.core.states import State
from parallel_agents.journal import SqliteJournal

LANES = 16


def say(line: str) -> None:
    """Write past every buffer, so that what was said is said although the process is killed next."""
    os.write(1, f"{line}\n".encode())


def opened(path: str) -> SqliteJournal:
    journal = SqliteJournal(path)
    journal.start()
    return journal


async def start_at_a_signal(path: str) -> None:
    say("ready")
    sys.stdin.readline()
    await opened(path).aclose()
    say("started")


async def own(path: str, execution_id: str) -> None:
    journal = opened(path)
    say("owned" if journal.try_own(execution_id) else "refused")
    signal.pause()


async def own_and_fork(path: str, execution_id: str) -> None:
    journal = opened(path)
    assert journal.try_own(execution_id)
    if not os.fork():
        say(str(os.getpid()))
    signal.pause()


async def settle(path: str, execution_id: str, number: str) -> None:
    """Run tasks through; say the key of each whose settlement was acknowledged."""
    journal = opened(path)
    todo = iter(await submitted(journal, int(number), execution_id))

    async def lane() -> None:
        for key in todo:
            journal.begin(key, 1, WORKER, 1.0)
            if await settle_one(journal, settled(key, 1, output=b"\xa4" + key.to_bytes(4, "big"))):
                say(str(key))

    async with asyncio.TaskGroup() as group:
        for _ in range(LANES):
            group.create_task(lane())
    await journal.aclose()


def fill_the_disk(directory: str) -> None:
    """Write until the disk is full, then make room; tell as JSON what was seen."""
    room = Path(directory, "room")
    room.write_bytes(b"\0" * 400_000)
    path = str(Path(directory, "journal.sqlite3"))
    told = asyncio.run(_until_the_disk_is_full(path))
    room.unlink()
    told |= asyncio.run(_with_room_again(path))
    say(json.dumps(told))


async def _until_the_disk_is_full(path: str) -> dict[str, Any]:
    journal = opened(path)
    acknowledged: list[int] = []
    refusals: list[str] = []
    for key in await submitted(journal, 300):
        try:
            await journal.begin(key, 1, WORKER, 1.0)
            if await settle_one(journal, settled(key, 1, output=b"\xc5" + bytes(20_000))):
                acknowledged.append(key)
        except JournalError as error:
            refusals.append(str(error))
    readable = counts_of(journal).total
    await journal.aclose()
    return {"acknowledged": acknowledged, "refusals": refusals, "readable": readable}


async def _in_one_go(path: str) -> dict[str, Any]:
    journal = opened(path)
    keys = await submitted(journal, 550)
    lock = bare(path)
    lock.execute("BEGIN IMMEDIATE")  # so that the queue is long before the writer gets anywhere
    writes: list[asyncio.Future[Any]] = []
    for key in keys:
        writes += [journal.begin(key, 1, WORKER, 1.0), journal.settle(settled(key, 1, output=b"\xc5" + bytes(20_000)))]
    lock.execute("COMMIT")
    await asyncio.wait(writes)
    landed = [write.exception() is None for write in writes]
    await journal.aclose()
    lock.close()
    return {"landed": landed}


async def _with_room_again(path: str) -> dict[str, Any]:
    journal = opened(path)
    kept = [one.key for one in records_of(journal) if one.state is State.COMPLETED]
    await journal.pause(EXECUTION, "user", 1.0)
    await journal.aclose()
    return {"kept": kept}


def overfill_the_disk(directory: str) -> None:
    """Queue more than there is room for, the last group of it small enough for what is left."""
    say(json.dumps(asyncio.run(_in_one_go(str(Path(directory, "journal.sqlite3"))))))


async def start(path: str) -> None:
    """Tell how the start went."""
    try:
        await opened(path).aclose()
    except JournalError as error:
        say(str(error))
    else:
        say("started")


if __name__ == "__main__":
    started = globals()[sys.argv[1]](*sys.argv[2:])
    if asyncio.iscoroutine(started):
        asyncio.run(started)
