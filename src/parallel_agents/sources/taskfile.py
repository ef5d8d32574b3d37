"""A file with one task a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.core.errors import SourceError
from parallel_agents.core.taskline import read_line
from parallel_agents.sources.plan import Plan, title_of

_HINT = "Each line of a .jsonl is one task."


def plan_file(path: Path, agent_name: str | None, agents: AgentRegistry) -> Plan:
    """Read the tasks of a `.jsonl`; those that name no agent are given this one.

    Raises:
        SourceError: the file is not there, or a line of it is no task.
    """
    lines = [(number, line) for number, line in enumerate(_lines(path), start=1) if line.strip()]
    tasks = [_task_of(path, number, line) for number, line in lines]
    if agent_name is not None:
        for task in tasks:
            task.setdefault("agent_name", agent_name)
    return Plan(
        tasks=tasks,
        places=[f"{path}:{number}" for number, _ in lines],
        skipped=[],
        source=str(path),
        vault_root=None,
        title=title_of(agents, {str(task.get("agent_name")) for task in tasks}),
    )


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
