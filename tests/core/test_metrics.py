from __future__ import annotations

import msgspec
import pytest

from parallel_agents.core import metrics
from parallel_agents.core.states import State
from parallel_agents.core.task import AttemptRecord, Task, TaskRecord


def attempt(started_at: float, ended_at: float | None, *, number: int = 1, outcome: str = "succeeded") -> AttemptRecord:
    return AttemptRecord(
        attempt=number,
        worker_pid=1,
        started_at=started_at,
        ended_at=ended_at,
        outcome=outcome if ended_at is not None else None,
        charged=True,
        error=None,
        duration_ms=None if ended_at is None else (ended_at - started_at) * 1000,
        waited_ms=0.0,
        cpu_ms=None,
        peak_memory_mb=None,
        thread_id=None,
        calls=0,
        replayed=0,
        generation_ms=None,
        input_tokens=None,
        output_tokens=None,
        model=None,
        is_language_model=None,
        effective={},
    )


def record(position: int, state: State, *attempts: AttemptRecord) -> TaskRecord:
    task = Task(
        task_id=f"task-{position}",
        position=position,
        agent_name="echo",
        input_data=msgspec.msgpack.encode({}),
        priority="normal",
        rank=2,
        timeout_s=1.0,
        retry_attempts=0,
        memory_mb=64,
    )
    settled = state in {State.COMPLETED, State.FAILED}
    return TaskRecord(
        key=position,
        execution_id="exec-1",
        task=task,
        state=state,
        attempt=len(attempts),
        charged=len(attempts),
        losses=0,
        submitted_at=0.0,
        completed_at=attempts[-1].ended_at if settled else None,
        due_at=None,
        output=None,
        result_status=None,
        result_reason=None,
        fallback="none",
        attempts=attempts,
    )


def timing(tasks: list[TaskRecord], at_once: int, now: float = 100.0) -> metrics.Timing:
    found = metrics.Timing(0.0, at_once, now)
    for task in tasks:
        found.add(task)
    return found


def test_throughput_counts_settled_tasks_and_contexts_over_the_wall_time() -> None:
    done = [record(n, State.COMPLETED, attempt(0, n + 1)) for n in range(4)]
    found = timing(done, 2).throughput()
    assert (found.tasks_per_second, found.agents_per_second) == (1.0, 1.0)
    assert found.average_task_completion_time_ms == 2500
    assert (found.p50_task_completion_time_ms, found.p99_task_completion_time_ms) == (2000, 4000)


def test_an_open_task_keeps_the_clock_running() -> None:
    tasks = [record(0, State.COMPLETED, attempt(0, 1)), record(1, State.RUNNING, attempt(0, None))]
    found = timing(tasks, 2, now=8.0).efficiency()
    assert found.total_execution_time_ms == 8000
    assert found.concurrency_utilization == pytest.approx(9 / 16, abs=1e-4)


def test_serial_time_counts_accepted_attempts_only() -> None:
    tasks = [
        record(0, State.COMPLETED, attempt(0, 1, outcome="worker_lost"), attempt(1, 3, number=2)),
        record(1, State.FAILED, attempt(0, 4, outcome="failed")),
    ]
    found = timing(tasks, 2).efficiency()
    assert found.total_execution_time_ms == 4000
    assert found.estimated_serial_time_ms == 2000
    assert found.efficiency_ratio == 0.5
    assert found.concurrency_utilization == pytest.approx(7 / 8)


def test_what_nobody_observed_is_null_and_not_zero() -> None:
    seen = timing([record(0, State.PENDING)], 4)
    found = seen.efficiency()
    assert found.estimated_serial_time_ms is None
    assert found.efficiency_ratio is None
    assert found.ideal_ratio is None
    assert seen.throughput().tasks_per_second is None
    assert timing([], 4).efficiency().total_execution_time_ms is None


@pytest.mark.parametrize(("tasks", "at_once", "ideal"), [(16, 8, 8.0), (12, 8, 6.0), (3, 8, 3.0), (9, 8, 4.5)])
def test_the_ideal_is_the_number_of_tasks_over_the_number_of_rounds(tasks: int, at_once: int, ideal: float) -> None:
    done = [record(position, State.COMPLETED, attempt(0, 1)) for position in range(tasks)]
    assert timing(done, at_once).efficiency().ideal_ratio == ideal


def test_percentiles_are_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [metrics.percentile(values, share) for share in (0.5, 0.95, 0.99)] == [50.0, 95.0, 99.0]
    assert metrics.percentile([], 0.5) is None
