"""How long a client that makes no mistake would have needed."""

from __future__ import annotations

import heapq

from parallel_agents.simulator.limits import Limits, Need


class Ideal:
    """Replays answered requests one behind the other on a clock of its own that starts at 0.

    Each begins as soon as every bucket holds what it takes and one of `at_once` places (0: any number) is free, and
    keeps its place for the seconds that its answer took to make. Buckets start full. Nothing is refused, nothing fails,
    no message travels: no client is faster that has its requests begin in this order.
    """

    def __init__(self, limits: Limits, at_once: int) -> None:
        self._limits = limits
        self._at_once = at_once
        self._free_at: list[float] = []
        self._begun_at = 0.0
        self.ends_at = 0.0

    def answered(self, need: Need, service_s: float) -> None:
        """Add an answered request."""
        at = self._begun_at
        if self._at_once and len(self._free_at) >= self._at_once:
            at = max(at, heapq.heappop(self._free_at))
        shortage = self._limits.shortage(need, at)
        if shortage is not None and shortage.wait_s is not None:
            at += shortage.wait_s
        self._limits.take(need, at)
        self._begun_at = at
        if self._at_once:
            heapq.heappush(self._free_at, at + service_s)
        self.ends_at = max(self.ends_at, at + service_s)
