"""The engine's side of one attempt in a worker, and what becomes of those in a worker that has died."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from parallel_agents.core.outcome import Interrupted, MemoryExceeded, Outcome, Usage, WorkerLost
from parallel_agents.ports.workers import Assignment, Link, Report
from parallel_agents.workers.child import OUT_OF_MEMORY


class Seat:
    """One attempt in a worker. `is_stopping` once it has been told to end, `is_overrun` once it has not done so.

    `takes_calls` until its caller has its end or is cancelled; `delegations` counts what it waits for of tasks that it
    handed in.
    """

    def __init__(self, number: int, assignment: Assignment, link: Link, calls: asyncio.TaskGroup) -> None:
        self.number = number
        self.assignment = assignment
        self.link = link
        self.calls = calls
        self.report: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()
        self.pending: set[asyncio.Task[None]] = set()
        self.verdict: Outcome | None = None
        self.peak_mb = 0.0
        self.takes_calls = True
        self.is_stopping = False
        self.is_overrun = False
        self.delegations = 0
        self.patience: asyncio.TimerHandle | None = None

    def end(self, outcome: Outcome, usage: Usage) -> None:
        """The attempt has ended; the first word counts."""
        if not self.report.done():
            self.report.set_result(Report(outcome=outcome, usage=usage))
            self.link.received()
        self.over.set()
        if self.patience is not None:
            self.patience.cancel()
        for call in self.pending:
            call.cancel()


def end_all(seats: Collection[Seat], how: str, *, exit_code: int | None, cause: str = "") -> None:
    """End the attempts of a worker that died in the way that `how` says, for the `cause` that is known.

    One that was alone answers for it. Of several only those whose part is known do: the others were bystanders.
    """
    going = [seat for seat in seats if not seat.over.is_set()]
    for seat in going:
        if seat.verdict is None and len(going) > 1:
            outcome: Outcome = Interrupted("bystander", f"its worker ended with others in it: {cause or how}")
        else:
            outcome = _of_the_one_at_fault(seat, how, exit_code)
        seat.end(outcome, Usage(peak_memory_mb=seat.peak_mb or None))


def _of_the_one_at_fault(seat: Seat, how: str, exit_code: int | None) -> Outcome:
    match seat.verdict:
        case None if exit_code == OUT_OF_MEMORY:
            return MemoryExceeded(limit_mb=seat.assignment.memory_mb, peak_mb=None)
        case None:
            return WorkerLost(how)
        case WorkerLost(why):
            return WorkerLost(f"{why} ({how})")
        case verdict:
            return verdict
