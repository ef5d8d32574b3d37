from __future__ import annotations

import io
from typing import Any

import pytest

from parallel_agents.cli.codes import code_of
from parallel_agents.cli.progress import PlainProgress
from parallel_agents.cli.summary import summary_lines
from parallel_agents.core.events import Event, EventType

NO_TOKENS = {
    "input_tokens": None,
    "output_tokens": None,
    "total_tokens": None,
    "cached_input_tokens": None,
    "cost_usd": None,
    "known_cost_usd": None,
    "requests_of_unknown_cost": 0,
}


def event(kind: EventType, **data: Any) -> Event:
    return Event(type=kind, execution_id="exec-1", at=0.0, task_id="task-1", attempt=2, data=data)


def test_plain_progress_counts_what_has_ended_and_names_failures() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream, total=4, done=1)
    progress.hear(event(EventType.TASK_STARTED, agent="echo"))
    progress.hear(event(EventType.TASK_COMPLETED, node_id="n1", duration_ms=2140.0))
    progress.hear(event(EventType.TASK_RETRYING, node_id="n2", outcome="timed_out", message="too slow"))
    progress.hear(event(EventType.TASK_FAILED, node_id="n2", message="too slow"))
    progress.hear(event(EventType.TASK_COMPLETED, result_status="unscored", message="cannot judge"))
    assert stream.getvalue().splitlines() == [
        "[2/4] completed node n1 (2.1 s)",
        "[2/4] retrying  node n2: attempt 2 timed_out: too slow",
        "[3/4] failed    node n2: too slow",
        "[4/4] unscored  task-1: cannot judge",
    ]


def body(status: str, **queue: int) -> dict[str, Any]:
    states = ("total", "pending", "running", "completed", "reused", "failed", "skipped", "cancelled")
    failures = [
        {
            "task_id": f"t{number}",
            "canvas_path": None,
            "node_id": None,
            "note_path": None,
            "class": "item" if number else "timeout",
            "message": "broken",
        }
        for number in range(queue.get("failed", 0))
    ]
    times = {"total_execution_time_ms": 2000, "estimated_serial_time_ms": 16000, "efficiency_ratio": 8.0}
    return {
        "parallel_agent_execution": {
            "execution_id": "exec-1",
            "overall_status": status,
            "source": "库",
            "pause_reason": "quota: gone" if status == "paused" else None,
            "resume_at": "2026-11-24T12:00:00.000Z" if status == "paused" else None,
            "submission_timestamp": "2025-01-22T17:00:00.000Z",
            "model": {"name": "offline", "is_language_model": False},
            "task_queue": {f"{state}_tasks": queue.get(state, 0) for state in states},
            "error_management": {"failed_tasks": failures},
            "budget": None,
            "performance_metrics": {"parallel_efficiency": times, "token_usage": NO_TOKENS},
        }
    }


@pytest.mark.parametrize(
    ("more", "cost"),
    [
        ({"cost_usd": 0.0123, "known_cost_usd": 0.0123}, "cost: $0.012300"),
        ({"known_cost_usd": 0.01, "requests_of_unknown_cost": 2}, "cost: $0.010000 and what 2 other requests may have"),
        ({"requests_of_unknown_cost": 3}, "cost: unknown"),
    ],
)
def test_tokens_are_told_with_their_cost_and_an_unknown_one_is_no_zero(more: dict[str, Any], cost: str) -> None:
    document = body("completed", total=1, completed=1)
    found = {**NO_TOKENS, "input_tokens": 1000, "output_tokens": 20, "total_tokens": 1020, **more}
    document["parallel_agent_execution"]["performance_metrics"]["token_usage"] = found
    lines = summary_lines(document, None)
    assert "tokens: 1,000 in, 20 out" in lines
    assert next(line for line in lines if line.startswith("cost")).startswith(cost)
    found["cached_input_tokens"] = 600
    assert "tokens: 1,000 in, of them 600 from the provider's cache, and 20 out" in summary_lines(document, None)


def test_a_budget_is_told_with_what_is_spent_of_it() -> None:
    document = body("completed", total=1, completed=1)
    budget = {"usd": 0.5, "tokens": 9000, "spent_usd": 0.0123, "spent_tokens": 1020}
    document["parallel_agent_execution"]["budget"] = budget
    lines = summary_lines(document, None)
    assert "budget: $0.500000 in all, $0.012300 spent" in lines
    assert "budget: 9,000 tokens in all, 1,020 spent" in lines


def test_a_summary_tells_counts_failures_time_and_what_the_model_is() -> None:
    lines = summary_lines(body("completed_with_errors", total=30, completed=5, failed=25), None)
    assert lines[0].startswith("exec-1  completed_with_errors  5 of 30 tasks completed")
    assert lines[1] == "25 failed"
    assert lines[2] == "failed t0: broken"
    assert "… and 5 more failed" in lines
    assert "failed by: 24 item, 1 timeout; `parallel-agents errors exec-1` says what to do" in lines
    assert "8.00 times as fast" in lines[-2]
    assert "not a language model" in lines[-1]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ({"canvas_path": "库", "node_id": "n1"}, "node n1"),
        ({"canvas_path": "库/a.canvas", "node_id": "n1"}, "node n1 of 库/a.canvas"),
        ({"note_path": "库/a.md"}, "库/a.md"),
    ],
)
def test_a_failure_names_its_node_and_canvas_or_its_note(place: dict[str, str], name: str) -> None:
    found = body("failed", total=1, failed=1)
    found["parallel_agent_execution"]["error_management"]["failed_tasks"][0] |= place
    assert summary_lines(found, None)[2] == f"failed {name}: broken"


@pytest.mark.parametrize(
    ("status", "code"),
    [("completed", 0), ("completed_with_errors", 1), ("failed", 1), ("cancelled", 1), ("paused", 3)],
)
def test_exit_codes_follow_the_status(status: str, code: int) -> None:
    assert code_of(body(status)) == code
    assert ("(quota: gone)" in summary_lines(body(status), None)[0]) == (status == "paused")


def test_a_summary_says_how_many_results_are_earlier_ones_and_how_to_ask_again() -> None:
    for number, words in ((1, "1 result reused (--fresh asks again)"), (3, "3 results reused (--fresh asks again)")):
        assert words in summary_lines(body("completed", total=3, completed=3, reused=number), None)
    assert "reused" not in "".join(summary_lines(body("completed"), None))
