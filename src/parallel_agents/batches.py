"""Makes batches: from a canvas, from a file of tasks, in which order, and what becomes of their results and errors."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.document import load_canvas
from parallel_agents.canvas.inputs import AgentInputs
from parallel_agents.canvas.selection import Skipped, select_tasks
from parallel_agents.canvas.vault import find_vault_root
from parallel_agents.core.aggregate import ResultAggregator
from parallel_agents.core.errors import InputError, SourceError
from parallel_agents.core.outcome import Failed, error_record
from parallel_agents.core.priority import rank_of
from parallel_agents.core.retry import RetryPolicy, Standing, decide
from parallel_agents.core.settings import TaskQueue
from parallel_agents.core.states import Trigger

Strategy = Literal["priority_queue", "fifo", "lifo"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a source gives: tasks, where each came from, and what was left out.

    `title` names the result file after what the agent does, None for a mix of agents.
    """

    tasks: list[dict[str, Any]]
    places: list[str]
    skipped: list[Skipped]
    source: str
    vault_root: str | None
    title: str | None


def plan_source(source: str | Path, agent: str | None, node_ids: Sequence[str] | None, agents: AgentRegistry) -> Plan:
    """Read a `.canvas` or a `.jsonl` of tasks.

    Raises:
        InputError: the source, the agent or a node id is not there or not what it should be.
    """
    path = Path(source)
    match path.suffix.lower():
        case ".canvas":
            if agent is None:
                raise InputError(f"{path}: a canvas needs an agent. Name one of {', '.join(agents.names())}")
            return _plan_canvas(path, agent, node_ids, agents)
        case ".jsonl":
            if node_ids is not None:
                raise InputError(f"{path}: nodes can be chosen on a canvas only, not in a file of tasks")
            return _plan_file(path, agent, agents)
        case suffix:
            raise SourceError(path, f"{suffix or 'a file without an ending'!r} is not a source", hint=_SOURCES)


_SOURCES = "A source is a .canvas, or a .jsonl with one task a line."


def create_batch_tasks(canvas_path: str, agent_type: str, node_ids: Sequence[str] | None) -> list[dict[str, Any]]:
    """Make the tasks of one agent for nodes of a canvas; None takes every node that fits.

    Raises:
        InputError: the canvas, the agent or a node id is not there, or a named node does not fit.
    """
    return plan_source(canvas_path, agent_type, node_ids, AgentRegistry()).tasks


def prioritize_tasks(tasks: Sequence[Mapping[str, Any]], strategy: Strategy = "priority_queue") -> list[dict[str, Any]]:
    """Order tasks as they would start: `priority_queue` (within a level as given), `fifo` or `lifo`.

    Raises:
        InputError: the strategy is not known.
        ValueError: a task has a priority that is not known.
    """
    levels = TaskQueue().priority_levels
    match strategy:
        case "priority_queue":
            return [dict(task) for task in sorted(tasks, key=lambda task: rank_of(task.get("priority"), levels))]
        case "fifo":
            return [dict(task) for task in tasks]
        case "lifo":
            return [dict(task) for task in reversed(tasks)]
        case other:  # pyright: ignore[reportUnnecessaryComparison]
            raise InputError(f"strategy {other!r} is not one of priority_queue, fifo, lifo")


def aggregate_results(results: Sequence[Mapping[str, Any]], method: str = "merge") -> dict[str, Any]:
    """Aggregate sessions (or results with `agent_name` and `output_data`) into totals.

    `merge` (also `merge_outputs`) gives totals; `preserve_individual` gives the results beside them.

    Raises:
        InputError: the method is not known.
    """
    names = {"merge": "merge_outputs", "merge_outputs": "merge_outputs", "preserve_individual": "preserve_individual"}
    if method not in names:
        raise InputError(f"method {method!r} is not one of {', '.join(names)}")
    aggregator = ResultAggregator()
    for item in results:
        result: Mapping[str, Any] = item.get("result") or item
        if result.get("status") in {"success", "unscored"}:
            aggregator.add(str(item.get("agent_name")), result.get("status"), result.get("output_data"))
    merged: dict[str, Any] = {"aggregation_method": names[method], "merged_results": aggregator.merged()}
    if method == "preserve_individual":
        merged["results"] = [dict(item) for item in results]
    return merged


def handle_execution_error(task: Mapping[str, Any], error: Exception, retry_count: int) -> bool:
    """Tell whether a task should be tried again after `retry_count` retries: True means yes.

    Follows the engine's own rules: permanent errors never, others while retries are left (`retry_attempts` of the
    task, else the default).
    """
    attempts = int(task.get("retry_attempts", TaskQueue().task_retry_attempts))
    standing = Standing(charged=retry_count + 1, losses=0)
    policy = RetryPolicy(retry_attempts=attempts, delay_s=0.0)
    verdict = decide(Failed(error=error_record(error)), standing, policy, 0.0)
    return verdict.trigger is Trigger.RETRY_SCHEDULED


def title_of(agents: AgentRegistry, names: Collection[str]) -> str | None:
    """What the one agent of a batch calls its results; None for a mix, or an agent without a title."""
    known = [name for name in names if name in agents.names()]
    return agents.resolve(known[0]).title if len(known) == len(names) == 1 else None


def _plan_canvas(path: Path, agent_name: str, node_ids: Sequence[str] | None, agents: AgentRegistry) -> Plan:
    agent = agents.resolve(agent_name)
    canvas = load_canvas(path)
    selection = select_tasks(canvas, AgentInputs(fields=agent.fields, reads=agent.reads), node_ids)
    vault_root = find_vault_root(path)
    tasks = [
        {
            "agent_name": agent.name,
            "canvas_path": str(path),
            "node_id": chosen.node_id,
            "input_data": chosen.input_data,
        }
        for chosen in selection.tasks
    ]
    return Plan(
        tasks=tasks,
        places=[f"{path}, node {chosen.node_id!r}" for chosen in selection.tasks],
        skipped=list(selection.skipped),
        source=str(path),
        vault_root=None if vault_root is None else str(vault_root),
        title=agent.title,
    )


def _plan_file(path: Path, agent_name: str | None, agents: AgentRegistry) -> Plan:
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
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SourceError(path, f"is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from None


def _task_of(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise SourceError(path, f"is not JSON: {error}", line=number, hint=_SOURCES) from None
    if not isinstance(value, dict):
        raise SourceError(path, f"a task is a mapping, not {type(value).__name__}", line=number, hint=_SOURCES)
    return value  # pyright: ignore[reportUnknownVariableType]
