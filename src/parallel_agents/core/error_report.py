"""What went wrong in an execution, added up: by class and by agent, and what can be done about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from parallel_agents.core.outcome import ErrorClass, ErrorRecord
from parallel_agents.core.session import timestamp
from parallel_agents.core.states import State
from parallel_agents.core.task import AttemptRecord, TaskRecord

_TAKEN_BACK = "interrupted"

WHAT_TO_DO: Mapping[ErrorClass, str] = {
    ErrorClass.ITEM: "Correct the input or the agent and submit these tasks anew; the same input fails again.",
    ErrorClass.TRANSIENT: "It may pass by itself: `parallel-agents retry ID --failed` tries again.",
    ErrorClass.RATE_LIMITED: "Run fewer at once (--max-concurrent), or ask the provider for more; then retry.",
    ErrorClass.TERMINAL: "Put quota, billing, key or model name right; then `parallel-agents resume ID` goes on.",
    ErrorClass.CONTRACT: "Read the whole answer (raw_answer in the results), then choose another model or change the "
    "agent's output contract.",
    ErrorClass.TIMEOUT: "Raise agent_configs.NAME.timeout_seconds or give less material, and submit these tasks anew: "
    "a retry keeps the old limit.",
    ErrorClass.MEMORY_LIMIT: "Raise agent_configs.NAME.context_size_mb or give less material, and submit these tasks "
    "anew: a retry keeps the old budget.",
    ErrorClass.WORKER_LOST: "Look for what ended the worker (the system's log tells of a lack of memory; native code "
    "of an agent can crash); then retry.",
    ErrorClass.ENGINE_LOST: "Look for what ended the program; `parallel-agents resume ID` goes on. A task that was "
    "there three times is kept out until it is retried.",
}
"""One sentence for every class. `ID` stands for the execution."""


class Group:
    """Errors that have something in common, one added at a time, in memory that does not grow with them."""

    def __init__(self) -> None:
        self.errors = 0
        self.charged = 0
        self.tasks = 0
        self.failed = 0
        self.parts: dict[str, int] = {}
        self._first_at: float | None = None
        self._last_at: float | None = None
        self._example: dict[str, Any] | None = None

    def add(self, task: TaskRecord, attempt: AttemptRecord, error: ErrorRecord, part: str) -> None:
        """Count one error; `part` is what it is counted by inside the group."""
        at = attempt.started_at if attempt.ended_at is None else attempt.ended_at
        self.errors += 1
        self.charged += attempt.charged
        self.parts[part] = self.parts.get(part, 0) + 1
        self._first_at = at if self._first_at is None else min(at, self._first_at)
        self._last_at = at if self._last_at is None else max(at, self._last_at)
        if self._example is None:
            self._example = {"task_id": task.task.task_id, "attempt": attempt.attempt, "message": error.message}

    def figures(self) -> dict[str, Any]:
        """What is said of every group."""
        return {
            "errors": self.errors,
            "charged": self.charged,
            "tasks": self.tasks,
            "failed_tasks": self.failed,
            "first_at": timestamp(self._first_at),
            "last_at": timestamp(self._last_at),
            "example": self._example,
        }


class Total(msgspec.Struct):
    """What is said of all errors together."""

    errors: int = 0
    charged: int = 0
    tasks: int = 0
    taken_back: int = 0


class ErrorReport:
    """The errors of an execution's attempts, shown one task at a time.

    An attempt that was taken back (by a shutdown, or as a bystander of a dead worker) is nobody's error and counted
    apart, unless its lane was closed.
    """

    def __init__(self) -> None:
        self._total = Total()
        self._classes: dict[str, Group] = {}
        self._agents: dict[str, Group] = {}

    def add(self, task: TaskRecord) -> None:
        """Count the errors of one task."""
        agent = task.task.agent_name
        touched: set[str] = set()
        last: str | None = None
        for attempt in task.attempts:
            error = attempt.error
            if error is None:
                continue
            if attempt.outcome == _TAKEN_BACK and error.error_class is not ErrorClass.TERMINAL:
                self._total.taken_back += 1
                continue
            last = error.error_class.value
            touched.add(last)
            self._count(task, attempt, error, agent)
        self._count_task(touched, agent, last if task.state is State.FAILED else None)

    def told(self) -> dict[str, Any]:
        """The part `error_report` of the document; the most frequent first."""
        return {
            "total_errors": self._total.errors,
            "charged_errors": self._total.charged,
            "tasks_with_errors": self._total.tasks,
            "attempts_taken_back": self._total.taken_back,
            "by_class": [
                {"class": name, **group.figures(), "agents": group.parts, "what_to_do": WHAT_TO_DO[ErrorClass(name)]}
                for name, group in _ordered(self._classes)
            ],
            "by_agent": [
                {"agent_name": name, **group.figures(), "classes": group.parts}
                for name, group in _ordered(self._agents)
            ],
        }

    def _count(self, task: TaskRecord, attempt: AttemptRecord, error: ErrorRecord, agent: str) -> None:
        kind = error.error_class.value
        self._total.errors += 1
        self._total.charged += attempt.charged
        self._classes.setdefault(kind, Group()).add(task, attempt, error, agent)
        self._agents.setdefault(agent, Group()).add(task, attempt, error, kind)

    def _count_task(self, classes: set[str], agent: str, failed_by: str | None) -> None:
        if not classes:
            return
        self._total.tasks += 1
        self._agents[agent].tasks += 1
        self._agents[agent].failed += failed_by is not None
        for name in classes:
            self._classes[name].tasks += 1
            self._classes[name].failed += name == failed_by


def _ordered(groups: Mapping[str, Group]) -> list[tuple[str, Group]]:
    return sorted(groups.items(), key=lambda item: (-item[1].errors, item[0]))
