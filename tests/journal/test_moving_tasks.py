from __future__ import annotations

from typing import Any

import pytest
from tests.journal.scene import (
    EXECUTION,
    OUTPUT,
    WORKER,
    a_task,
    an_error,
    an_execution,
    counts_of,
    execution_of,
    history_of,
    keys_of,
    record_of,
    records_of,
    seen,
    settle_one,
    settled,
    submitted,
)

from parallel_agents.core.errors import IllegalTransitionError, JournalError, UnknownExecutionError
from parallel_agents.core.outcome import ErrorClass, ErrorRecord
from parallel_agents.core.states import State, Trigger
from parallel_agents.core.task import AttemptRecord
from parallel_agents.journal import SqliteJournal
from parallel_agents.ports.entries import Released


async def test_a_submitted_execution_comes_back_as_it_was_given(journal: SqliteJournal) -> None:
    record = an_execution(file_paths=("a.json",), paused="user", stopped=True, resources=b"\x80", ended_at=7.25)
    given = [a_task(0), a_task(1, canvas_path=None, node_id=None, priority="urgent", rank=0)]

    await journal.submit(record, given)

    assert execution_of(journal) == record
    assert [one.task for one in records_of(journal)] == given
    assert {one.state for one in records_of(journal)} == {State.PENDING}
    assert {one.submitted_at for one in records_of(journal)} == {1000.5}


async def test_tasks_are_kept_in_the_submitted_order_however_they_arrive(journal: SqliteJournal) -> None:
    await journal.submit(an_execution(), [a_task(2), a_task(0), a_task(1)])

    assert [one.task.position for one in records_of(journal)] == [0, 1, 2]
    assert keys_of(journal) == sorted(keys_of(journal))


async def test_an_execution_is_submitted_whole_or_not_at_all(journal: SqliteJournal) -> None:
    twins = [a_task(0), a_task(1), a_task(2, task_id=a_task(0).task_id)]

    with pytest.raises(JournalError, match="UNIQUE"):
        await journal.submit(an_execution(), twins)

    assert seen(journal, lambda reader: reader.executions()) == []
    assert counts_of(journal).total == 0


async def test_a_started_attempt_says_where_it_runs(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)

    assert await journal.begin(key, 1, WORKER, 1500.0)

    record = record_of(journal, key)
    assert (record.state, record.attempt, record.charged) == (State.RUNNING, 1, 1)
    (attempt,) = record.attempts
    assert (attempt.worker_pid, attempt.thread_id, attempt.effective) == (4242, "thread-1", {"memory": "rlimit_data"})
    assert (attempt.started_at, attempt.ended_at, attempt.outcome, attempt.charged) == (1500.0, None, None, True)
    assert (attempt.generation_ms, attempt.input_tokens, attempt.is_language_model) == (None, None, None)


@pytest.mark.parametrize("attempt", [0, 1, 3])
async def test_an_attempt_starts_only_with_the_next_number(journal: SqliteJournal, attempt: int) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(key, 1, Trigger.INTERRUPTED))

    assert not await journal.begin(key, attempt, WORKER, 2.0)
    assert record_of(journal, key).state is State.PENDING
    assert await journal.begin(key, 2, WORKER, 2.0)


async def test_a_task_that_is_not_pending_does_not_start(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)

    assert not await journal.begin(key, 2, WORKER, 2.0)
    assert len(record_of(journal, key).attempts) == 1


async def test_a_settled_attempt_keeps_all_that_was_measured(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1500.0)

    assert await settle_one(journal, settled(key, 1, fallback="none", result_reason="因为"))

    record = record_of(journal, key)
    assert (record.state, record.completed_at, record.output) == (State.COMPLETED, 2000.0, OUTPUT)
    assert (record.result_status, record.result_reason, record.fallback) == ("success", "因为", "none")
    assert record.attempts == (
        AttemptRecord(
            attempt=1,
            worker_pid=4242,
            started_at=1500.0,
            ended_at=2000.0,
            outcome="succeeded",
            charged=True,
            error=None,
            duration_ms=120.0,
            waited_ms=15.0,
            cpu_ms=80.0,
            peak_memory_mb=3.5,
            thread_id="thread-9",
            calls=2,
            replayed=1,
            generation_ms=90.0,
            input_tokens=256,
            output_tokens=189,
            model="offline:extract",
            is_language_model=False,
            effective={"memory": "rlimit_data"},
        ),
    )


