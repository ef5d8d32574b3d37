"""Shows how far an execution is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Protocol, TextIO

from parallel_agents.cli.streams import one_line, write_line
from parallel_agents.core.events import Event, EventType

_ENDS = {
    EventType.TASK_COMPLETED: "completed",
    EventType.TASK_FAILED: "failed",
    EventType.TASK_SKIPPED: "skipped",
    EventType.TASK_CANCELLED: "cancelled",
}


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


class PlainProgress:
    """One line for every task that ends or is tried again."""

    def __init__(self, stream: TextIO | None, total: int, done: int = 0) -> None:
        self._stream = stream
        self._total = total
        self._done = done

    def hear(self, event: Event) -> None:
        """Take in one event."""
        if event.type in _ENDS:
            self._done += 1
        if (line := line_of(event)) is not None:
            self.say(f"[{self._done}/{self._total}] {line}")

    def say(self, line: str) -> None:
        """Write a line."""
        write_line(self._stream, line)

    def close(self) -> None:
        """Nothing to take off."""


class LiveProgress:
    """A bar with counts; failures stay above it as lines."""

    def __init__(self, total: int, done: int = 0) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Bar(*columns, console=self._console)
        self._task = self._bar.add_task("starting", total=total, completed=done)
        self._running = 0
        self._failed = 0
        self._bar.start()

    def hear(self, event: Event) -> None:
        """Take in one event."""
        if event.type is EventType.TASK_STARTED:
            self._running += 1
        elif event.type in _ENDS or event.type is EventType.TASK_RETRYING:
            self._running = max(0, self._running - 1)
        if event.type in _ENDS:
            self._bar.advance(self._task)
        if event.type is not EventType.TASK_COMPLETED and (line := line_of(event)) is not None:
            self.say(line)
        self._failed += event.type is EventType.TASK_FAILED
        failed = f", {self._failed} failed" if self._failed else ""
        self._bar.update(self._task, description=f"{self._running} running{failed}")

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(one_line(line), markup=False, highlight=False)

    def close(self) -> None:
        """Leave the last state of the bar."""
        self._bar.stop()


def line_of(event: Event) -> str | None:
    """Say what an event means for a task; None for those that are not worth a line."""
    name = f"node {event.data['node_id']}" if event.data.get("node_id") else str(event.task_id)
    message = event.data.get("message")
    match event.type:
        case EventType.TASK_COMPLETED if event.data.get("result_status") == "unscored":
            return f"unscored  {name}: {message}"
        case EventType.TASK_COMPLETED:
            return f"completed {name} ({_seconds(event)})"
        case EventType.TASK_FAILED | EventType.TASK_SKIPPED:
            return f"{_ENDS[event.type]}    {name}: {message}"
        case EventType.TASK_RETRYING if event.data.get("outcome") == "interrupted":
            return f"stopped   {name}: attempt {event.attempt}, not charged: {message}"
        case EventType.TASK_RETRYING:
            return f"retrying  {name}: attempt {event.attempt} {event.data.get('outcome')}: {message}"
        case EventType.RESULT_DISCARDED:
            return f"discarded {name}: a late result of attempt {event.attempt}"
        case EventType.EXECUTION_PAUSED:
            return f"paused: {event.data.get('reason')}"
        case _:
            return None


def _seconds(event: Event) -> str:
    duration = event.data.get("duration_ms")
    return "?" if not isinstance(duration, int | float) else f"{duration / 1000:.1f} s"
