"""Whatever is done to a configuration or a file of tasks, it is read or refused with an error of ours."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.mistakes.model import TASK

from parallel_agents import ParallelAgentsError
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.configuration import load
from parallel_agents.core.errors import ConfigurationError, SourceError, TaskError
from parallel_agents.core.submission import TaskMapping, parse_tasks
from parallel_agents.sources.reading import plan_source

SHIPPED = (Path(__file__).parents[2] / "config" / "parallel_agents.yaml").read_bytes()
LINE = json.dumps(
    {**TASK, "task_id": "t-1", "priority": "high", "timeout_seconds": 60, "retry_attempts": 2, "metadata": {"a": [1]}},
    ensure_ascii=False,
).encode()
PIECES = [
    *(b"", b"\x00", b"\t", b"\n", b"  ", b"- ", b": ", b"? ", b"<<: ", b"*x", b"&x ", b"!!python/none ", b"%YAML"),
    *(b"---\n", b"...", b"{", b"}", b"[", b"]", b",", b'"', b"'", b"|", b">", b"#", b"~", b"null", b".nan", b"1e999"),
    *(b"-1", b"0x10", b"2001-01-01", b"yes", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", "中".encode(), b"NaN"),
    *("\u2028".encode(), b"\\ud83d", b"9" * 30, b"[" * 50, b"enabled", b"task_id"),
]


@st.composite
def changed(draw: st.DrawFn, original: bytes) -> bytes:
    """The original with a few pieces of it replaced by pieces of trouble, taken out or doubled."""
    content = original
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 30)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4), st.just(content[start:end] * 2)))
        content = content[:start] + piece + content[end:]
    return content


def refusal_of(read: Callable[[], object]) -> ParallelAgentsError | None:
    """The error of ours that it ends with, None when it does not; any other error is a failure of the test."""
    try:
        read()
    except ParallelAgentsError as error:
        return error
    return None


@given(changed(SHIPPED))
@settings(max_examples=300)
def test_a_changed_configuration_is_read_or_refused_with_its_name(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "配置.yaml"
        path.write_bytes(content)
        refusal = refusal_of(lambda: load(path, {}))
    assert refusal is None or isinstance(refusal, ConfigurationError)
    assert refusal is None or str(refusal).startswith(f"{path}:"), refusal


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@example({"task_queue": {"queue_type": "\ud800"}}, "\ud800")
@given(st.dictionaries(st.sampled_from(["default_max_concurrent", "task_queue", "agent_configs", "x"]), VALUES), VALUES)
def test_any_value_of_any_kind_is_read_or_refused(section: dict[str, Any], model: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.yaml"
        path.write_text(json.dumps({"parallel_processing": section, "model": model}), encoding="utf-8")
        refusal = refusal_of(lambda: load(path, {}))
    assert refusal is None or isinstance(refusal, ConfigurationError)


@given(changed(LINE))
@settings(max_examples=300)
def test_a_changed_task_is_read_or_refused_with_its_line(content: bytes) -> None:
    tasks: list[TaskMapping] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "任务.jsonl"
        path.write_bytes(LINE + b"\n" + content)

        def read() -> None:
            plan = plan_source(path, None, NodeChoice(), AgentRegistry())
            tasks.extend(parse_tasks(plan.tasks, plan.places))

        refusal = refusal_of(read)
    assert isinstance(refusal, SourceError | TaskError) if refusal else tasks
    assert refusal is None or str(refusal).startswith(f"{path}:"), refusal
