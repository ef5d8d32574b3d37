from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.journal.scene import (
    EXECUTION,
    OTHER,
    WORKER,
    an_execution,
    bare,
    counts_of,
    execution_of,
    names_in,
    record_of,
    records_of,
    settle_one,
    settled,
    submitted,
    tasks,
)

from parallel_agents.core.errors import JournalError
from parallel_agents.core.states import State
from parallel_agents.core.task import Task
from parallel_agents.journal import SqliteJournal
from parallel_agents.journal.writer import GROUP_LIMIT


async def test_writes_that_nobody_awaits_happen_in_the_order_of_the_calls(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)

    journal.begin(key, 1, WORKER, 1.0)
    journal.adopt(EXECUTION, 2.0)
    journal.begin(key, 2, WORKER, 3.0)
    assert await settle_one(journal, settled(key, 2))

    assert [one.outcome for one in record_of(journal, key).attempts] == ["engine_lost", "succeeded"]


async def test_a_write_that_breaks_a_rule_fails_alone(journal: SqliteJournal) -> None:
    first, second = await submitted(journal, 2)

    begun = [journal.begin(key, 1, WORKER, 1.0) for key in (first, second)]
    twin = journal.submit(an_execution(), tasks(1))
    bad = journal.settle(settled(first, 1, output=None))
    good = journal.settle(settled(second, 1))
    unbindable: Any = ["not a path"]
    odd = journal.add_files(EXECUTION, ["a path", unbindable])
    last = journal.settle(settled(first, 1))

    assert [await one for one in begun] == [True, True]
    for refused in (twin, bad, odd):
        with pytest.raises(JournalError, match="refused"):
            await refused
    assert await good
    assert await last
    assert {one.state for one in records_of(journal)} == {State.COMPLETED}
    assert execution_of(journal).file_paths == ()
    assert counts_of(journal).total == 2


async def test_a_failed_write_that_nobody_awaits_makes_no_noise(journal: SqliteJournal) -> None:
    noise: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))

    journal.record_call(99, "hash", 0, b"answer", 1.0)
    await submitted(journal, 1)
    gc.collect()

    assert noise == []


async def test_a_write_stands_when_its_caller_has_given_up(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)

    journal.begin(key, 1, WORKER, 1.0).cancel()
    assert await settle_one(journal, settled(key, 1))

    assert record_of(journal, key).state is State.COMPLETED


async def test_closing_commits_what_is_queued(tmp_path: Path) -> None:
    number = GROUP_LIMIT * 2 + 7
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    journal.start()
    keys = await submitted(journal, number)
    begun = [journal.begin(key, 1, WORKER, 1.0) for key in keys]
    ended = [journal.settle(settled(key, 1)) for key in keys]

    await journal.aclose()

    assert all([await one for one in begun])
    assert all([(await one).landed for one in ended])
    again = SqliteJournal(tmp_path / "journal.sqlite3")
    again.start()
    assert counts_of(again).completed == number
    await again.aclose()


async def test_two_who_close_at_once_both_wait_for_the_end(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    journal.start()
    journal.submit(an_execution(), tasks(50))

    async with asyncio.TaskGroup() as group:
        group.create_task(journal.aclose())
        group.create_task(journal.aclose())

    assert names_in(tmp_path) == ["journal.sqlite3"]


async def test_who_stops_waiting_for_the_end_does_not_stop_it(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    journal.start()
    await submitted(journal, 1)
    free = threading.Event()

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(journal.read(lambda _: free.wait(30)))
        closing = group.create_task(journal.aclose())
        await asyncio.sleep(0)  # both have begun
        closing.cancel()
        await asyncio.wait([closing])
        free.set()

    assert reading.result()
    await journal.aclose()
    assert names_in(tmp_path) == ["journal.sqlite3"]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("parallel-agents")]


async def test_each_event_loop_gets_its_own_answers(journal: SqliteJournal) -> None:
    first, second = await submitted(journal, 2)

    async def elsewhere() -> bool:
        await journal.begin(second, 1, WORKER, 1.0)
        return await settle_one(journal, settled(second, 1))

    async with asyncio.TaskGroup() as group:
        other = group.create_task(asyncio.to_thread(asyncio.run, elsewhere()))
        await journal.begin(first, 1, WORKER, 1.0)
        assert await settle_one(journal, settled(first, 1))

    assert other.result()
    assert counts_of(journal).completed == 2


async def test_an_answer_for_a_loop_that_is_gone_disturbs_nobody(journal: SqliteJournal) -> None:
    await submitted(journal, 1)

    async def ask_and_leave() -> None:
        journal.pause(EXECUTION, "user", 1.0)

    await asyncio.to_thread(asyncio.run, ask_and_leave())
    await submitted(journal, 1, OTHER)

    assert execution_of(journal).paused == "user"


async def test_a_write_waits_while_another_process_writes(file_journal: SqliteJournal) -> None:
    other = bare(file_journal.path)
    other.execute("BEGIN IMMEDIATE")

    write = file_journal.submit(an_execution(), tasks(1))
    assert await file_journal.read(lambda reader: reader.executions()) == []
    assert not write.done()
    other.execute("COMMIT")
    other.close()

    await write
    assert counts_of(file_journal).pending == 1


async def test_a_write_waits_on_when_the_lock_is_not_freed_in_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite3", lock_timeout_s=0.01)
    journal.start()
    other = bare(journal.path)
    other.execute("BEGIN IMMEDIATE")
    warned = asyncio.Event()
    loop = asyncio.get_running_loop()

    def notice(_record: object) -> bool:
        loop.call_soon_threadsafe(warned.set)
        return True

    caplog.handler.addFilter(notice)
    try:
        write = journal.submit(an_execution(), tasks(1))
        await asyncio.wait_for(warned.wait(), 30)
    finally:
        # pytest keeps one handler for all tests.
        caplog.handler.removeFilter(notice)
    assert not write.done()
    other.execute("COMMIT")
    other.close()

    await write
    assert "another process has kept it locked" in caplog.text
    await journal.aclose()


async def test_tasks_from_a_generator_are_all_kept_beside_a_write_that_fails(journal: SqliteJournal) -> None:
    await submitted(journal, 1, OTHER)

    bad = journal.submit(an_execution(OTHER), ())
    good = journal.submit(an_execution(), (task for task in tasks(5)))

    await good
    with pytest.raises(JournalError, match="refused"):
        await bad
    assert counts_of(journal).pending == 5


async def test_a_failure_while_tasks_are_made_reaches_the_caller(journal: SqliteJournal) -> None:
    def broken() -> Generator[Task]:
        yield from tasks(2)
        raise ValueError("the source ends here")

    with pytest.raises(ValueError, match="the source"):
        journal.submit(an_execution(), broken())
    assert counts_of(journal).total == 0
