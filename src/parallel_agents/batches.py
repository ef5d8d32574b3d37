"""The functions around the executor: tasks of a canvas, their order, and what becomes of results and errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast, get_args

from parallel_agents.agents.compliance import Contracts
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.canvas.selection import Skipped
from parallel_agents.core.aggregate import METHODS, Result, ResultAggregator, Verdict
from parallel_agents.core.errors import InputError
from parallel_agents.core.outcome import Failed, error_record
from parallel_agents.core.priority import rank_of
from parallel_agents.core.retry import RetryPolicy, Standing, decide
from parallel_agents.core.settings import TaskQueue
from parallel_agents.core.states import Trigger
from parallel_agents.distinct import StoredFirsts
from parallel_agents.pipelines.reading import load_pipeline
from parallel_agents.sources.pipelines import plan_pipeline
from parallel_agents.sources.reading import plan_source

Strategy = Literal["priority_queue", "fifo", "lifo", "shortest_first", "round_robin", "prompt_cache"]


class BatchTasks(list[dict[str, Any]]):
    """Tasks of a canvas or a folder, and in `skipped` every node or file that became none, with the reason."""

    def __init__(self, tasks: Iterable[dict[str, Any]], skipped: Iterable[Skipped]) -> None:
        super().__init__(tasks)
        self.skipped = tuple(skipped)


def create_batch_tasks(
    canvas_path: str,
    agent_type: str,
    node_ids: Sequence[str] | None = None,
    *,
    notes: bool = False,
    skip_unreadable: bool = False,
) -> BatchTasks:
    """Make the tasks of one agent for nodes of a canvas; None takes every node that fits.

    Inputs are derived from the canvas: an understanding's question is its parent and its material the one above that,
    the topic is the label of the group, else the material's heading, else the canvas's name. The list that is returned
    has an attribute `skipped`: every node (of those named, or of all) that became no task, with the path of its canvas
    and the reason.

    `canvas_path` may be a folder: then every canvas below it, or with `notes` every Markdown note, one a task. What
    cannot be read in it is refused, or with `skip_unreadable` listed in `skipped`. A node is named by an id that only
    one canvas has, or as `CANVAS#ID`.

    Raises:
        InputError: the canvas, the agent or a node id is not there, or something cannot be read.
    """
    choice = NodeChoice(node_ids=node_ids)
    plan = plan_source(canvas_path, agent_type, choice, AgentRegistry(), notes=notes, skip_unreadable=skip_unreadable)
    return BatchTasks(plan.tasks, plan.skipped)


def create_pipeline_tasks(
    source: str,
    pipeline: str,
    node_ids: Sequence[str] | None = None,
    *,
    notes: bool = False,
    skip_unreadable: bool = False,
) -> BatchTasks:
    """Make the tasks of a pipeline (a name, or the path of a `.yaml`) for what its first steps take of a source.

    A canvas, a folder, a note or a `.jsonl`, as `create_batch_tasks` has them. Every step of every node is a task; a
    later one has no input yet but a `binding`, from which the engine makes it. `skipped` has what was left out.

    Raises:
        InputError: the pipeline is wrong; else as `create_batch_tasks`.
    """
    choice, agents = NodeChoice(node_ids=node_ids), AgentRegistry()
    read = load_pipeline(pipeline)
    plan = plan_pipeline(source, read, choice, agents, notes=notes, skip_unreadable=skip_unreadable)
    return BatchTasks(plan.tasks, plan.skipped)


def prioritize_tasks(tasks: Sequence[Mapping[str, Any]], strategy: Strategy = "priority_queue") -> list[dict[str, Any]]:
    """Order tasks as they shall start.

    `priority_queue`: by level, within a level as given. `fifo` and `lifo`: as given, and the other way round.
    `shortest_first`: those with the least text in their input first. `round_robin`: one of each canvas in turn, each
    canvas's own as given. `prompt_cache`: those of one agent and model together, in the order in which the first of
    each stands, so that they find what they begin with in the provider's prompt cache.

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
        case "prompt_cache":
            return _alike_together(given)
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


def _alike_together(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    places: dict[tuple[str, str], int] = {}
    for task in tasks:
        places.setdefault(_prefix_of(task), len(places))
    return sorted(tasks, key=lambda task: places[_prefix_of(task)])


def _prefix_of(task: Mapping[str, Any]) -> tuple[str, str]:
    return str(task.get("agent_name")), str(task.get("model"))


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
