"""Notices attempts that run long, each once and while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from parallel_agents.engine.attempt import RunningAttempt

RECHECK_S = 0.01


class SlowWatch:
    """Calls `alert` once for every attempt whose working time passes `threshold_s`; None watches nothing.

    A timer per running attempt, no task: it is taken off when the attempt ends.
    """

    def __init__(self, alert: Callable[[RunningAttempt, float], None], threshold_s: float | None) -> None:
        self._alert = alert
        self._threshold_s = threshold_s
        self._running: dict[int, RunningAttempt] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def change(self, threshold_s: float | None) -> None:
        """Watch by another threshold from now on; who was told of already is not told of again."""
        self._threshold_s = threshold_s
        for attempt in tuple(self._running.values()):
            self._look(attempt)

    def began(self, attempt: RunningAttempt) -> None:
        """Watch an attempt."""
        self._running[attempt.key] = attempt
        self._look(attempt)

    def ended(self, attempt: RunningAttempt) -> None:
        """Watch it no longer."""
        self._running.pop(attempt.key, None)
        self._forget_timer(attempt)

    def _look(self, attempt: RunningAttempt) -> None:
        self._forget_timer(attempt)
        threshold_s = self._threshold_s
        if threshold_s is None:
            return
        left_s = threshold_s - (attempt.clock.worked_s or 0.0)
        if left_s > 0:
            # An attempt that waits for its model does not work meanwhile, so it may be looked at more than once; never
            # in a tight loop, which the last nanoseconds would otherwise be.
            loop = asyncio.get_running_loop()
            self._timers[attempt.key] = loop.call_later(max(left_s, RECHECK_S), self._look, attempt)
            return
        del self._running[attempt.key]
        self._alert(attempt, threshold_s)

    def _forget_timer(self, attempt: RunningAttempt) -> None:
        timer = self._timers.pop(attempt.key, None)
        if timer is not None:
            timer.cancel()
