"""The tasks of a pipeline over a source: its first steps as several agents would run, the later ones behind them."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec

from parallel_agents.agents.registry import AgentRegistry, missing_fields
from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.canvas.selection import Skipped
from parallel_agents.core.errors import NothingFitsError, PipelineError, SourceError
from parallel_agents.pipelines.expressions import ExpressionError
from parallel_agents.pipelines.spec import Pipeline, Step
from parallel_agents.pipelines.tasks import Instance, pipeline_tasks, steps_of
from parallel_agents.sources.canvases import EarlierByCanvas
from parallel_agents.sources.plan import Plan
from parallel_agents.sources.reading import plan_source
from parallel_agents.sources.several import plan_agents
from parallel_agents.sources.taskfile import SUFFIX, plan_file

Earliers: TypeAlias = Mapping[str, EarlierByCanvas]
"""What was done before, by the name of the agent that it was done for."""

# What a node or a note can give. A field that one of them does not give is empty there, not unknown.
SOURCE_FIELDS = (
    "concept",
    "material_content",
    "topic",
    "node_text",
    "user_understanding",
    "question_text",
    "reference_material",
)
_OF_A_LINE = ("input_data", "canvas_path", "node_id", "priority", "metadata")


def with_agents(pipeline: Pipeline, agents: AgentRegistry) -> Pipeline:
    """Find the agent of each step, and give the pipeline with their own names in it.

    Raises:
        AgentError: an agent is not known, or its file is wrong.
        PipelineError: a step gives its agent what that does not take.
    """
    steps: list[Step] = []
    for step in pipeline.steps:
        agent = agents.resolve(step.agent, f"{pipeline.source}:{step.line}")
        for field in step.input:
            if agent.fields and field not in agent.fields:
                close = difflib.get_close_matches(field, agent.fields, n=1)
                hint = f"Did you mean {close[0]!r}?" if close else f"It takes {', '.join(agent.fields)}."
                key = f"steps.{step.name}.input.{field}"
                problem = f"agent {agent.name!r} takes no such input"
                raise PipelineError(pipeline.source, problem, line=step.line, key=key, hint=hint)
        steps.append(msgspec.structs.replace(step, agent=agent.name))
    return msgspec.structs.replace(pipeline, steps=tuple(steps))


def plan_pipeline(
    source: str | Path,
    pipeline: Pipeline,
    choice: NodeChoice,
    agents: AgentRegistry,
    earlier: Earliers | None = None,
    *,
    notes: bool = False,
    skip_unreadable: bool = False,
) -> Plan:
    """Read a source for a pipeline: its first steps choose nodes as their agents do; each node goes through it alone.

    In a `.jsonl` every line is taken by every first step; its `input_data` is the source. A later step that needs what
    the source does not give, and that its `input` does not give either, is left out there with its reason.

    Raises:
        InputError: as `plan_agents` and `with_agents`; a first step cannot be filled in.
    """
    known = with_agents(pipeline, agents)
    if not notes and choice.is_open and Path(source).suffix.lower() == SUFFIX:
        plan = plan_file(Path(source), [], agents)
        found = list(_lines(known, plan))
    else:
        names = list(dict.fromkeys(step.agent for step in known.roots()))
        plan = plan_agents(source, names, choice, agents, earlier, notes=notes, skip_unreadable=skip_unreadable)
        wide = _wide(source, names, choice, agents, earlier or {}, notes=notes)
        found = list(_nodes(known, plan, wide))
    instances = [_checked(known, instance, agents) for instance in found]
    try:
        tasks = pipeline_tasks(known, instances)
    except ExpressionError as error:
        raise PipelineError(pipeline.source, str(error)) from error
    return msgspec.structs.replace(
        plan,
        tasks=tasks,
        places=_places(known, instances),
        skipped=[*plan.skipped, *_left_out(known, instances, agents)],
        warnings=[*plan.warnings, *_without(known, tasks)] if tasks else plan.warnings,
        title=None,
    )


def first_steps(plan: Plan) -> Plan:
    """Leave the first steps of a pipeline, which is all that is known before any result."""
    kept = [at for at, task in enumerate(plan.tasks) if "binding" not in task]
    return msgspec.structs.replace(plan, tasks=[plan.tasks[at] for at in kept], places=[plan.places[at] for at in kept])


def later_steps(plan: Plan) -> dict[str, int]:
    """Count, by the name of each later step of a pipeline, the nodes on which it may run; the results decide."""
    return dict(Counter(str(task["binding"]["step"]) for task in plan.tasks if "binding" in task))


def _wide(
    source: str | Path,
    names: Sequence[str],
    choice: NodeChoice,
    agents: AgentRegistry,
    earlier: Earliers,
    *,
    notes: bool,
) -> dict[str, dict[str, Any]]:
    """All that each node gives, whatever its agent takes of it, by the node's place."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        agent = msgspec.structs.replace(agents.resolve(name), fields={})
        try:
            # What cannot be read was told, or refused, by the look that made the tasks.
            plan = plan_source(source, agent, choice, agents, earlier.get(name), notes=notes, skip_unreadable=True)
        except NothingFitsError:  # of several agents one may find nothing; that was told too
            continue
        for task in plan.tasks:
            found.setdefault(_place(task), {}).update(task["input_data"])
    return found


