"""One function for each thing that a scenario may expect, and what holds for every scenario."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from tests.documents import STATES
from tests.scenarios.model import Expectation, Refusal
from tests.scenarios.stage import Played, mark_of

from parallel_agents import EventType

Check = Callable[[Played, Any], None]


def check_everything(played: Played) -> None:
    """Check what the scenario expects, and what holds always."""
    expected = played.scenario.expect
    for body in played.bodies:
        assert body["task_queue"]["total_tasks"] == len(played.tasks)
    if expected.refused is None:
        assert played.refused is None, played.refused
        _results_hold(played)
    for name, value in _stated(expected):
        CHECKS[name](played, value)


def contraries(expected: Expectation) -> Iterable[tuple[str, Any]]:
    """For each thing that is expected, something else that the same run must not pass."""
    for name, value in _stated(expected):
        match value:
            case True | Refusal():
                continue  # a yes has no neighbour; `test_results_that_are_mixed_up_or_left_traces_are_seen` has those
            case False:
                yield name, True
            case int():
                yield name, value + 1
            case str():
                yield name, f"{value}-not"
            case dict():
                yield name, {**value, "no-such": 1}
            case list():
                yield name, [*value, "no-such"]
            case _:
                yield name, (value[1] + 1, value[1] + 1)


def _stated(expected: Expectation) -> Iterable[tuple[str, Any]]:
    for field in msgspec.structs.fields(expected):
        value = getattr(expected, field.name)
        if value is not None:
            yield field.name, value


def _results_hold(played: Played) -> None:
    sessions, body = played.sessions, played.body
    queue = Counter(session["status"] for session in sessions)
    assert [queue[state] for state in STATES] == [body["task_queue"][f"{state}_tasks"] for state in STATES]
    contexts = [session["input_data"]["context_window"]["context_id"] for session in sessions]
    for ids in (contexts, *([session[key] for session in sessions] for key in ("session_id", "task_id"))):
        assert len(set(ids)) == len(played.tasks)
    for session, task in zip(sessions, played.tasks, strict=True):
        _session_holds(session, task)
    retries = sum(session["error_handling"]["retry_count"] for session in sessions)
    assert body["error_management"]["error_recovery_attempts"] == retries
    assert len(body["error_management"]["failed_tasks"]) == queue["failed"]
    assert body["error_management"]["context_conflicts_detected"] == 0
    assert played.metrics == body["performance_metrics"]


def _session_holds(session: dict[str, Any], task: dict[str, Any]) -> None:
    given = session["input_data"]
    assert {key: given[key] for key in task["input_data"]} == task["input_data"]
    for key in ("canvas_path", "node_id"):
        assert given.get(key) == task.get(key)
    assert session["agent_name"] == task["agent_name"]
    assert session["task_id"] == task.get("task_id", session["task_id"])
    assert session["attempt"] == 0 or session["execution_context"]["worker_process_id"] != os.getpid()
    output: Any = session["result"] and session["result"].get("output_data")
    scored = session["status"] == "completed" and session["result"]["status"] == "success"
    assert (output is not None) == scored
    if session["status"] == "completed":
        assert session["submission_time"] <= session["start_time"] <= session["completion_time"]
        assert session["execution_duration_ms"] >= 0


def _status(played: Played, expected: str) -> None:
    assert played.body["overall_status"] == expected


def _counts(played: Played, expected: dict[str, int]) -> None:
    assert sum(expected.values()) == len(played.tasks), "the scenario's own counts do not add up"
    found = {state: played.body["task_queue"][f"{state}_tasks"] for state in STATES}
    assert found == {**dict.fromkeys(STATES, 0), **expected}


def _mode(played: Played, expected: str) -> None:
    assert played.body["execution_mode"] == expected


def _concurrency(played: Played, expected: int) -> None:
    assert played.body["max_concurrent_agents"] == expected


def _start_order(played: Played, expected: list[str]) -> None:
    started = [event.task_id for event in played.events if event.type is EventType.TASK_STARTED]
    assert list(dict.fromkeys(started)) == expected


def _attempts(played: Played, expected: dict[str, int]) -> None:
    assert Counter(str(session["attempt"]) for session in played.sessions) == expected


def _recoveries(played: Played, expected: int) -> None:
    assert played.body["error_management"]["error_recovery_attempts"] == expected


def _charged(played: Played, expected: int) -> None:
    assert sum(line["charged"] for line in _history(played)) == expected


def _classes(played: Played, expected: dict[str, int]) -> None:
    assert Counter(line["class"] for line in _history(played)) == expected


def _failed(played: Played, expected: dict[str, int]) -> None:
    assert Counter(line["class"] for line in played.body["error_management"]["failed_tasks"]) == expected


def _results(played: Played, expected: dict[str, int]) -> None:
    found = Counter("none" if session["result"] is None else session["result"]["status"] for session in played.sessions)
    assert found == expected


def _fallbacks(played: Played, expected: dict[str, int]) -> None:
    assert Counter(session["error_handling"]["fallback_strategy"] for session in played.sessions) == expected


def _echo(played: Played, _: bool) -> None:
    done = [session for session in played.sessions if session["result"] and session["result"]["status"] == "success"]
    assert done
    for session in done:
        assert session["result"]["output_data"]["text"] == session["input_data"]["text"]


def _apart(played: Played, _: bool) -> None:
    marks = [mark_of(position) for position in range(len(played.tasks))]
    for position, session in enumerate(played.sessions):
        if session["status"] == "completed":
            text = json.dumps(session["result"]["output_data"], ensure_ascii=False)
            assert [mark for mark in marks if mark in text] == [marks[position]]


def _clean(played: Played, _: bool) -> None:
    outputs = [session["result"]["output_data"] for session in played.sessions]
    assert [output["found"] for output in outputs] == [[]] * len(outputs)
    workdirs = {output["workdir"] for output in outputs}
    assert len(workdirs) == len(outputs)
    assert not workdirs & {output["cwd"] for output in outputs}
    assert not any(Path(workdir).exists() for workdir in workdirs)


def _together(played: Played, expected: tuple[int, int]) -> None:
    found = max(session["result"]["output_data"]["most"] for session in played.sessions)
    assert expected[0] <= found <= expected[1]


def _in_flight(played: Played, expected: tuple[int, int]) -> None:
    assert expected[0] <= _provider(played)["peak_in_flight"] <= expected[1]


def _requests(played: Played, expected: tuple[int, int]) -> None:
    assert expected[0] <= _provider(played)["requests"] <= expected[1]


def _by_status(played: Played, expected: dict[str, int]) -> None:
    assert _provider(played)["by_status"] == expected


def _asked_twice(played: Played, expected: int) -> None:
    assert sum(count > 1 for count in _provider(played)["by_prompt"].values()) == expected


def _workers(played: Played, expected: tuple[int, int]) -> None:
    contexts = [session["execution_context"] for session in played.sessions if session["execution_context"]]
    assert expected[0] <= len({context["worker_process_id"] for context in contexts}) <= expected[1]


def _language_model(played: Played, expected: bool) -> None:
    results = [session["result"] for session in played.sessions if session["status"] == "completed"]
    assert {result["is_language_model"] for result in results} == {expected}
    for result in results:
        tokens = result["performance_metrics"]["token_usage"]["total_tokens"]
        assert tokens is not None and tokens > 0 if expected else tokens is None


def _merged(played: Played, expected: dict[str, Any]) -> None:
    merged = played.body["result_aggregation"]["merged_results"]
    assert {key: merged.get(key) for key in expected} == expected


def _questions_add_up(played: Played, _: bool) -> None:
    counts = [len(session["result"]["output_data"]["sub_questions"]) for session in played.sessions]
    assert min(counts) >= 3
    assert played.body["result_aggregation"]["merged_results"]["total_sub_questions"] == sum(counts)


def _per_agent(played: Played, expected: dict[str, int]) -> None:
    done = [session for session in played.sessions if session["status"] == "completed"]
    assert Counter(session["agent_name"] for session in done) == expected


def _isolated(played: Played, expected: bool) -> None:
    assert played.body["error_management"]["isolation_success"] is expected


def _paused_for(played: Played, expected: str) -> None:
    assert played.paused is not None
    assert played.paused["overall_status"] == "paused"
    assert str(played.paused["pause_reason"]).startswith(expected)


def _message(played: Played, expected: list[str]) -> None:
    said = " ".join(str(line["message"]) for line in played.body["error_management"]["failed_tasks"])
    assert [word for word in expected if word not in said] == []


def _refused(played: Played, expected: Refusal) -> None:
    assert type(played.refused).__name__ == expected.error
    assert [word for word in expected.words if word not in str(played.refused)] == []
    assert played.kept_of_refused == 0


def _history(played: Played) -> list[dict[str, Any]]:
    return [line for session in played.sessions for line in session["error_handling"]["error_history"]]


def _provider(played: Played) -> dict[str, Any]:
    assert played.stats is not None, "this scenario asks no provider"
    return played.stats


CHECKS: dict[str, Check] = {
    "status": _status,
    "counts": _counts,
    "mode": _mode,
    "concurrency": _concurrency,
    "start_order": _start_order,
    "attempts": _attempts,
    "recoveries": _recoveries,
    "charged": _charged,
    "classes": _classes,
    "failed": _failed,
    "results": _results,
    "fallbacks": _fallbacks,
    "echo": _echo,
    "apart": _apart,
    "clean": _clean,
    "together": _together,
    "in_flight": _in_flight,
    "requests": _requests,
    "by_status": _by_status,
    "asked_twice": _asked_twice,
    "workers": _workers,
    "language_model": _language_model,
    "merged": _merged,
    "questions_add_up": _questions_add_up,
    "per_agent": _per_agent,
    "isolated": _isolated,
    "paused_for": _paused_for,
    "message": _message,
    "refused": _refused,
}
