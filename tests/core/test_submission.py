from __future__ import annotations

from typing import Any

import msgspec
import pytest

from parallel_agents.core.errors import InputError, TaskError
from parallel_agents.core.settings import AgentSettings, ParallelProcessing, Settings
from parallel_agents.core.submission import AgentLimits, parse_tasks, resolve_task

GOOD: dict[str, Any] = {"agent_name": "echo", "input_data": {"text": "你好"}}


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"agent": "echo"}, "agent", "Did you mean 'agent_name'"),
        ({"priorty": "high"}, "priorty", "Did you mean 'priority'"),
        ({"zzz": 1}, "zzz", "A task has the keys agent_name"),
        ({"timeout_seconds": 0}, "timeout_seconds", "> 0"),
        ({"timeout_seconds": "soon"}, "timeout_seconds", "float"),
        ({"retry_attempts": -1}, "retry_attempts", ">= 0"),
        ({"input_data": "text"}, "input_data", "object"),
        ({"agent_name": ""}, "agent_name", "length"),
        ({"metadata": []}, "metadata", "object"),
    ],
)
def test_a_wrong_key_or_value_is_refused_by_name(change: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(TaskError, match=words) as raised:
        parse_tasks([GOOD, {**GOOD, **change}])
    assert raised.value.key == key
    assert raised.value.position == 1
    assert "task 2" in str(raised.value)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(TaskError, match="agent_name"):
        parse_tasks([{"input_data": {}}])


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        parse_tasks([])


def test_the_same_id_twice_is_refused_with_the_first_place() -> None:
    with pytest.raises(TaskError, match=r"tasks\.jsonl:4, key 'task_id': 'a' is the id of tasks\.jsonl:1 already"):
        parse_tasks([{**GOOD, "task_id": "a"}, {**GOOD, "task_id": "a"}], ["tasks.jsonl:1", "tasks.jsonl:4"])


def test_the_tasks_own_value_wins_over_the_configuration_and_that_over_the_spec() -> None:
    own = AgentSettings(timeout_seconds=50, retry_attempts=5)
    settings = Settings(parallel_processing=ParallelProcessing(agent_configs={"echo": own}))
    spec = AgentLimits(timeout_s=1, retry_attempts=1, memory_mb=33)
    plain, asked = parse_tasks([GOOD, {**GOOD, "timeout_seconds": 7, "retry_attempts": 0}])
    first = resolve_task(plain, 0, "", settings, spec, b"\0" * 8)
    second = resolve_task(asked, 1, "", settings, spec, b"\1" * 8)
    assert (first.timeout_s, first.retry_attempts, first.memory_mb) == (50, 5, 33)
    assert (second.timeout_s, second.retry_attempts) == (7, 0)
    assert first.task_id == "task-" + "0" * 16
    assert msgspec.msgpack.decode(first.input_data) == {"text": "你好"}


@pytest.mark.parametrize(("given", "level"), [(None, "normal"), ("medium", "normal"), ("urgent", "urgent")])
def test_priorities_become_levels_of_the_configuration(given: str | None, level: str) -> None:
    (task,) = parse_tasks([{**GOOD, "priority": given}])
    assert resolve_task(task, 0, "", Settings(), AgentLimits(), b"\0" * 8).priority == level


def test_an_unknown_priority_names_the_levels() -> None:
    (task,) = parse_tasks([{**GOOD, "priority": "asap"}])
    with pytest.raises(TaskError, match="urgent, high, normal, low"):
        resolve_task(task, 0, "", Settings(), AgentLimits(), b"\0" * 8)


def test_an_input_that_json_cannot_hold_is_refused() -> None:
    (task,) = parse_tasks([{**GOOD, "input_data": {"what": object()}}])
    with pytest.raises(TaskError, match="input_data"):
        resolve_task(task, 0, "", Settings(), AgentLimits(), b"\0" * 8)
