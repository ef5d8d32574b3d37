"""Holds the memory of a worker against the budgets of the attempts in it."""

from __future__ import annotations

from collections.abc import Collection

from parallel_agents.core.outcome import Interrupted, MemoryExceeded, Outcome
from parallel_agents.workers import memory
from parallel_agents.workers.seats import Seat

_OVER_BUDGET = 1.1


class MemoryWatch:
    """Watches one worker with everything below it, above what it had when it began to be busy.

    Alone in its worker, an attempt has its own budget and its own peak. Several have the sum of theirs, and nobody can
    say how much is whose.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._baseline_mb = 0.0
        self._allowed_mb = 0.0
        self._alone: Seat | None = None

    def begin(self, seat: Seat, beside: Collection[Seat]) -> None:
        """An attempt comes in, beside those that are there."""
        if not beside:
            self._baseline_mb = memory.resident_mb(self._pid) or 0.0
            self._allowed_mb = 0.0
        elif self._alone is not None:
            self._alone.peak_mb = 0.0
        self._alone = None if beside else seat
        # What one of them takes is not always given back when it ends: the most that was ever allowed stays so.
        together = sum(other.assignment.memory_mb for other in beside) + seat.assignment.memory_mb
        self._allowed_mb = max(self._allowed_mb, together)

    def exceeded(self, seats: Collection[Seat]) -> Outcome | None:
        """Look now. How an attempt ends that is over its budget, or that is among several that are over theirs."""
        resident = memory.tree_mb(self._pid) if seats else None
        if resident is None:
            return None
        above = resident - self._baseline_mb
        if self._alone is not None:
            self._alone.peak_mb = max(self._alone.peak_mb, above)
        if above <= self._allowed_mb * _OVER_BUDGET:
            return None
        if self._alone is not None:
            return MemoryExceeded(limit_mb=self._allowed_mb, peak_mb=above)
        return Interrupted(
            "bystander", f"its worker had {above:.0f} MB, more than the {self._allowed_mb:.0f} MB of all in it"
        )
