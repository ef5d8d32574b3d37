"""What went wrong, added up over random attempts and compared with a plain count."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.error_report import WHAT_TO_DO, ErrorReport
from parallel_agents.core.outcome import ErrorClass, ErrorRecord
from parallel_agents.core.session import timestamp
from parallel_agents.core.states import State
from parallel_agents.core.task import AttemptRecord, Task, TaskRecord

AGENTS = ("scoring-agent", "oral-explanation")


def an_attempt(number: int, error: ErrorRecord | None, *, charged: bool, at: float, outcome: str) -> AttemptRecord:
    nothing: dict[str, Any] = dict.fromkeys(
        ("duration_ms", "waited_ms", "cpu_ms", "peak_memory_mb", "thread_id", "generation_ms", "input_tokens")
    )
    return AttemptRecord(
        attempt=number,
        worker_pid=1,
        started_at=at - 1,
        ended_at=at,
        outcome=outcome,
        charged=charged,
        error=error,
        calls=0,
        replayed=0,
        output_tokens=None,
        model=None,
        is_language_model=None,
        effective={},
        **nothing,
    )


def a_record(position: int, agent: str, attempts: tuple[AttemptRecord, ...], state: State) -> TaskRecord:
    task = Task(
        task_id=f"task-{position}",
        position=position,
        agent_name=agent,
        input_data=b"\x80",
        priority="normal",
        rank=2,
        timeout_s=1,
        retry_attempts=3,
        memory_mb=1,
        canvas_path=None,
        node_id=None,
        metadata=b"\x80",
    )
    return TaskRecord(
        key=position,
        execution_id="exec-1",
        task=task,
        state=state,
        attempt=len(attempts),
        charged=0,
        losses=0,
        submitted_at=0,
        completed_at=None,
        due_at=None,
        output=None,
        result_status=None,
        result_reason=None,
        fallback="none",
        attempts=attempts,
    )


def an_error(error_class: ErrorClass, message: str = "broken") -> ErrorRecord:
    return ErrorRecord(error_class=error_class, type="X", message=message)


def report_of(tasks: list[TaskRecord]) -> dict[str, Any]:
    report = ErrorReport()
    for task in tasks:
        report.add(task)
    return report.told()


failures = st.tuples(st.sampled_from(ErrorClass), st.booleans(), st.floats(1000, 2000, allow_nan=False))
drawn_tasks = st.lists(
    st.tuples(
        st.sampled_from(AGENTS), st.lists(failures, max_size=4), st.sampled_from([State.COMPLETED, State.FAILED])
    ),
    max_size=12,
)


@given(drawn_tasks)
def test_a_report_counts_what_a_plain_count_counts(
    drawn: list[tuple[str, list[tuple[ErrorClass, bool, float]], State]],
) -> None:
    tasks = [
        a_record(
            position,
            agent,
            tuple(
                an_attempt(n, an_error(kind), charged=charged, at=at, outcome="failed")
                for n, (kind, charged, at) in enumerate(errors, start=1)
            ),
            state,
        )
        for position, (agent, errors, state) in enumerate(drawn)
    ]
    told = report_of(tasks)
    flat = [(agent, kind.value, charged, at) for agent, errors, _ in drawn for kind, charged, at in errors]
    assert told["total_errors"] == len(flat)
    assert told["charged_errors"] == sum(charged for _, _, charged, _ in flat)
    assert told["tasks_with_errors"] == sum(1 for _, errors, _ in drawn if errors)
    assert {group["class"]: group["errors"] for group in told["by_class"]} == Counter(kind for _, kind, _, _ in flat)
    assert {group["agent_name"]: group["errors"] for group in told["by_agent"]} == Counter(a for a, _, _, _ in flat)
    for group in told["by_class"]:
        mine = [(agent, charged, at) for agent, kind, charged, at in flat if kind == group["class"]]
        assert group["agents"] == Counter(agent for agent, _, _ in mine)
        assert group["charged"] == sum(charged for _, charged, _ in mine)
        assert group["first_at"] == timestamp(min(at for _, _, at in mine))
        assert group["last_at"] == timestamp(max(at for _, _, at in mine))
        assert group["tasks"] == sum(any(k.value == group["class"] for k, _, _ in errors) for _, errors, _ in drawn)
        ended_by = [errors[-1][0].value for _, errors, state in drawn if errors and state is State.FAILED]
        assert group["failed_tasks"] == ended_by.count(group["class"])
    assert sum(group["failed_tasks"] for group in told["by_agent"]) == sum(
        1 for _, errors, state in drawn if errors and state is State.FAILED
    )
    assert [group["errors"] for group in told["by_class"]] == sorted(
        (group["errors"] for group in told["by_class"]), reverse=True
    )


def test_the_example_is_the_first_error_of_the_first_task_and_names_its_attempt() -> None:
    first = an_attempt(1, an_error(ErrorClass.TIMEOUT, "too slow"), charged=True, at=5, outcome="timed_out")
    second = an_attempt(2, an_error(ErrorClass.TIMEOUT, "slower"), charged=True, at=4, outcome="timed_out")
    (group,) = report_of([a_record(7, AGENTS[0], (first, second), State.FAILED)])["by_class"]
    assert group["example"] == {"task_id": "task-7", "attempt": 1, "message": "too slow"}


def test_attempts_taken_back_are_no_errors_but_a_closed_lane_is_one() -> None:
    shutdown = an_attempt(1, an_error(ErrorClass.TRANSIENT), charged=False, at=5, outcome="interrupted")
    closed = an_attempt(2, an_error(ErrorClass.TERMINAL, "no credit"), charged=False, at=6, outcome="interrupted")
    told = report_of([a_record(1, AGENTS[0], (shutdown, closed), State.PENDING)])
    assert (told["total_errors"], told["charged_errors"], told["attempts_taken_back"]) == (1, 0, 1)
    assert [group["class"] for group in told["by_class"]] == ["terminal"]


def test_a_task_that_was_only_taken_back_leaves_no_error() -> None:
    shutdown = an_attempt(1, an_error(ErrorClass.TRANSIENT), charged=False, at=5, outcome="interrupted")
    told = report_of([a_record(1, AGENTS[0], (shutdown,), State.PENDING)])
    assert (told["total_errors"], told["tasks_with_errors"], told["by_class"], told["by_agent"]) == (0, 0, [], [])


def test_there_is_something_to_do_about_every_class() -> None:
    assert set(WHAT_TO_DO) == set(ErrorClass)
