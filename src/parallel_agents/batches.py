"""Makes batches: from a canvas, from a file of tasks, in which order, and what becomes of their results and errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args

import msgspec

from parallel_agents.agents.compliance import Contracts
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.choice import NodeChoice, chosen_nodes
from parallel_agents.canvas.document import load_canvas
from parallel_agents.canvas.earlier import Earlier
from parallel_agents.canvas.inputs import AgentInputs
from parallel_agents.canvas.selection import Skipped, select_tasks
from parallel_agents.canvas.vault import find_vault_root
from parallel_agents.core.aggregate import METHODS, Result, ResultAggregator, Verdict
from parallel_agents.core.errors import InputError, SourceError
from parallel_agents.core.outcome import Failed, error_record
from parallel_agents.core.priority import rank_of
from parallel_agents.core.retry import RetryPolicy, Standing, decide
from parallel_agents.core.settings import TaskQueue
from parallel_agents.core.states import Trigger
from parallel_agents.core.taskline import read_line
from parallel_agents.distinct import StoredFirsts

Strategy = Literal["priority_queue", "fifo", "lifo", "shortest_first", "round_robin"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a source gives: tasks, where each came from, and what was left out.

    `title` names the result file after what the agent does, None for a mix of agents. `warnings` say what is odd about
    the source; `not_selected` counts the nodes that a selection left out.
    """

    tasks: list[dict[str, Any]]
    places: list[str]
    skipped: list[Skipped]
    source: str
    vault_root: str | None
    title: str | None
    warnings: Sequence[str] = ()
    not_selected: int = 0


def plan_source(
    source: str | Path, agent: str | None, choice: NodeChoice, agents: AgentRegistry, earlier: Earlier | None = None
) -> Plan:
    """Read a `.canvas` or a `.jsonl` of tasks. `earlier` is for a choice that needs the journal.

    Raises:
        InputError: the source, the agent or a node is not there or not what it should be.
    """
    path = Path(source)
    match path.suffix.lower():
        case ".canvas":
            if agent is None:
                raise InputError(f"{path}: a canvas needs an agent. Name one of {', '.join(agents.names())}")
            return _plan_canvas(path, agent, choice, agents, earlier)
        case ".jsonl":
            if not choice.is_open:
                raise InputError(f"{path}: nodes can be chosen on a canvas only, not in a file of tasks")
            return _plan_file(path, agent, agents)
        case suffix:
            kind = repr(suffix) if suffix else "a file without an ending"
            raise SourceError(path, f"{kind} is not a source", hint=_SOURCES)


_SOURCES = "A source is a .canvas, or a .jsonl with one task a line."


class BatchTasks(list[dict[str, Any]]):
    """Tasks of a canvas, and in `skipped` every node that became none, with the reason."""

    def __init__(self, tasks: Iterable[dict[str, Any]], skipped: Iterable[Skipped]) -> None:
        super().__init__(tasks)
        self.skipped = tuple(skipped)


def create_batch_tasks(canvas_path: str, agent_type: str, node_ids: Sequence[str] | None = None) -> BatchTasks:
    """Make the tasks of one agent for nodes of a canvas; None takes every node that fits.

    Inputs are derived from the canvas: an understanding's question is its parent and its material the one above that,
    the topic is the label of the group, else the material's heading, else the canvas's name. The list that is returned
    has an attribute `skipped`: every node (of those named, or of all) that became no task, with the reason.

    Raises:
        InputError: the canvas, the agent or a node id is not there.
    """
    plan = plan_source(canvas_path, agent_type, NodeChoice(node_ids=node_ids), AgentRegistry())
    return BatchTasks(plan.tasks, plan.skipped)


def prioritize_tasks(tasks: Sequence[Mapping[str, Any]], strategy: Strategy = "priority_queue") -> list[dict[str, Any]]:
    """Order tasks as they shall start.

    `priority_queue`: by level, within a level as given. `fifo` and `lifo`: as given, and the other way round.
    `shortest_first`: those with the least text in their input first. `round_robin`: one of each canvas in turn, each
    canvas's own as given.

    Raises:
        InputError: the strategy is not known.
        ValueError: a task has a priority that is not known.
    """
    given = [dict(task) for task in tasks]
    match strategy:
        case "priority_queue":
            levels = TaskQueue().priority_levels
            return sorted(given, key=lambda task: rank_of(task.get("priority"), levels))
        case "fifo":
            return given
        case "lifo":
            return given[::-1]
        case "shortest_first":
            return sorted(given, key=lambda task: _length_of(task.get("input_data")))
        case "round_robin":
            return _in_turn(given)
        case other:  # pyright: ignore[reportUnnecessaryComparison]
            raise InputError(f"strategy {other!r} is not one of {', '.join(get_args(Strategy))}")


