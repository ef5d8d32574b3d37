"""The clock of one attempt: it stands still while the attempt waits for something that is not work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class WorkClock:
    """Measures working time and stops the attempt at its limit.

    Used as `async with`, it is an `asyncio.timeout` scope: pausing takes the deadline off, going on sets it anew. A
    call in flight that waits pauses it only while no other call of the same attempt is at work. Held, it stands still
    whatever the calls do.
    """

    def __init__(self, limit_s: float, monotonic: Callable[[], float]) -> None:
        self.limit_s = limit_s
        self._scope = asyncio.timeout(None)
        self._inside = False
        self._monotonic = monotonic
        self._resumed_at: float | None = None
        self._paused_at: float | None = None
        self._worked_s = 0.0
        self._waited_s = 0.0
        self._calls = 0
        self._waiting = 0
        self._held = False
        self._stopped = False

    async def __aenter__(self) -> Self:
        await self._scope.__aenter__()
        self._inside = True
        if self._stopped:
            self._reschedule(asyncio.get_running_loop().time())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._inside = False
        return await self._scope.__aexit__(kind, error, trace)

    @property
    def expired(self) -> bool:
        """Whether the scope was ended by its deadline or by `stop`."""
        return self._scope.expired()

    @property
    def worked_s(self) -> float | None:
        """Working time so far; None before the start."""
        if self._resumed_at is None and self._paused_at is None:
            return None
        since = 0.0 if self._resumed_at is None else self._monotonic() - self._resumed_at
        return self._worked_s + since

    @property
    def waited_s(self) -> float:
        """Time spent waiting since the start."""
        return self._waited_s + (0.0 if self._paused_at is None else self._monotonic() - self._paused_at)

    def start(self) -> None:
        """The worker has begun."""
        self._resumed_at = self._monotonic()
        self._set_deadline()
        self._turn()

    def call_began(self) -> None:
        """A model call of this attempt is in flight."""
        self._calls += 1
        self._turn()

    def call_ended(self) -> None:
        """A model call of this attempt has been answered or given up."""
        self._calls -= 1
        self._turn()

    def waiting(self, is_waiting: bool) -> None:
        """A call in flight began to wait, or goes on."""
        self._waiting += 1 if is_waiting else -1
        self._turn()

    def hold(self, is_held: bool) -> None:
        """Stand still, also from a start that is still to come, or go on."""
        self._held = is_held
        self._turn()

    def stop(self) -> None:
        """End the scope now, whatever time is left. Safe to call twice."""
        if not self._stopped:
            self._stopped = True
            self._reschedule(asyncio.get_running_loop().time())

    def _turn(self) -> None:
        should_pause = self._held or (self._waiting > 0 and self._waiting >= self._calls)
        if should_pause and self._resumed_at is not None:
            now = self._monotonic()
            self._worked_s += now - self._resumed_at
            self._resumed_at, self._paused_at = None, now
            self._reschedule(None)
        elif not should_pause and self._paused_at is not None:
            now = self._monotonic()
            self._waited_s += now - self._paused_at
            self._resumed_at, self._paused_at = now, None
            self._set_deadline()

    def _set_deadline(self) -> None:
        self._reschedule(asyncio.get_running_loop().time() + max(0.0, self.limit_s - self._worked_s))

    def _reschedule(self, when: float | None) -> None:
        # A stop stands, whatever the calls do afterwards.
        if self._stopped and when is not None and when > asyncio.get_running_loop().time():
            return
        if self._inside and not self._scope.expired() and not (self._stopped and when is None):
            self._scope.reschedule(when)
