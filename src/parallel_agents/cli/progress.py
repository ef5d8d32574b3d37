"""Shows how far an execution is, in plain lines; `bar` does the same on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TextIO

from parallel_agents.cli.streams import write_line
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.pace import Pace

# Often enough for somebody who follows a log, seldom enough not to fill it.
_ESTIMATE_EVERY_S = 15.0

ENDS = {
    EventType.TASK_COMPLETED: "completed",
    EventType.TASK_REUSED: "reused",
    EventType.TASK_FAILED: "failed",
    EventType.TASK_SKIPPED: "skipped",
    EventType.TASK_CANCELLED: "cancelled",
}

_NOT_QUIET = {EventType.TASK_FAILED, EventType.EXECUTION_PAUSED, EventType.EXECUTION_RESUMED}


class Progress(Protocol):
    """Hears events and shows them until it is closed."""

    def hear(self, event: Event) -> None:
        """Take in one event."""
        ...

    def say(self, line: str) -> None:
        """Show a line of text."""
        ...

    def close(self) -> None:
        """Stop showing."""
        ...


class Count:
    """How many tasks have ended and how long the others may take. `clock` gives seconds and never goes back."""

    def __init__(self, total: int, done: int, clock: Callable[[], float]) -> None:
        self.total = total
        self.done = done
        self.clock = clock
        self._pace = Pace()

    def hear(self, event: Event) -> None:
        """Take in one event."""
        has_ended = event.type in ENDS
        self.done += has_ended
        # While it runs, only other tasks hand tasks in.
        self.total += event.type is EventType.TASK_SUBMITTED
        if event.type is EventType.TASK_STARTED:
            self._pace.started(str(event.task_id), self.clock())
        elif has_ended or event.type is EventType.TASK_RETRYING:
            self._pace.ended(str(event.task_id), self.clock(), settled=has_ended)

    def left(self) -> str | None:
        """The time left as far as it can be told, as `1:05`; None until it can."""
        left_s = self._pace.left_s(self.total - self.done, self.clock())
        return None if left_s is None else duration(left_s)


class PlainProgress:
    """One line for every task that ends or is tried again, and now and then an estimate of the time left."""

    def __init__(
        self,
        stream: TextIO | None,
        total: int,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
        *,
        names_agents: bool = False,
    ) -> None:
        self._stream = stream
        self._names_agents = names_agents
        self._count = Count(total, done, clock)
        self._estimated_at = clock()

    def hear(self, event: Event) -> None:
        """Take in one event."""
        self._count.hear(event)
        place = f"[{self._count.done}/{self._count.total}]"
        if (line := line_of(event, names_agents=self._names_agents)) is not None:
            self.say(f"{place} {line}")
        if event.type in ENDS and self._count.clock() - self._estimated_at >= _ESTIMATE_EVERY_S:
            self._estimate(place)

    def say(self, line: str) -> None:
        """Write a line."""
        write_line(self._stream, line)

    def close(self) -> None:
        """Nothing to take off."""

    def _estimate(self, place: str) -> None:
        left = self._count.left()
        if left is not None and self._count.done < self._count.total:
            self.say(f"{place} about {left} left")
            self._estimated_at = self._count.clock()


class QuietProgress:
    """A line for what fails or stops the execution, and none for anything else."""

    def __init__(self, stream: TextIO | None, *, names_agents: bool = False) -> None:
        self._stream = stream
        self._names_agents = names_agents

    def hear(self, event: Event) -> None:
        """Take in one event."""
        if event.type in _NOT_QUIET and (line := line_of(event, names_agents=self._names_agents)) is not None:
            self.say(line)

    def say(self, line: str) -> None:
        """Write a line."""
        write_line(self._stream, line)

    def close(self) -> None:
        """Nothing to take off."""


def line_of(event: Event, *, names_agents: bool = False) -> str | None:
    """Say what an event means for a task; None for those that are not worth a line.

    `names_agents` is for several agents, which may all have a task for one node.
    """
    name = _name(event, names_agents=names_agents)
    message = event.data.get("message")
    match event.type:
        case EventType.TASK_COMPLETED if event.data.get("result_status") == "unscored":
            return f"unscored  {name}: {message}"
        case EventType.TASK_COMPLETED:
            return f"completed {name} ({_seconds(event)})"
        case EventType.TASK_FAILED | EventType.TASK_SKIPPED:
            return f"{ENDS[event.type]}    {name}: {message}"
        case EventType.TASK_RETRYING if event.data.get("outcome") == "interrupted":
            return f"stopped   {name}: attempt {event.attempt}, not charged: {message}"
        case EventType.TASK_RETRYING:
            return f"retrying  {name}: attempt {event.attempt} {event.data.get('outcome')}: {message}"
        case EventType.RESULT_DISCARDED | EventType.TASK_SLOW | EventType.CONCURRENCY_CHANGED | EventType.TASK_REUSED:
            return _remark(event, name)
        case EventType.EXECUTION_PAUSED | EventType.EXECUTION_RESUMED:
            return _halt(event)
        case _:
            return None


def _halt(event: Event) -> str:
    if event.type is EventType.EXECUTION_RESUMED:
        return "goes on"
    resume_at = event.data.get("resume_at")
    until = f"; the provider takes calls again at {resume_at}" if resume_at else ""
    return f"paused: {event.data.get('reason')}{until}"


def _name(event: Event, *, names_agents: bool) -> str:
    data = event.data
    name = f"node {data['node_id']}" if data.get("node_id") else str(data.get("note_path") or event.task_id)
    return f"{name}, {data['agent']}" if names_agents and data.get("agent") else name


def _remark(event: Event, name: str) -> str:
    if event.type is EventType.CONCURRENCY_CHANGED:
        return f"{event.data['at_once']} at once from now on: {event.data['reason']}"
    if event.type is EventType.TASK_REUSED:
        return f"reused    {name}: the same was answered before"
    if event.type is EventType.RESULT_DISCARDED:
        return f"discarded {name}: a late result of attempt {event.attempt}"
    threshold = f"{event.data['threshold_s']:g} s"
    return f"slow      {name}: attempt {event.attempt} has been running for more than {threshold}"


def _seconds(event: Event) -> str:
    duration = event.data.get("duration_ms")
    return "?" if not isinstance(duration, int | float) else f"{duration / 1000:.1f} s"


def duration(seconds: float) -> str:
    """A duration as minutes and seconds, with hours where there are some."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
