"""Tells whoever listens what happens; nothing that a listener does can hurt the engine."""

from __future__ import annotations

import logging
from collections.abc import Callable

from parallel_agents.core.events import BY_TRIGGER, Event, EventType
from parallel_agents.core.settlement import Settlement
from parallel_agents.core.states import Trigger
from parallel_agents.core.task import Task, note_path
from parallel_agents.engine.attempt import RunningAttempt
from parallel_agents.engine.settlement import Settled

Listener = Callable[[Event], None]
_log = logging.getLogger("parallel_agents.events")


class Announcer:
    """Sends events to listeners, in the order they happen."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add a listener; the answer takes it off again (safe to call twice)."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def execution(self, kind: EventType, execution_id: str, **data: str | int | float | bool | None) -> None:
        """Tell something about an execution."""
        self._tell(Event(type=kind, execution_id=execution_id, at=self._now(), data=data))

    def began(self, attempt: RunningAttempt, pid: int) -> None:
        """Tell that a worker has an attempt."""
        self.about(attempt, EventType.TASK_STARTED, {"agent": attempt.agent.name, "worker_pid": pid})

    def progressed(self, attempt: RunningAttempt, fraction: float | None, message: str) -> None:
        """Tell what an agent says of its progress."""
        self.about(attempt, EventType.TASK_PROGRESS, {"fraction": fraction, "message": message})

    def settled(self, attempt: RunningAttempt, settled: Settled) -> None:
        """Tell how an attempt was settled."""
        settlement, task = settled.settlement, attempt.ready.task
        kind = BY_TRIGGER[settlement.trigger] if settled.landed else EventType.RESULT_DISCARDED
        self.about(
            attempt,
            kind,
            {
                "agent": task.agent_name,
                "node_id": task.node_id,
                "note_path": note_path(task),
                "outcome": settlement.outcome,
                "duration_ms": settlement.duration_ms,
                "message": settlement.error.message if settlement.error else settlement.result_reason,
                "result_status": settlement.result_status,
            },
        )

    def delegated(self, execution_id: str, task_id: str, parent: RunningAttempt) -> None:
        """Tell that an attempt has handed in a task that was not there before."""
        data: dict[str, str | int | float | bool | None] = {"parent_task_id": parent.ready.task.task_id}
        kind = EventType.TASK_SUBMITTED
        self._tell(Event(type=kind, execution_id=execution_id, at=self._now(), task_id=task_id, data=data))

    def added(self, execution_id: str, task_id: str, beside: str) -> None:
        """Tell that a step has made one more task, `beside` the one that stood for it."""
        data: dict[str, str | int | float | bool | None] = {"beside_task_id": beside}
        kind = EventType.TASK_SUBMITTED
        self._tell(Event(type=kind, execution_id=execution_id, at=self._now(), task_id=task_id, data=data))

    def dropped(self, execution_id: str, task: Task, trigger: Trigger, reason: str) -> None:
        """Tell that a task ended before it had an input."""
        data: dict[str, str | int | float | bool | None] = {
            "agent": task.agent_name,
            "node_id": task.node_id,
            "note_path": note_path(task),
            "outcome": trigger.value,
            "message": reason,
        }
        kind = BY_TRIGGER[trigger]
        self._tell(Event(type=kind, execution_id=execution_id, at=self._now(), task_id=task.task_id, data=data))

    def left_out(self, execution_id: str, task_id: str, reason: str) -> None:
        """Tell that a task will not run, since one that it depends on ended before it had an input."""
        data: dict[str, str | int | float | bool | None] = {"outcome": "dependency_failed", "message": reason}
        kind = EventType.TASK_SKIPPED
        self._tell(Event(type=kind, execution_id=execution_id, at=self._now(), task_id=task_id, data=data))

    def reused(self, execution_id: str, task_id: str) -> None:
        """Tell that a task has the result of an earlier one."""
        self._tell(Event(type=EventType.TASK_REUSED, execution_id=execution_id, at=self._now(), task_id=task_id))

    def skipped(self, execution_id: str, task_id: str, because_of: Settlement) -> None:
        """Tell that a task will not run, since one that it depends on did not succeed."""
        message = because_of.error.message if because_of.error else because_of.outcome
        data: dict[str, str | int | float | bool | None] = {"outcome": "dependency_failed", "message": message}
        self._tell(
            Event(type=EventType.TASK_SKIPPED, execution_id=execution_id, at=self._now(), task_id=task_id, data=data)
        )

    def about(self, attempt: RunningAttempt, kind: EventType, data: dict[str, str | int | float | bool | None]) -> None:
        """Tell something about an attempt."""
        task = attempt.ready
        self._tell(
            Event(
                type=kind,
                execution_id=task.execution_id,
                at=self._now(),
                task_id=task.task.task_id,
                attempt=attempt.attempt,
                data=data,
            )
        )

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                # A listener's fault is its own: the batch goes on, and the log says whose it was.
                _log.exception("a listener failed on %s", event.type)
