"""How a live execution comes to a halt: paused, stopped, at its end, let go."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from parallel_agents.core.events import EventType
from parallel_agents.core.metrics import Resources
from parallel_agents.core.outcome import Cancelled
from parallel_agents.core.session import timestamp
from parallel_agents.engine.announcer import Announcer
from parallel_agents.engine.delegations import interrupt
from parallel_agents.engine.dispatcher import Dispatcher
from parallel_agents.engine.limits import Limits
from parallel_agents.engine.live import Halt, LiveExecution
from parallel_agents.engine.monitor import PerformanceMonitor
from parallel_agents.engine.queue import TaskQueueManager
from parallel_agents.engine.reports import Reports
from parallel_agents.ports.journal import Journal

Spawn = Callable[[Coroutine[Any, Any, None], str], bool]
"""Runs a coroutine under this name beside the others of the engine; False where the engine does not run."""


class Endings:
    """Brings live executions to a halt and tells of it; `let_go` hears the id of each that has ended."""

    def __init__(
        self,
        journal: Journal,
        *,
        queue: TaskQueueManager,
        limits: Limits,
        monitor: PerformanceMonitor,
        announcer: Announcer,
        reports: Reports,
        now: Callable[[], float],
        spawn: Spawn,
        let_go: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._queue = queue
        self._limits = limits
        self._monitor = monitor
        self._announcer = announcer
        self._reports = reports
        self._now = now
        self._spawn = spawn
        self._tell_let_go = let_go

    def attach(self, dispatcher: Dispatcher) -> None:
        """Take them from this dispatcher, which for its part calls `end`."""
        self._dispatcher = dispatcher

    async def stop(self, live: LiveExecution, *, stopped: bool) -> None:
        """Cancel what is left and stop what runs; `stopped` by an error, else by the user."""
        live.cancelling, live.halt = True, None
        live.close()
        self._queue.forget(live.execution_id)
        await self._journal.cancel(live.execution_id, self._now(), stopped=stopped)
        for attempt in live.running.values():
            attempt.stop(Cancelled())
        if live.quiet:
            self.end(live)

    async def pause(
        self, live: LiveExecution, reason: str, *, resume_at: float | None = None, halt: Halt | None = None
    ) -> None:
        """Start nothing more of it; what runs goes on to its end.

        With `halt` it is for closed lanes, and any other pause takes the place of that.
        """
        if live.startable or (live.halt is not None and halt is None):
            live.paused, live.halt = reason, halt
            self._queue.forget(live.execution_id)
            take_back_waiting(live)
            live.is_pausing = True
            try:
                await self._journal.pause(live.execution_id, reason, self._now(), resume_at=resume_at)
            finally:
                live.is_pausing = False
            self._announcer.execution(
                EventType.EXECUTION_PAUSED, live.execution_id, reason=reason, resume_at=timestamp(resume_at)
            )
            self.note_idle(live)

    async def unpause(self, live: LiveExecution) -> None:
        """Go on with one that is paused."""
        if live.paused is None:
            return
        live.go_on()
        self._dispatcher.wake()
        await self._journal.pause(live.execution_id, None, self._now())
        self._announcer.execution(EventType.EXECUTION_RESUMED, live.execution_id)

    def end(self, live: LiveExecution) -> None:
        """It has nothing left: write that down and let it go. Safe to call again."""
        if not live.ending:
            live.ending = self._spawn(self._finish(live), f"end of {live.execution_id}")

    def note_idle(self, live: LiveExecution) -> None:
        """Wake whoever waits for it, where it halts with nothing running, and the journal says so."""
        is_halted = self._dispatcher.draining or live.paused is not None
        if live.quiet and is_halted and not live.is_pausing and not live.ending:
            if self._dispatcher.draining:
                live.halt = None
            live.rest()

    async def _finish(self, live: LiveExecution) -> None:
        now = self._now()
        sampled = self._monitor.end(live.execution_id)
        await self._journal.end(live.execution_id, now, sampled)
        await self._report(live, now, sampled)
        self._let_go(live)
        self._announcer.execution(EventType.EXECUTION_ENDED, live.execution_id)

    async def _report(self, live: LiveExecution, now: float, sampled: bytes | None) -> None:
        if self._reports.wants_executions:
            resources = None if sampled is None else msgspec.msgpack.decode(sampled, type=Resources)
            counts = await self._journal.read(lambda reader: reader.counts(live.execution_id))
            self._reports.execution_ended(live, counts, now - live.record.submitted_at, resources)

    def _let_go(self, live: LiveExecution) -> None:
        self._queue.forget(live.execution_id)
        self._limits.forget(live.execution_id)
        self._dispatcher.live.pop(live.execution_id, None)
        self._tell_let_go(live.execution_id)
        self._journal.disown(live.execution_id)
        live.rest()


def take_back_waiting(live: LiveExecution) -> None:
    """Take back the attempts that wait for tasks of their own: nothing of it starts, so they would wait for ever."""
    for attempt in live.running.values():
        if attempt.loan.open:
            interrupt(attempt)