@pytest.mark.parametrize(
    ("trigger", "state", "charged"),
    [
        (Trigger.GAVE_UP, State.FAILED, 1),
        (Trigger.SKIPPED, State.SKIPPED, 1),
        (Trigger.WORKER_LOST, State.PENDING, 1),
        (Trigger.POISONED, State.FAILED, 1),
        (Trigger.INTERRUPTED, State.PENDING, 0),
        (Trigger.ENGINE_LOST, State.PENDING, 0),
        (Trigger.CANCELLED, State.CANCELLED, 1),
    ],
)
async def test_a_settlement_moves_and_charges_as_the_table_says(
    journal: SqliteJournal, trigger: Trigger, state: State, charged: int
) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)

    assert await settle_one(journal, settled(key, 1, trigger, output=OUTPUT))

    record = record_of(journal, key)
    assert (record.state, record.charged, record.output) == (state, charged, None)
    assert [(one.charged, one.error) for one in record.attempts] == [(bool(charged), an_error())]
    assert (record.completed_at is not None) == (state is not State.PENDING)


async def test_a_stale_attempt_cannot_overwrite_a_completed_task(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    await journal.adopt(EXECUTION, 2.0)
    await journal.begin(key, 2, WORKER, 3.0)
    await settle_one(journal, settled(key, 2))
    before = record_of(journal, key)

    assert not await settle_one(journal, settled(key, 1, output=b"late"))

    assert record_of(journal, key) == before
    assert seen(journal, lambda reader: reader.discarded(EXECUTION)) == 1
    line = history_of(journal)[-1]
    assert (line.trigger, line.source, line.target) == ("result_discarded", State.COMPLETED, State.COMPLETED)
    assert (line.attempt, line.detail) == (1, "succeeded")


async def test_a_late_result_is_refused_after_a_refund_and_a_retry_by_the_user(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(key, 1, Trigger.INTERRUPTED))
    await journal.begin(key, 2, WORKER, 2.0)
    await settle_one(journal, settled(key, 2, Trigger.GAVE_UP))
    await journal.retry(EXECUTION, None, 3.0)
    await journal.begin(key, 3, WORKER, 4.0)

    assert not await settle_one(journal, settled(key, 1, output=b"late"))
    assert not await settle_one(journal, settled(key, 2, output=b"late"))

    record = record_of(journal, key)
    assert (record.state, record.attempt, record.charged, record.output) == (State.RUNNING, 3, 1, None)


async def test_the_same_settlement_twice_lands_once(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)

    assert await settle_one(journal, settled(key, 1))
    assert not await settle_one(journal, settled(key, 1, output=b"again"))
    assert record_of(journal, key).output == OUTPUT


async def test_settling_an_unknown_task_lands_nowhere(journal: SqliteJournal) -> None:
    assert not await settle_one(journal, settled(99, 1))


@pytest.mark.parametrize("trigger", [Trigger.DUE, Trigger.RETRIED, Trigger.STARTED, Trigger.SUBMITTED])
async def test_a_trigger_that_ends_no_attempt_is_refused(journal: SqliteJournal, trigger: Trigger) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)

    with pytest.raises(IllegalTransitionError):
        await settle_one(journal, settled(key, 1, trigger))
    assert record_of(journal, key).state is State.RUNNING


async def test_a_success_without_an_output_is_refused(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)

    with pytest.raises(JournalError, match="CHECK"):
        await settle_one(journal, settled(key, 1, output=None))

    record = record_of(journal, key)
    assert (record.state, record.attempts[0].outcome) == (State.RUNNING, None)


