"""Makes the inputs of tasks out of the results of those before them; what may run is decided where it was submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from parallel_agents.core.chains import MOST_ITEMS, Binding, NotNeeded, item_metadata, results_by_step
from parallel_agents.core.errors import InputError
from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.ids import derived_id
from parallel_agents.core.task import Task
from parallel_agents.intake import Intake
from parallel_agents.pipelines.expressions import ExpressionError, evaluate, rendered
from parallel_agents.ports.entries import Unbound

_decode = msgspec.msgpack.Decoder(Binding).decode


class Chaining:
    """Binds tasks by way of an intake."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def bind(self, execution_id: str, unbound: Unbound, record: AgentRecord) -> tuple[Task, ...] | NotNeeded:
        """The task with its input; of a list one task for each item, the first of them under the task's own id.

        Raises:
            InputError: an expression fails, the list is none or too long, or the agent lacks a field.
        """
        binding = _decode(unbound.binding)
        names = {**results_by_step(binding, unbound.done), "source": binding.source}
        try:
            if binding.for_each is None:
                return self._one(unbound.task, binding, names, record)
            return self._many(execution_id, unbound.task, binding, names, record)
        except ExpressionError as error:
            place = f"step {binding.step!r}, task {unbound.task.task_id}"
            raise InputError(f"{place}: {error}") from None

    def _one(
        self, task: Task, binding: Binding, names: Mapping[str, Any], record: AgentRecord
    ) -> tuple[Task, ...] | NotNeeded:
        if binding.when is not None and not evaluate(binding.when, names):
            return NotNeeded(f"its condition does not hold: {binding.when}")
        return (self._bound(task, binding, names, record),)

    def _many(
        self, execution_id: str, task: Task, binding: Binding, names: Mapping[str, Any], record: AgentRecord
    ) -> tuple[Task, ...] | NotNeeded:
        items = _items(binding, names)
        needed = {
            number: {**names, "item": item}
            for number, item in enumerate(items, start=1)
            if binding.when is None or evaluate(binding.when, {**names, "item": item})
        }
        if not needed:
            reason = f"the list is empty: {binding.for_each}" if not items else f"it holds for no item: {binding.when}"
            return NotNeeded(reason)
        return tuple(
            self._bound(_of_item(execution_id, task, number, is_first=at == 0), binding, known, record)
            for at, (number, known) in enumerate(needed.items())
        )

    def _bound(self, task: Task, binding: Binding, names: Mapping[str, Any], record: AgentRecord) -> Task:
        return self._intake.bound(task, {**binding.source, **rendered(binding.input, names)}, record)


def _items(binding: Binding, names: Mapping[str, Any]) -> Sequence[Any]:
    found: object = evaluate(binding.for_each or "", names)
    if not isinstance(found, list | tuple):
        raise ExpressionError(binding.for_each or "", f"gives {type(found).__name__}, and no list")
    items = cast("Sequence[Any]", found)
    if len(items) > MOST_ITEMS:
        raise ExpressionError(binding.for_each or "", f"gives {len(items)} items, and {MOST_ITEMS} are the most")
    return items


def _of_item(execution_id: str, task: Task, number: int, *, is_first: bool) -> Task:
    own = task.task_id if is_first else derived_id("task", execution_id, task.task_id, "item", str(number))
    return msgspec.structs.replace(
        task, task_id=own, metadata=item_metadata(task.metadata, task.task_id, number), binding=None
    )
