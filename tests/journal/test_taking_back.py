from __future__ import annotations

import msgspec
import pytest
from tests.journal.scene import (
    EXECUTION,
    WORKER,
    a_task,
    execution_of,
    record_of,
    seen,
    settle_one,
    settled,
    submitted,
)

from parallel_agents.core.outcome import ErrorClass
from parallel_agents.core.states import State, Trigger
from parallel_agents.journal import SqliteJournal
from parallel_agents.ports.entries import Adopted


async def test_tasks_of_a_dead_engine_are_taken_back_uncharged(journal: SqliteJournal) -> None:
    ran, _, done = await submitted(journal, 3)
    for key in (ran, done):
        await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(done, 1))

    assert await journal.adopt(EXECUTION, 9.0) == Adopted(taken_back=1, poisoned=0)

    record = record_of(journal, ran)
    assert (record.state, record.charged, record.losses) == (State.PENDING, 0, 0)
    (attempt,) = record.attempts
    assert (attempt.outcome, attempt.ended_at, attempt.charged) == ("engine_lost", 9.0, False)
    assert (attempt.generation_ms, attempt.waited_ms, attempt.input_tokens) == (None, None, None)
    assert attempt.error is not None
    assert attempt.error.error_class is ErrorClass.ENGINE_LOST
    assert record_of(journal, done).state is State.COMPLETED


async def test_a_task_that_takes_three_engines_down_fails(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    for attempt in (1, 2):
        await journal.begin(key, attempt, WORKER, 1.0)
        assert await journal.adopt(EXECUTION, 2.0) == Adopted(taken_back=1, poisoned=0)
    await journal.begin(key, 3, WORKER, 3.0)

    assert await journal.adopt(EXECUTION, 4.0) == Adopted(taken_back=0, poisoned=1)

    record = record_of(journal, key)
    assert (record.state, record.charged, record.completed_at) == (State.FAILED, 1, 4.0)
    assert (record.result_status, [one.charged for one in record.attempts]) == ("error", [False, False, True])


async def test_a_retry_by_the_user_forgives_lost_engines(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    for attempt in (1, 2, 3):
        await journal.begin(key, attempt, WORKER, 1.0)
        await journal.adopt(EXECUTION, 2.0)
    await journal.retry(EXECUTION, None, 3.0)
    await journal.begin(key, 4, WORKER, 4.0)

    assert await journal.adopt(EXECUTION, 5.0) == Adopted(taken_back=1, poisoned=0)


@pytest.mark.parametrize(("stopped", "flags"), [(False, (True, False)), (True, (False, True))])
async def test_cancelling_spares_what_runs_and_what_is_done(
    journal: SqliteJournal, stopped: bool, flags: tuple[bool, bool]
) -> None:
    running, waiting, done, pending = await submitted(journal, 4)
    for key in (running, waiting, done):
        await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(waiting, 1, Trigger.RETRY_SCHEDULED, due_at=50.0))
    await settle_one(journal, settled(done, 1))

    assert await journal.cancel(EXECUTION, 7.0, stopped=stopped) == 2

    execution = execution_of(journal)
    assert (execution.cancel_requested, execution.stopped) == flags
    assert record_of(journal, running).state is State.RUNNING
    assert record_of(journal, done).state is State.COMPLETED
    for key in (waiting, pending):
        record = record_of(journal, key)
        assert (record.state, record.completed_at, record.due_at) == (State.CANCELLED, 7.0, None)


async def test_a_retry_by_the_user_starts_afresh_but_keeps_the_fence(journal: SqliteJournal) -> None:
    failed, cancelled, done = await submitted(journal, 3)
    for key in (failed, done):
        await journal.begin(key, 1, WORKER, 1.0)
    lost = settled(failed, 1, Trigger.POISONED, lost_worker=True, final_round=True, result_status="error")
    await settle_one(journal, msgspec.structs.replace(lost, result_reason="why", fallback="fail"))
    await settle_one(journal, settled(done, 1))
    await journal.cancel(EXECUTION, 2.0)
    await journal.cancel(EXECUTION, 2.0, stopped=True)
    await journal.end(EXECUTION, 3.0, b"\x80")

    assert await journal.retry(EXECUTION, None, 4.0) == 2

    record = record_of(journal, failed)
    assert (record.state, record.attempt, record.charged, record.losses) == (State.PENDING, 1, 0, 0)
    assert (record.completed_at, record.result_status, record.result_reason) == (None, None, None)
    assert record.fallback == "none"
    assert [one.charged for one in record.attempts] == [True]
    assert record_of(journal, cancelled).state is State.PENDING
    execution = execution_of(journal)
    assert (execution.cancel_requested, execution.stopped, execution.ended_at) == (False, False, None)
    (ready, _) = seen(journal, lambda reader: reader.ready(EXECUTION, exclude=(), limit=9, order="fifo"))
    assert not ready.final_round


async def test_only_named_tasks_are_retried(journal: SqliteJournal) -> None:
    first, second = await submitted(journal, 2)
    await journal.cancel(EXECUTION, 1.0)

    assert await journal.retry(EXECUTION, [a_task(1).task_id, "task-unknown"], 2.0) == 1

    assert record_of(journal, first).state is State.CANCELLED
    assert record_of(journal, second).state is State.PENDING


async def test_a_retry_that_finds_nothing_leaves_the_marks_of_the_end(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(key, 1))
    await journal.end(EXECUTION, 3.0, None)

    assert await journal.retry(EXECUTION, None, 4.0) == 0
    assert execution_of(journal).ended_at == 3.0
