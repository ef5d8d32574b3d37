from __future__ import annotations

import asyncio
import threading

import apsw
import pytest
from tests.journal.scene import (
    EXECUTION,
    OTHER,
    WORKER,
    a_task,
    an_execution,
    counts_of,
    history_of,
    keys_of,
    seen,
    settle_one,
    settled,
    submitted,
)

from parallel_agents.core.errors import JournalError
from parallel_agents.core.execution import Counts
from parallel_agents.core.states import State, Trigger
from parallel_agents.journal import SqliteJournal
from parallel_agents.journal.opening import open_reading
from parallel_agents.ports.entries import Order
from parallel_agents.ports.journal import Reader


async def test_nothing_is_found_in_an_empty_journal(journal: SqliteJournal) -> None:
    def look(reader: Reader) -> None:
        assert reader.execution(EXECUTION) is None
        assert reader.executions() == []
        assert reader.counts(EXECUTION) == Counts()
        assert reader.tasks(EXECUTION) == []
        assert reader.ready(EXECUTION, exclude=(), limit=9, order="priority") == []
        assert not reader.has_pending(EXECUTION)
        assert reader.next_due_at(EXECUTION) is None
        assert reader.highest_open_priority(EXECUTION) is None
        assert reader.discarded(EXECUTION) == 0
        assert reader.history(EXECUTION) == []
        assert reader.find_call(1, "hash", 0) is None
        assert reader.open_commands([EXECUTION]) == []
        assert reader.command(1) is None

    await journal.read(look)
    journal.read_now(look)


async def test_executions_come_newest_first_whatever_the_clock_said(journal: SqliteJournal) -> None:
    await journal.submit(an_execution("exec-old", submitted_at=1.0), [])
    await journal.submit(an_execution("exec-new", submitted_at=3.0), [])
    await journal.submit(an_execution("exec-last", submitted_at=2.0), [])

    found = await journal.read(lambda reader: reader.executions())

    assert [one.execution_id for one in found] == ["exec-last", "exec-new", "exec-old"]


async def test_tasks_are_counted_by_state(journal: SqliteJournal) -> None:
    first, second, third, *_ = await submitted(journal, 5)
    for key in (first, second, third):
        await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(first, 1))
    await settle_one(journal, settled(second, 1, Trigger.GAVE_UP))

    assert counts_of(journal) == Counts(pending=2, running=1, completed=1, failed=1)


async def test_tasks_are_read_in_pages_and_by_state(journal: SqliteJournal) -> None:
    keys = await submitted(journal, 6)
    for key in (keys[1], keys[3], keys[5]):
        await journal.begin(key, 1, WORKER, 1.0)

    def positions(reader: Reader, states: set[State] | None, after: int, limit: int) -> list[int]:
        found = reader.tasks(EXECUTION, states=states, after=after, limit=limit)
        assert all(len(one.attempts) == one.attempt for one in found)
        return [one.task.position for one in found]

    assert seen(journal, lambda reader: positions(reader, None, -1, -1)) == [0, 1, 2, 3, 4, 5]
    assert seen(journal, lambda reader: positions(reader, None, 1, 2)) == [2, 3]
    assert seen(journal, lambda reader: positions(reader, {State.RUNNING}, -1, -1)) == [1, 3, 5]
    assert seen(journal, lambda reader: positions(reader, {State.RUNNING}, 1, 1)) == [3]
    assert seen(journal, lambda reader: positions(reader, {State.PENDING, State.RUNNING}, 2, 2)) == [3, 4]
    assert seen(journal, lambda reader: positions(reader, set(), -1, -1)) == []


@pytest.mark.parametrize(
    ("order", "expected"), [("priority", [2, 4, 1, 3, 0]), ("fifo", [0, 1, 2, 3, 4]), ("lifo", [4, 3, 2, 1, 0])]
)
async def test_ready_tasks_come_in_the_order_asked_for(
    journal: SqliteJournal, order: Order, expected: list[int]
) -> None:
    await journal.submit(an_execution(), [a_task(place, rank=rank) for place, rank in enumerate([3, 1, 0, 1, 0])])
    keys = keys_of(journal)

    def positions(reader: Reader, exclude: list[int], limit: int) -> list[int]:
        found = reader.ready(EXECUTION, exclude=exclude, limit=limit, order=order)
        return [one.task.position for one in found]

    assert seen(journal, lambda reader: positions(reader, [], 9)) == expected
    assert seen(journal, lambda reader: positions(reader, [], 2)) == expected[:2]
    excluded = [keys[expected[0]], keys[expected[2]]]
    assert seen(journal, lambda reader: positions(reader, excluded, 2)) == [expected[1], expected[3]]


async def test_a_ready_task_carries_what_the_dispatcher_needs(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(key, 1, Trigger.WORKER_LOST, lost_worker=True))

    (ready,) = await journal.read(lambda reader: reader.ready(EXECUTION, exclude=(), limit=1, order="priority"))

    assert (ready.key, ready.execution_id, ready.task) == (key, EXECUTION, a_task(0))
    assert (ready.attempt, ready.charged, ready.losses, ready.final_round) == (1, 1, 1, False)


