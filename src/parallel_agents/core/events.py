"""The catalogue of events: one vocabulary for logs, progress, files and streams."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from parallel_agents.core.states import Trigger


class EventType(StrEnum):
    """Everything that can be told while an execution runs."""

    EXECUTION_SUBMITTED = "execution.submitted"
    EXECUTION_STARTED = "execution.started"
    EXECUTION_ENDED = "execution.ended"
    EXECUTION_PAUSED = "execution.paused"
    EXECUTION_RESUMED = "execution.resumed"
    CONCURRENCY_CHANGED = "execution.concurrency_changed"
    TASK_SUBMITTED = "task.submitted"
    TASK_DUE = "task.due"
    TASK_RETRIED = "task.retried"
    TASK_REUSED = "task.reused"
    TASK_STARTED = "task.started"
    TASK_PROGRESS = "task.progress"
    TASK_SLOW = "task.slow"
    TASK_COMPLETED = "task.completed"
    TASK_RETRYING = "task.retrying"
    TASK_FAILED = "task.failed"
    FAILURE_NOTIFIED = "task.failure_notified"
    TASK_SKIPPED = "task.skipped"
    TASK_CANCELLED = "task.cancelled"
    RESULT_DISCARDED = "task.result_discarded"
    WORKER_STARTED = "worker.started"
    WORKER_ENDED = "worker.ended"


BY_TRIGGER: dict[Trigger, EventType] = {
    Trigger.SUBMITTED: EventType.TASK_SUBMITTED,
    Trigger.REUSED: EventType.TASK_REUSED,
    Trigger.STARTED: EventType.TASK_STARTED,
    Trigger.SUCCEEDED: EventType.TASK_COMPLETED,
    Trigger.RETRY_SCHEDULED: EventType.TASK_RETRYING,
    Trigger.WORKER_LOST: EventType.TASK_RETRYING,
    Trigger.ENGINE_LOST: EventType.TASK_RETRYING,
    Trigger.INTERRUPTED: EventType.TASK_RETRYING,
    Trigger.GAVE_UP: EventType.TASK_FAILED,
    Trigger.POISONED: EventType.TASK_FAILED,
    Trigger.SKIPPED: EventType.TASK_SKIPPED,
    Trigger.DEPENDENCY_FAILED: EventType.TASK_SKIPPED,
    Trigger.NOT_NEEDED: EventType.TASK_SKIPPED,
    Trigger.INPUT_FAILED: EventType.TASK_FAILED,
    Trigger.CANCELLED: EventType.TASK_CANCELLED,
    Trigger.DUE: EventType.TASK_DUE,
    Trigger.RETRIED: EventType.TASK_RETRIED,
    Trigger.RENEWED: EventType.TASK_RETRIED,
}
"""What a move of a task is told as."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `at` is seconds since the epoch; `data` depends on the type."""

    type: EventType
    execution_id: str
    at: float
    task_id: str | None = None
    attempt: int | None = None
    data: dict[str, str | int | float | bool | None] = msgspec.field(
        default_factory=dict[str, "str | int | float | bool | None"]
    )
