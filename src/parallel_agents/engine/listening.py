"""Leaves workers unread while too many of their results wait to be written down."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from parallel_agents.engine.attempt import RunningAttempt
from parallel_agents.ports.workers import WorkerPool


class Listening:
    """Counts the results that have come in and are not written down; at `most` of them, the pool reads no more.

    Whoever had sent more by then waits with it. The clocks of the attempts stand still meanwhile: a result may lie
    there unread, and nobody can tell since when, so no attempt may run out of time over it.

    Nothing that a result needs to be written down comes from a worker, so the pause always ends.
    """

    def __init__(self, pool: WorkerPool, most: int) -> None:
        self._pool = pool
        self._most = most
        self._unwritten: set[int] = set()
        self._running: dict[int, RunningAttempt] = {}
        self._is_on = True

    @contextlib.contextmanager
    def through(self, attempt: RunningAttempt) -> Generator[None]:
        """Keep an eye on an attempt until its result is written down, or never will be."""
        self._running[attempt.key] = attempt
        attempt.clock.hold(not self._is_on)
        try:
            yield
        finally:
            self._running.pop(attempt.key, None)
            self._unwritten.discard(attempt.key)
            self._turn()

    def received(self, attempt: RunningAttempt) -> None:
        """How an attempt ended has come in. Safe to call twice."""
        self._running.pop(attempt.key, None)
        self._unwritten.add(attempt.key)
        self._turn()

    def _turn(self) -> None:
        is_on = len(self._unwritten) < self._most
        if is_on == self._is_on:
            return
        self._is_on = is_on
        for attempt in self._running.values():
            attempt.clock.hold(not is_on)
        if is_on:
            self._pool.resume_reading()
        else:
            self._pool.pause_reading()