async def test_text_that_is_not_unicode_does_not_cost_a_result(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    odd = ErrorRecord(error_class=ErrorClass.ITEM, type="ItemError", message="bad \udcff 名", raw="\ud800")

    assert await settle_one(journal, settled(key, 1, Trigger.GAVE_UP, error=odd, result_reason="bad \udcff"))

    record = record_of(journal, key)
    assert record.result_reason == "bad \\udcff"
    error = record.attempts[0].error
    assert error is not None
    assert (error.message, error.raw, error.traceback) == ("bad \\udcff 名", "\\ud800", None)


async def test_a_retry_waits_until_it_is_due(journal: SqliteJournal) -> None:
    first, second = await submitted(journal, 2)
    for key, due_at in ((first, 50.0), (second, 60.0)):
        await journal.begin(key, 1, WORKER, 1.0)
        await settle_one(journal, settled(key, 1, Trigger.RETRY_SCHEDULED, due_at=due_at))

    assert seen(journal, lambda reader: reader.next_due_at(EXECUTION)) == 50.0
    assert await journal.release_due(EXECUTION, 49.9) == Released(0, 50.0)
    assert await journal.release_due(EXECUTION, 50.0) == Released(1, 60.0)
    assert record_of(journal, first).state is State.PENDING
    assert record_of(journal, first).due_at is None
    assert record_of(journal, second).due_at == 60.0
    assert await journal.release_due(EXECUTION, 60.0) == Released(1, None)


async def test_a_retry_without_a_time_waits_for_the_final_round(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(key, 1, Trigger.RETRY_SCHEDULED, final_round=True))

    assert seen(journal, lambda reader: reader.next_due_at(EXECUTION)) is None
    assert await journal.release_due(EXECUTION, 1e12) == Released(0, None)
    assert await journal.release_final_round(EXECUTION, 5.0) == 1
    (ready,) = seen(journal, lambda reader: reader.ready(EXECUTION, exclude=(), limit=9, order="priority"))
    assert (ready.final_round, ready.attempt, ready.charged) == (True, 1, 1)


async def test_a_task_in_its_final_round_stays_in_it(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(key, 1, Trigger.RETRY_SCHEDULED, final_round=True))
    await journal.release_final_round(EXECUTION, 5.0)
    await journal.begin(key, 2, WORKER, 6.0)
    await settle_one(journal, settled(key, 2, Trigger.INTERRUPTED))

    (ready,) = seen(journal, lambda reader: reader.ready(EXECUTION, exclude=(), limit=9, order="priority"))
    assert (ready.final_round, ready.attempt) == (True, 2)


async def test_lost_workers_are_counted(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    for attempt in (1, 2):
        await journal.begin(key, attempt, WORKER, 1.0)
        await settle_one(journal, settled(key, attempt, Trigger.WORKER_LOST, outcome="worker_lost", lost_worker=True))

    record = record_of(journal, key)
    assert (record.losses, record.charged, record.state) == (2, 2, State.PENDING)


async def test_the_history_tells_the_life_of_a_task(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    await settle_one(journal, settled(key, 1, Trigger.RETRY_SCHEDULED, due_at=50.0, at=2.0))
    await journal.release_due(EXECUTION, 51.0)
    await journal.begin(key, 2, WORKER, 52.0)
    await settle_one(journal, settled(key, 2, at=53.0))

    lines = history_of(journal)
    assert [(line.trigger, line.source, line.target, line.attempt, line.at) for line in lines] == [
        ("submitted", None, "pending", 0, 1000.5),
        ("started", "pending", "running", 1, 1.0),
        ("retry_scheduled", "running", "waiting", 1, 2.0),
        ("due", "waiting", "pending", 1, 51.0),
        ("started", "pending", "running", 2, 52.0),
        ("succeeded", "running", "completed", 2, 53.0),
    ]
    assert lines[2].detail == "failed: the provider is overloaded"
    assert {line.task_id for line in lines} == {a_task(0).task_id}


@pytest.mark.parametrize("name", ["adopt", "cancel", "retry", "pause", "end", "add_files", "ask"])
async def test_an_unknown_execution_is_an_error(journal: SqliteJournal, name: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "retry": (None, 1.0),
        "pause": ("user", 1.0),
        "end": (1.0, None),
        "add_files": (["a.json"],),
        "ask": ("cancel", {}, 1.0),
    }

    with pytest.raises(UnknownExecutionError, match="exec-nowhere"):
        await getattr(journal, name)("exec-nowhere", *arguments.get(name, (1.0,)))
