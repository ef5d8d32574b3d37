"""A file with one task a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.core.errors import SourceError
from parallel_agents.core.taskline import read_line
from parallel_agents.sources.plan import Plan, title_of

SUFFIX = ".jsonl"
_HINT = "Each line of a .jsonl is one task."


def plan_file(path: Path, agent_names: Sequence[str], agents: AgentRegistry) -> Plan:
    """Read the tasks of a `.jsonl`; a line that names no agent is a task for each of these, in their order.

    Raises:
        SourceError: the file is not there, or a line of it is no task, or one task of several agents.
    """
    lines = [(number, line) for number, line in enumerate(_lines(path), start=1) if line.strip()]
    read = [(number, task) for number, line in lines for task in _tasks_of(path, number, line, agent_names)]
    tasks = [task for _, task in read]
    return Plan(
        tasks=tasks,
        places=[f"{path}:{number}" for number, _ in read],
        skipped=[],
        source=str(path),
        vault_root=None,
        title=title_of(agents, {str(task.get("agent_name")) for task in tasks}),
    )


def _tasks_of(path: Path, number: int, line: str, agent_names: Sequence[str]) -> list[dict[str, Any]]:
    task = _task_of(path, number, line)
    if "agent_name" in task or not agent_names:
        return [task]
    if len(agent_names) > 1 and "task_id" in task:
        problem = f"has a task_id and no agent_name, and cannot be a task of {len(agent_names)} agents"
        raise SourceError(path, problem, line=number, hint="Name its agent in the line.")
    return [{**task, "agent_name": name} for name in agent_names]


def _lines(path: Path) -> list[str]:
    try:
        # Not `splitlines`: a JSON text may hold U+2028 and its kin as they are.
        return path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SourceError(path, "is not UTF-8 text", line=line, hint="Save it as UTF-8.") from None
    except (OSError, ValueError) as error:
        raise SourceError(path, getattr(error, "strerror", None) or str(error)) from None


def _task_of(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = read_line(line)
    except ValueError as error:
        raise SourceError(path, f"is not JSON: {error}", line=number, hint=_HINT) from None
    if not isinstance(value, dict):
        raise SourceError(path, f"a task is a mapping, not {type(value).__name__}", line=number, hint=_HINT)
    return value  # pyright: ignore[reportUnknownVariableType]
