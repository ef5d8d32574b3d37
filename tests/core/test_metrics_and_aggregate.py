from __future__ import annotations

import msgspec
import pytest

from parallel_agents.core import metrics
from parallel_agents.core.aggregate import ResultAggregator, with_derived
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


def test_serial_time_counts_accepted_attempts_only() -> None:
    tasks = [
        record(0, State.COMPLETED, attempt(0, 1, outcome="worker_lost"), attempt(1, 3, number=2)),
        record(1, State.FAILED, attempt(0, 4, outcome="failed")),
    ]
    found = metrics.efficiency(0.0, 2, tasks, now=100.0)
    assert found.total_execution_time_ms == 4000
    assert found.estimated_serial_time_ms == 2000
    assert found.efficiency_ratio == 0.5
    assert found.concurrency_utilization == pytest.approx(7 / 8)


def test_what_nobody_observed_is_null_and_not_zero() -> None:
    found = metrics.efficiency(0.0, 4, [record(0, State.PENDING)], now=5.0)
    assert found.estimated_serial_time_ms is None
    assert found.efficiency_ratio is None
    assert found.ideal_ratio is None
    assert metrics.throughput(0.0, [record(0, State.PENDING)], 5.0).tasks_per_second is None


@pytest.mark.parametrize(("tasks", "at_once", "ideal"), [(16, 8, 8.0), (12, 8, 6.0), (3, 8, 3.0), (9, 8, 4.5)])
def test_the_ideal_is_the_number_of_tasks_over_the_number_of_rounds(tasks: int, at_once: int, ideal: float) -> None:
    done = [record(position, State.COMPLETED, attempt(0, 1)) for position in range(tasks)]
    assert metrics.efficiency(0.0, at_once, done, 9.0).ideal_ratio == ideal


def test_percentiles_are_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [metrics.percentile(values, share) for share in (0.5, 0.95, 0.99)] == [50.0, 95.0, 99.0]
    assert metrics.percentile([], 0.5) is None


def test_totals_count_accepted_outputs_and_leave_out_what_does_not_apply() -> None:
    aggregator = ResultAggregator()
    questions = [
        {"text": "什么是逆否命题？", "type": "定义型", "difficulty": "基础", "guidance": "💡 提示：从定义开始"},
        {"text": "举一个例子", "type": "实例型", "difficulty": "深度", "guidance": ""},
    ]
    aggregator.add("basic-decomposition", "success", {"sub_questions": questions})
    aggregator.add("scoring-agent", "unscored", None)
    assert aggregator.merged() == {
        "results_per_agent": {"basic-decomposition": 1, "scoring-agent": 1},
        "total_sub_questions": 2,
        "guidance_provided_count": 1,
        "difficulty_distribution": {"advanced": 1, "basic": 1, "intermediate": 0},
        "unscored_count": 1,
    }


def test_no_results_give_no_numbers() -> None:
    assert ResultAggregator().merged() == {"results_per_agent": {}}


def test_total_count_and_guidance_are_derived_and_nothing_is_changed() -> None:
    output = {"sub_questions": [{"text": "a", "guidance": ""}], "note": 1}
    assert with_derived(output) == {**output, "total_count": 1, "has_guidance": False}
    assert with_derived({"markdown": "x"}) == {"markdown": "x"}
