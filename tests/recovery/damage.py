"""Journals with work in them, and ways to break a file that real disks and real users have."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.journal.scene import (
    EXECUTION,
    WORKER,
    a_landing,
    a_task,
    an_execution,
    bare,
    execution_of,
    history_of,
    keys_of,
    landings_of,
    records_of,
    settled,
)

from parallel_agents.journal import SqliteJournal

PAGE = 4096
OTHER = "exec-00000000000000b2"


def output_of(key: int) -> bytes:
    """What task `key` gives; some need more than one page."""
    return msgspec.msgpack.encode({"text": f"{key}·" * (1 + key * 37 % 3000)})


def answer_of(key: int) -> bytes:
    """What the model said to task `key`."""
    return msgspec.msgpack.encode({"answer": key})


async def filled(
    journal: SqliteJournal, tasks: int, execution_id: str = EXECUTION, *, done: Callable[[int], bool] = lambda _: True
) -> list[int]:
    """Submit an execution and run its tasks; those that are not `done` stay running or pending."""
    await journal.submit(an_execution(execution_id), [a_task(position) for position in range(tasks)])
    keys = keys_of(journal, execution_id)
    for key in keys:
        if done(key):
            journal.begin(key, 1, WORKER, 10.0)
            journal.record_call(key, "hash", 0, answer_of(key), 11.0)
            await journal.settle(settled(key, 1, output=output_of(key)))
    await journal.move_landing(await journal.begin_landing(a_landing(execution_id)), "done", 12.0)
    return keys


async def made(path: Path, tasks: int = 400) -> SqliteJournal:
    """A started journal with one finished execution."""
    journal = SqliteJournal(path)
    journal.start()
    await filled(journal, tasks)
    return journal


async def opened(path: Path) -> SqliteJournal:
    journal = SqliteJournal(path)
    journal.start()
    return journal


def everything_in(journal: SqliteJournal) -> tuple[Any, ...]:
    records = records_of(journal)
    calls = journal.read_now(lambda reader: [reader.find_call(record.key, "hash", 0) for record in records])
    return execution_of(journal), records, history_of(journal), calls, landings_of(journal)


def pages_in(path: Path) -> int:
    return path.stat().st_size // PAGE


def overwrite(path: Path, pages: Sequence[int], seed: int = 1) -> None:
    """Fill pages (numbered from 1) with noise."""
    chance = random.Random(seed)
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(chance.randbytes(PAGE))


def pages_of(path: Path, table: str) -> list[int]:
    """The pages that hold the rows of a table, in the order of its keys; those that rows go on on are left out."""
    connection = bare(path)
    found = connection.execute(
        "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (table,)
    ).fetchall()
    connection.close()
    return [row[0] for row in found]


def root_of(path: Path, table: str) -> int:
    connection = bare(path)
    ((page,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchall()
    connection.close()
    return page


def content_of(path: Path) -> bytes:
    return path.read_bytes()
