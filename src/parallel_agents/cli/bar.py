"""Shows how far an execution is as a bar on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
from rich.progress import Progress as Bar
from rich.progress import Task as Row
from rich.table import Column
from rich.text import Text

from parallel_agents.cli.progress import ENDS, Count, duration, line_of
from parallel_agents.cli.streams import one_line
from parallel_agents.cli.translation import localized
from parallel_agents.core.events import Event, EventType

# On a narrower terminal there is no room for the bar beside the words.
_NARROW = 60


class LiveProgress:
    """A bar with counts and the time left; failures stay above it as lines."""

    def __init__(
        self,
        total: int,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
        console: Console | None = None,
        *,
        names_agents: bool = False,
    ) -> None:
        self._names_agents = names_agents
        self._console = console or Console(stderr=True)
        self._count = Count(total, done, clock)
        wide = self._console.width >= _NARROW
        words = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis"))
        bar = (BarColumn(bar_width=None),) if wide else ()
        self._times = _Times(self._count, wide=wide)
        columns = (words, *bar, MofNCompleteColumn(table_column=Column(no_wrap=True)), self._times)
        self._bar = Bar(*columns, console=self._console, expand=wide)
        self._task = self._bar.add_task(localized("starting"), total=total, completed=done)
        self._running = 0
        self._failed = 0
        self._bar.start()

    def hear(self, event: Event) -> None:
        """Take in one event."""
        self._count.hear(event)
        if event.type is EventType.TASK_STARTED:
            self._running += 1
        elif event.type in ENDS or event.type is EventType.TASK_RETRYING:
            self._running = max(0, self._running - 1)
        if event.type in ENDS:
            self._bar.advance(self._task)
        self._failed += event.type is EventType.TASK_FAILED
        line = line_of(event, names_agents=self._names_agents)
        if event.type is not EventType.TASK_COMPLETED and line is not None:
            self._print(line, "red" if event.type is EventType.TASK_FAILED else "")
        failed = f", {self._failed} failed" if self._failed else ""
        words = localized(f"{self._running} running{failed}")
        self._bar.update(self._task, total=self._count.total, description=words)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._print(line, "")

    def close(self) -> None:
        """Leave the last state of the bar; nothing is left to wait for, also where tasks are left over."""
        self._times.is_over = True
        self._bar.stop()

    def _print(self, line: str, style: str) -> None:
        # Wrapped by the terminal: broken at blanks, a Chinese sentence would leave its first word alone on a line.
        self._console.print(localized(one_line(line)), style=style, markup=False, highlight=False, soft_wrap=True)


class _Times(ProgressColumn):
    """The time since the start and the time left, as far as it can be told; where it is narrow, only the latter."""

    def __init__(self, count: Count, *, wide: bool) -> None:
        super().__init__(Column(no_wrap=True))
        self._count = count
        self._start = count.clock()
        self._wide = wide
        self.is_over = False

    def render(self, task: Row) -> Text:
        elapsed = duration(self._count.clock() - self._start)
        left = self._count.left()
        if task.finished or self.is_over:
            return Text(elapsed)
        if not self._wide:
            return Text(f"~{left or '?'}")
        return Text(f"{elapsed}, {localized('time left unknown' if left is None else f'about {left} left')}")