def _length_of(value: object) -> int:
    match value:
        case str():
            return len(value)
        case Mapping():
            return sum(map(_length_of, cast("Mapping[str, object]", value).values()))
        case list() | tuple():
            return sum(map(_length_of, cast("Sequence[object]", value)))
        case _:
            return 0


def _in_turn(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    seen: Counter[object] = Counter()
    rounds: list[tuple[int, int]] = []
    for position, task in enumerate(tasks):
        rounds.append((seen[task.get("canvas_path")], position))
        seen[task.get("canvas_path")] += 1
    return [tasks[position] for _, position in sorted(rounds)]


def aggregate_results(results: Iterable[Mapping[str, Any]], method: str = "merge") -> dict[str, Any]:
    """Aggregate results, one at a time: sessions of a document, or mappings with `agent_name` and `output_data`.

    `merge` (also `merge_outputs`) gives totals; `preserve_individual` gives every result beside them. `quality` counts
    what is empty, truncated, a duplicate, or off the contract of its agent, where that ships.

    Raises:
        InputError: the method is not known, or an item is no result; names its position.
    """
    if method not in METHODS:
        raise InputError(f"method {method!r} is not one of {', '.join(METHODS)}")
    found: dict[str, Any] = {"aggregation_method": METHODS[method]}
    kept: list[dict[str, Any]] = []
    contracts = Contracts(AgentRegistry())
    with StoredFirsts() as firsts:
        aggregator = ResultAggregator(firsts)
        for position, item in enumerate(results):
            result = _given_result(item, position, contracts)
            verdict = Verdict() if result is None else aggregator.take(result)
            if METHODS[method] == "preserve_individual":
                quality = [flaw.value for flaw in verdict.flaws]
                kept.append({**item, "quality": quality, "duplicate_of": verdict.duplicate_of})
        found |= {"merged_results": aggregator.merged(), "quality": aggregator.quality()}
    return {**found, "results": kept} if METHODS[method] == "preserve_individual" else found


def _given_result(item: Mapping[str, Any], position: int, contracts: Contracts) -> Result | None:
    """The result in an item; None for a session that has none (yet)."""
    if "result" not in item and "output_data" not in item and "status" not in item:
        hint = "Give sessions of a document, or mappings with agent_name and output_data."
        raise InputError(f"result {position + 1} has neither result nor output_data. {hint}")
    result: Mapping[str, Any] | None = item.get("result", item)
    if result is None:
        return None
    output: Mapping[str, Any] | None = result.get("output_data")
    agent_name = str(item.get("agent_name"))
    return Result(
        agent_name=agent_name,
        task_id=str(item.get("task_id") or f"result {position + 1}"),
        status=result.get("status", "success"),
        output=output,
        finish_reason=result.get("finish_reason"),
        problems=() if output is None else contracts.problems(agent_name, output),
    )


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


def _plan_canvas(
    path: Path, agent_name: str, choice: NodeChoice, agents: AgentRegistry, earlier: Earlier | None
) -> Plan:
    agent = agents.resolve(agent_name)
    canvas = load_canvas(path)
    wanted = AgentInputs(fields=agent.fields, reads=agent.reads)
    chosen_by_user = chosen_nodes(canvas, choice, wanted, earlier)
    selection = select_tasks(canvas, wanted, chosen_by_user.node_ids)
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
        skipped=[*chosen_by_user.skipped, *selection.skipped],
        source=str(path),
        vault_root=None if vault_root is None else str(vault_root),
        title=agent.title,
        warnings=canvas.warnings,
        not_selected=chosen_by_user.not_selected,
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
        # Not `splitlines`: a JSON text may hold U+2028 and its kin as they are.
        return path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SourceError(path, "is not UTF-8 text", line=line, hint="Save it as UTF-8.") from None
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from None


def _task_of(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = read_line(line)
    except ValueError as error:
        raise SourceError(path, f"is not JSON: {error}", line=number, hint=_SOURCES) from None
    if not isinstance(value, dict):
        raise SourceError(path, f"a task is a mapping, not {type(value).__name__}", line=number, hint=_SOURCES)
    return value  # pyright: ignore[reportUnknownVariableType]
