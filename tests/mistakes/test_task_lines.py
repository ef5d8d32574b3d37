"""What a line of a task file may hold, and what the Python interface refuses for the same reasons."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from tests.documents import body_of
from tests.mistakes.model import TASK

from parallel_agents import ParallelAgentExecutor, ParallelAgentsError, create_batch_tasks
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.core.errors import AgentError, ModelError, TaskError, UnknownExecutionError
from parallel_agents.core.taskline import read_line
from parallel_agents.sources.reading import plan_source

NOWHERE = "exec-0000000000000000"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def planned(path: Path) -> list[dict[str, Any]]:
    return plan_source(path, None, NodeChoice(), AgentRegistry()).tasks


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\u3000", "💡", "\\u0000", "\\ud83d\\ude00"])
def test_characters_that_json_allows_in_a_text_end_no_line(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "任务.jsonl"
    lines = [json.dumps({**TASK, "task_id": f"t{number}"}, ensure_ascii=False) for number in range(3)]
    lines[1] = lines[1].replace("逆否命题等价", f"逆否{odd}命题等价")
    path.write_bytes("\r\n".join(lines).encode())
    tasks = planned(path)
    assert [task["task_id"] for task in tasks] == ["t0", "t1", "t2"]
    assert tasks[1]["input_data"]["material_content"] == json.loads(lines[1])["input_data"]["material_content"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands twice"),
        ('{"a": [NaN]}', "NaN"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": -1e999}', "-1e999"),
        (f'{{"a": {2**64}}}', str(2**64)),
        (f'{{"a": {-(2**63) - 1}}}', str(-(2**63) - 1)),
        ('{"a": ' + "9" * 10_000_000 + "}", "too large"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": 1,}', r"property name .*\(column 9\)$"),
    ],
)
def test_what_would_be_lost_or_changed_is_no_json(line: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_line(line)


@pytest.mark.parametrize("value", [1e308, -0.0, 2**64 - 1, -(2**63), "", None, [], {}, {"a": {"a": 1}}])
def test_what_json_can_hold_is_read_as_it_is(value: Any) -> None:
    assert read_line(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"task_id": "\ud83d"}, "task_id"),
        ({"canvas_path": "课件/\udc00.canvas"}, "canvas_path"),
        ({"node_id": "\ud83d"}, "node_id"),
        ({"timeout_seconds": math.inf}, "timeout_seconds"),
        ({"timeout_seconds": math.nan}, "timeout_seconds"),
        ({"retry_attempts": 2**70}, "retry_attempts"),
        ({"input_data": {**TASK["input_data"], "weights": [{"a": math.nan}]}}, "input_data"),
        ({"input_data": {**TASK["input_data"], "weights": (math.inf,)}}, "input_data"),
        ({"metadata": {"a": -math.inf}}, "metadata"),
    ],
)
async def test_a_task_that_could_not_be_kept_is_refused_with_its_place(
    tmp_path: Path, change: dict[str, Any], key: str
) -> None:
    journal = tmp_path / "journal.sqlite3"
    executor = ParallelAgentExecutor(journal=journal, environ={}, model="offline")
    with pytest.raises(TaskError, match=f"^task 2, key '{key}'"):
        await executor.submit_batch_tasks([TASK, {**TASK, **change}])
    await executor.aclose()
    assert names_in(tmp_path) == []


async def test_a_refused_batch_and_a_look_make_no_journal(tmp_path: Path) -> None:
    executor = ParallelAgentExecutor(journal=tmp_path / "journal.sqlite3", environ={})
    with pytest.raises(ModelError, match="no model"):
        await executor.submit_batch_tasks([TASK])
    with pytest.raises(AgentError, match=r"^line 7: agent 'nobody' is not known"):
        await executor.submit_batch_tasks([{**TASK, "agent_name": "nobody"}], model="offline", places=["line 7"])
    for look in (executor.get_execution_status, executor.get_execution_results, executor.cancel_execution):
        with pytest.raises(UnknownExecutionError, match=str(tmp_path)):
            await look(NOWHERE)
    for move in (executor.resume_execution, executor.retry_execution):
        with pytest.raises(UnknownExecutionError):
            await move(NOWHERE)
    with pytest.raises(UnknownExecutionError):
        executor.get_performance_metrics(NOWHERE)
    assert await executor.list_executions() == []
    assert names_in(tmp_path) == []
    execution_id = await executor.submit_batch_tasks([TASK], model="offline")
    found = await executor.wait(execution_id)
    assert body_of(found)["overall_status"] == "completed"
    assert "journal.sqlite3" in names_in(tmp_path)
    await executor.aclose()


def test_create_batch_tasks_refuses_what_is_no_canvas(tmp_path: Path) -> None:
    path = tmp_path / "odd.canvas"
    path.write_text('{"nodes": {}}', encoding="utf-8")
    with pytest.raises(ParallelAgentsError, match="nodes must be a list"):
        create_batch_tasks(str(path), "basic-decomposition", None)
