"""Tasks whose input is made of the results of others: what a step of a pipeline is before those are there."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

MOST_ITEMS = 1000
"""How many tasks one step may make of one list."""

_encode = msgspec.msgpack.Encoder().encode
_decode_map = msgspec.msgpack.Decoder(dict[str, Any]).decode

StepName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*\Z", max_length=64)]


class Binding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a task gets its input once the tasks that it depends on are completed.

    `input` has templates by field; `source` the values that expressions know by that name, which are also taken for
    fields that `input` leaves open. `for_each` is an expression that gives a list: one task for each item of it. `when`
    is one that says whether the task (with `for_each`: the item's) is needed. `steps` has the ids of the tasks that it
    depends on by the name of their step; of those in `lists` expressions know the list of results.
    """

    step: StepName
    steps: dict[StepName, tuple[str, ...]]
    input: dict[str, Any] = {}
    for_each: str | None = None
    when: str | None = None
    source: dict[str, Any] = {}
    lists: tuple[StepName, ...] = ()


class Done(msgspec.Struct, frozen=True):
    """A completed task that another one depends on; `metadata` and `output` are msgpack maps."""

    task_id: str
    metadata: bytes
    output: bytes


class NotNeeded(msgspec.Struct, frozen=True):
    """Nothing is to be run for a binding, and why."""

    reason: str


def results_by_step(binding: Binding, done: list[Done]) -> dict[str, Any]:
    """What expressions know of the steps before: the output of each, or the list of them in the order of its items."""
    step_of = {task_id: step for step, ids in binding.steps.items() for task_id in ids}
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {step: [] for step in binding.steps}
    for one in done:
        told = _decode_map(one.metadata)
        step = step_of.get(str(told.get("item_of", one.task_id)))
        if step is not None:
            found[step].append((int(told.get("item", 0)), _decode_map(one.output)))
    results: dict[str, Any] = {}
    for step, outputs in found.items():
        listed = [output for _, output in sorted(outputs, key=lambda numbered: numbered[0])]
        results[step] = listed if step in binding.lists or len(listed) != 1 else listed[0]
    return results


def item_metadata(metadata: bytes, template_id: str, number: int) -> bytes:
    """The metadata of the task of one item, `number` its place in the list from 1 on, made from the step's."""
    return _encode({**_decode_map(metadata), "item": number, "item_of": template_id})
