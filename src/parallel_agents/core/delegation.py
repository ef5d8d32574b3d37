"""Tasks that an agent hands in while it runs, and what it gets back for each."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from parallel_agents.core.ids import derived_id
from parallel_agents.core.states import State
from parallel_agents.core.task import Task, TaskRecord

DEEPEST = 64
"""How deep tasks may hand in others, so that an agent which hands in itself comes to an end."""


class Delegation(msgspec.Struct, frozen=True):
    """What an agent asks for: tasks as mappings, as a batch has them."""

    tasks: list[dict[str, Any]]


class DelegatedResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one of them ended. `output` is None unless it is completed; `reason` says why it is not, or is unscored."""

    task_id: str
    status: str
    output: dict[str, Any] | None
    reason: str | None


def delegated_task(task: Task, parent: Task, execution_id: str, ordinal: int) -> Task:
    """The task as one of its parent, whose priority it has at least.

    Its id follows from the parent, from what is asked and from how often that was asked before (`ordinal`, from 0):
    when the parent is tried again and asks the same, it finds the same task, and what that has done already.
    """
    is_later = task.rank > parent.rank
    return msgspec.structs.replace(
        task,
        task_id=derived_id("task", execution_id, parent.task_id, asked(task), str(ordinal)),
        rank=parent.rank if is_later else task.rank,
        priority=parent.priority if is_later else task.priority,
        canvas_path=task.canvas_path or parent.canvas_path,
        parent_id=parent.task_id,
        depth=parent.depth + 1,
    )


def asked(task: Task) -> str:
    """What tells one request of a parent from another: the agent and its input."""
    return hashlib.sha256(task.agent_name.encode() + b"\0" + task.input_data).hexdigest()


def result_of(record: TaskRecord) -> DelegatedResult:
    """What the one who handed a task in gets to know of its end."""
    is_done = record.state is State.COMPLETED and record.output is not None
    errors = [attempt.error.message for attempt in record.attempts if attempt.error is not None]
    return DelegatedResult(
        task_id=record.task.task_id,
        status=record.state.value,
        output=msgspec.msgpack.decode(record.output) if is_done and record.output is not None else None,
        reason=record.result_reason if is_done or not errors else errors[-1],
    )
