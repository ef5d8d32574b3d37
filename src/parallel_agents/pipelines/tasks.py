"""A pipeline on what a source gives: one task for each step and instance, later ones bound to the results before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from parallel_agents.core.ids import derived_id
from parallel_agents.pipelines.expressions import rendered
from parallel_agents.pipelines.spec import Pipeline, Step


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One node, note or line that a pipeline runs on.

    `place` is what it is known by, alone of its batch. `source` has all that it gives, by field. `roots` has, by the
    name of a first step, the task mapping of it; a step that is not there does not run on this instance, nor does what
    depends on it. `given` are keys that every task of it has, such as `canvas_path`. `left_out` are later steps that
    cannot run on it.
    """

    place: str
    source: Mapping[str, Any]
    roots: Mapping[str, Mapping[str, Any]]
    given: Mapping[str, Any] = {}
    left_out: frozenset[str] = frozenset()


def steps_of(pipeline: Pipeline, instance: Instance) -> list[Step]:
    """List the steps that run on an instance, in the order of the pipeline."""
    found: dict[str, Step] = {}
    for step in pipeline.steps:
        is_ready = set(step.depends_on) <= found.keys() if step.depends_on else step.name in instance.roots
        if is_ready and step.name not in instance.left_out:
            found[step.name] = step
    return list(found.values())


def pipeline_tasks(pipeline: Pipeline, instances: Sequence[Instance]) -> list[dict[str, Any]]:
    """Make the task mappings of a pipeline, step by step, within a step in the order of the instances.

    Each has a `task_id` that the same pipeline, step and instance always get; its metadata name `pipeline` and `step`.
    A later step has no input yet but a `binding`: its templates and conditions, the `source`, in `steps` the ids of the
    tasks of each step that it depends on, and in `lists` those of these steps that give a list.

    Raises:
        ExpressionError: an input of a first step cannot be filled in.
    """
    running = [(instance, steps_of(pipeline, instance)) for instance in instances]
    return [_task(pipeline, step, instance) for step in pipeline.steps for instance, steps in running if step in steps]


def task_id_of(pipeline: Pipeline, step: str, instance: Instance) -> str:
    """Give the id of the task of a step on an instance."""
    return derived_id("task", "pipeline", pipeline.name, step, instance.place)


def _task(pipeline: Pipeline, step: Step, instance: Instance) -> dict[str, Any]:
    root = instance.roots.get(step.name, {})
    own = root.get("metadata", {})
    metadata = {**instance.given.get("metadata", {}), **own, "pipeline": pipeline.name, "step": step.name}
    task = {
        **instance.given,
        **root,
        "agent_name": step.agent,
        "task_id": task_id_of(pipeline, step.name, instance),
        "metadata": metadata,
    }
    if not step.depends_on:
        filled = rendered(step.input, {"source": dict(instance.source)})
        return {**task, "input_data": {**root.get("input_data", {}), **filled}}
    ids = {name: [task_id_of(pipeline, name, instance)] for name in step.depends_on}
    return {
        **task,
        "input_data": {},
        "depends_on": [task_id for listed in ids.values() for task_id in listed],
        "binding": {
            "step": step.name,
            "input": step.input,
            "for_each": step.for_each,
            "when": step.when,
            "source": dict(instance.source),
            "lists": [name for name in step.depends_on if pipeline.step(name).for_each is not None],
            "steps": ids,
        },
    }
