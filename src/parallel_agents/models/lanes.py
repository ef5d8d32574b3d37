"""A lane is what a provider's rate limit governs: provider, account and model.

A call enters through `permit`. Limits of requests and tokens per minute belong here too, behind the same door.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from parallel_agents.core.errors import LaneClosedError

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
SHORTEST_PAUSE_S = 0.05


class Waiter(Protocol):
    """Somebody who is told when a call waits and when it goes on."""

    def waiting(self, is_waiting: bool) -> None:
        """Tell that the call waits or goes on."""
        ...


class Lane:
    """Lets calls through in the order they came, none while the lane is blocked or closed.

    `now` gives seconds since the epoch, `random` a number in [0, 1). Pauses are kept on the event loop's clock, which
    does not jump. `changed` is called whenever it takes more or fewer calls than before. Belongs to one event loop.
    """

    def __init__(
        self, name: str, *, now: Callable[[], float], random: Callable[[], float], changed: Callable[[], None]
    ) -> None:
        self.name = name
        self._changed = changed
        self._now = now
        self._random = random
        self._gate = asyncio.Lock()
        self._queued = 0
        self._blocked_until = 0.0
        self._pauses = 0
        self._last_pause_at = 0.0
        self._closed: LaneClosedError | None = None
        self._on_close = asyncio.Event()
        self._probes = False
        self._probe = asyncio.Lock()

    @property
    def closed(self) -> LaneClosedError | None:
        """Why it takes no calls; None while it takes some."""
        closed = self._closed
        return None if closed is None or self._is_over(closed) else closed

    def takes(self, at_once: int) -> bool:
        """Tell whether so many calls at once would all go out now."""
        if self.closed is not None or self._queued or self._remaining_s() > 0:
            return False
        return at_once == 1 or not self._probes

    def probe_first(self) -> None:
        """Let one call through at a time until one was answered."""
        self._probes = True

    @asynccontextmanager
    async def permit(self, waiter: Waiter) -> AsyncGenerator[None]:
        """Wait for a turn; the call is made inside.

        Raises:
            LaneClosedError: the lane is closed, or was closed while waiting.
        """
        self._refuse_if_closed()
        if self._queued or self._remaining_s() > 0:
            await self._queue(waiter)
        if not self._probes:
            yield
            return
        waiter.waiting(True)
        async with self._probe:
            waiter.waiting(False)
            self._refuse_if_closed()
            yield

    def block(self, pause_s: float | None, *, sent_at: float) -> float:
        """Stop the lane after a 429 to a call sent at `sent_at` (event loop's clock); returns the pause in seconds.

        Without a pause asked for by the provider, one that doubles from wave to wave. All the calls that were already
        on their way when the lane stopped are one wave.
        """
        at = self._clock()
        if sent_at >= self._last_pause_at:
            self._pauses += 1
            self._last_pause_at = at
        if not pause_s:
            step = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (max(1, self._pauses) - 1))
            pause_s = step * (0.5 + 0.5 * self._random())
        pause_s = max(SHORTEST_PAUSE_S, pause_s)
        self._blocked_until = max(self._blocked_until, at + pause_s)
        # Only then may somebody else start: until the pause is over, who starts would wait.
        asyncio.get_running_loop().call_later(pause_s, self._changed)
        return pause_s

    def served(self, *, sent_at: float) -> None:
        """Note an answer to a call sent at `sent_at`: the next wave of 429 starts with a short pause again."""
        if sent_at >= self._last_pause_at:
            self._pauses = 0
        if self._probes:
            self._probes = False
            self._changed()

    def close(self, error: LaneClosedError) -> None:
        """Refuse every call, waiting ones too, until `error.resume_at`, or until `reopen` where that is None."""
        self._closed = error
        self._on_close.set()
        self._changed()

    def reopen(self) -> None:
        """Take calls again."""
        self._closed = None
        self._on_close.clear()
        self._changed()

    async def _queue(self, waiter: Waiter) -> None:
        self._queued += 1
        waiter.waiting(True)
        try:
            async with self._gate:
                while (left_s := self._remaining_s()) > 0:
                    await self._pause(left_s)
                    self._refuse_if_closed()
            self._refuse_if_closed()
        finally:
            waiter.waiting(False)
            self._queued -= 1

    async def _pause(self, left_s: float) -> None:
        try:
            async with asyncio.timeout(left_s):
                await self._on_close.wait()
        except TimeoutError:
            return

    def _refuse_if_closed(self) -> None:
        closed = self._closed
        if closed is None:
            return
        if self._is_over(closed):
            self.reopen()
            return
        raise LaneClosedError(closed.lane, closed.reason, closed.resume_at, kind=closed.kind)

    def _is_over(self, closed: LaneClosedError) -> bool:
        return closed.resume_at is not None and self._now() >= closed.resume_at

    def _remaining_s(self) -> float:
        return self._blocked_until - self._clock()

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()