async def test_tasks_of_other_executions_are_not_seen(journal: SqliteJournal) -> None:
    await submitted(journal, 2)
    (key,) = await submitted(journal, 1, OTHER)
    await journal.begin(key, 1, WORKER, 1.0)

    assert counts_of(journal) == Counts(pending=2)
    assert len(history_of(journal, OTHER)) == 2
    assert not seen(journal, lambda reader: reader.has_pending(OTHER))
    assert seen(journal, lambda reader: reader.has_pending(EXECUTION))
    assert await journal.cancel(EXECUTION, 1.0) == 2
    assert counts_of(journal, OTHER) == Counts(running=1)


async def test_the_highest_open_priority_is_that_of_what_is_not_settled(journal: SqliteJournal) -> None:
    levels = [("low", 3), ("urgent", 0), ("high", 1), ("normal", 2)]
    await journal.submit(an_execution(), [a_task(n, priority=name, rank=rank) for n, (name, rank) in enumerate(levels)])
    low, urgent, high, normal = keys_of(journal)

    def highest() -> str | None:
        return seen(journal, lambda reader: reader.highest_open_priority(EXECUTION))

    assert highest() == "urgent"
    await journal.begin(urgent, 1, WORKER, 1.0)
    assert highest() == "urgent"
    await settle_one(journal, settled(urgent, 1))
    assert highest() == "high"
    await journal.begin(high, 1, WORKER, 1.0)
    await settle_one(journal, settled(high, 1, Trigger.RETRY_SCHEDULED, due_at=99.0))
    assert highest() == "high"
    await journal.cancel(EXECUTION, 2.0)
    assert highest() is None
    await journal.retry(EXECUTION, [a_task(0).task_id, a_task(3).task_id], 3.0)
    assert highest() == "normal"
    assert {low, normal} == {
        one.key for one in seen(journal, lambda reader: reader.tasks(EXECUTION, states=[State.PENDING]))
    }


async def test_the_history_is_read_in_pages(journal: SqliteJournal) -> None:
    await submitted(journal, 5)
    lines = history_of(journal)

    page = await journal.read(lambda reader: reader.history(EXECUTION, after=lines[1].sequence, limit=2))

    assert page == lines[2:4]


async def test_a_read_works_inside_a_running_loop_and_from_another_thread(journal: SqliteJournal) -> None:
    await submitted(journal, 2)

    elsewhere = await asyncio.to_thread(journal.read_now, lambda reader: reader.counts(EXECUTION))

    assert elsewhere == counts_of(journal) == Counts(pending=2)


async def test_a_read_runs_off_the_event_loop(journal: SqliteJournal) -> None:
    assert await journal.read(lambda _: threading.current_thread()) is not threading.current_thread()
    assert journal.read_now(lambda _: threading.current_thread()) is threading.current_thread()


async def test_many_threads_may_read_at_once(journal: SqliteJournal) -> None:
    keys = await submitted(journal, 40)

    def look() -> set[int]:
        return {seen(journal, lambda reader: reader.counts(EXECUTION)).total for _ in range(50)}

    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(asyncio.to_thread(look)) for _ in range(4)]
        for key in keys:
            await journal.begin(key, 1, WORKER, 1.0)
            assert await settle_one(journal, settled(key, 1))
    assert [look.result() for look in looks] == [{40}] * 4


async def test_an_error_in_a_query_reaches_the_caller_and_the_next_read_works(journal: SqliteJournal) -> None:
    def fail(_: Reader) -> None:
        raise ValueError("from the query")

    with pytest.raises(ValueError, match="from the query"):
        await journal.read(fail)
    with pytest.raises(ValueError, match="from the query"):
        journal.read_now(fail)
    assert counts_of(journal) == Counts()


async def test_one_read_sees_one_state(file_journal: SqliteJournal) -> None:
    (key,) = await submitted(file_journal, 1)
    first_look, written = threading.Event(), threading.Event()

    def look_twice(reader: Reader) -> tuple[Counts, Counts]:
        before = reader.counts(EXECUTION)
        first_look.set()
        assert written.wait(30)
        return before, reader.counts(EXECUTION)

    async with asyncio.TaskGroup() as group:
        looking = group.create_task(file_journal.read(look_twice))
        await asyncio.to_thread(first_look.wait, 30)
        assert await file_journal.begin(key, 1, WORKER, 1.0)
        written.set()

    assert looking.result() == (Counts(pending=1), Counts(pending=1))
    assert counts_of(file_journal) == Counts(running=1)


async def test_a_reading_connection_cannot_write(file_journal: SqliteJournal) -> None:
    await submitted(file_journal, 1)
    database = open_reading(file_journal.path, file_journal.path, threading.Lock(), lock_timeout_s=1)

    with pytest.raises(apsw.ReadOnlyError):
        database.execute("insert_file", {"execution_id": EXECUTION, "path": "a.json"})
    database.close()


async def test_a_journal_is_of_no_use_before_its_start_and_after_its_end() -> None:
    journal = SqliteJournal(":memory:")
    await journal.aclose()
    with pytest.raises(JournalError, match="not started"):
        journal.read_now(lambda reader: reader.executions())
    with pytest.raises(JournalError, match="not started"):
        await journal.pause(EXECUTION, None, 1.0)

    journal.start()
    journal.start()
    await submitted(journal, 1)
    await journal.aclose()
    await journal.aclose()

    with pytest.raises(JournalError, match="closed"):
        await journal.read(lambda reader: reader.executions())
    with pytest.raises(JournalError, match="closed"):
        journal.read_now(lambda reader: reader.executions())
    with pytest.raises(JournalError, match="closed"):
        await journal.pause(EXECUTION, None, 1.0)
    with pytest.raises(JournalError, match="closed"):
        journal.start()
