"""The catalogue of events: one vocabulary for logs, progress, files and streams."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class EventType(StrEnum):
    """Everything that can be told while an execution runs."""

    EXECUTION_STARTED = "execution.started"
    EXECUTION_ENDED = "execution.ended"
    EXECUTION_PAUSED = "execution.paused"
    TASK_STARTED = "task.started"
    TASK_PROGRESS = "task.progress"
    TASK_COMPLETED = "task.completed"
    TASK_RETRYING = "task.retrying"
    TASK_FAILED = "task.failed"
    TASK_SKIPPED = "task.skipped"
    TASK_CANCELLED = "task.cancelled"
    RESULT_DISCARDED = "task.result_discarded"
    WORKER_STARTED = "worker.started"
    WORKER_ENDED = "worker.ended"


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