def _nodes(pipeline: Pipeline, plan: Plan, wide: Mapping[str, Mapping[str, Any]]) -> Iterator[Instance]:
    by_place: dict[str, list[dict[str, Any]]] = {}
    for task in plan.tasks:
        by_place.setdefault(_place(task), []).append(task)
    for place, tasks in by_place.items():
        own = {task["agent_name"]: task for task in tasks}
        given = {field: value for task in tasks for field, value in task["input_data"].items() if value is not None}
        yield Instance(
            place=place,
            source={**dict.fromkeys(SOURCE_FIELDS), **wide.get(place, {}), **given},
            roots={step.name: own[step.agent] for step in pipeline.roots() if step.agent in own},
            given={key: tasks[0][key] for key in ("canvas_path", "node_id", "metadata") if key in tasks[0]},
        )


def _lines(pipeline: Pipeline, plan: Plan) -> Iterator[Instance]:
    for task, place in zip(plan.tasks, plan.places, strict=True):
        for key in task:
            if key not in _OF_A_LINE:
                hint = f"In a pipeline a line has {', '.join(_OF_A_LINE)}."
                raise SourceError(place, f"has the key {key!r}, which the steps of a pipeline give", hint=hint)
        source = task.get("input_data")
        if not isinstance(source, dict):
            raise SourceError(place, "has no input_data, which a pipeline runs on")
        given = {key: value for key, value in task.items() if key != "input_data"}
        yield Instance(
            place=place,
            source=cast("dict[str, Any]", source),
            roots={step.name: {"input_data": source} for step in pipeline.roots()},
            given=given,
        )


def _place(task: Mapping[str, Any]) -> str:
    """What a node or note is known by; a task about several nodes is about another thing than each of them."""
    metadata = task.get("metadata", {})
    parts = (task.get("canvas_path"), task.get("node_id"), metadata.get("node_ids"), metadata.get("note_path"))
    return json.dumps(parts, ensure_ascii=False)


def _checked(pipeline: Pipeline, instance: Instance, agents: AgentRegistry) -> Instance:
    left_out = {step.name for step in pipeline.steps if step.depends_on and _lacking(step, instance, agents)}
    return msgspec.structs.replace(instance, left_out=frozenset(left_out))


def _lacking(step: Step, instance: Instance, agents: AgentRegistry) -> list[str]:
    """The required inputs of a step that neither its `input` nor the source gives."""
    given = {**instance.source, **dict.fromkeys(step.input, "given")}
    return missing_fields(agents.resolve(step.agent), given)


def _left_out(pipeline: Pipeline, instances: Sequence[Instance], agents: AgentRegistry) -> Iterator[Skipped]:
    for instance in instances:
        for step in pipeline.steps:
            if step.name in instance.left_out:
                reason = f"step {step.name} is left out: nothing gives {' and '.join(_lacking(step, instance, agents))}"
                node_id = instance.given.get("node_id")
                yield Skipped(node_id, reason, str(instance.given.get("canvas_path") or _shown(instance)))


def _without(pipeline: Pipeline, tasks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    running = {task["metadata"]["step"] for task in tasks}
    for step in pipeline.steps:
        if step.name not in running:
            yield f"step {step.name} has nothing to run on"


def _places(pipeline: Pipeline, instances: Sequence[Instance]) -> list[str]:
    running = [(instance, steps_of(pipeline, instance)) for instance in instances]
    return [f"{_shown(one)}, step {step.name}" for step in pipeline.steps for one, steps in running if step in steps]


def _shown(instance: Instance) -> str:
    given = instance.given
    if "node_id" in given:
        return f"{given.get('canvas_path')}, node {given['node_id']!r}"
    return str(given.get("metadata", {}).get("note_path") or instance.place)
