"""How many requests a simulated provider works on at once; who comes when all places are taken stands in line."""

from __future__ import annotations

import asyncio
from collections import deque


class Places:
    """`most` at once, 0 for any number; it may change at any time, followed by `seat`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def are_full(self) -> bool:
        """Tell whether who comes now would stand in line."""
        return bool(self._line) or not self._is_one_free()

    async def enter(self) -> None:
        """Take a place, in the order of coming; `leave` gives it back."""
        if not self.are_full:
            self.taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Who goes away in the very moment of being seated holds a place that nobody else would give back.
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give a place back."""
        self.taken -= 1
        self.seat()

    def seat(self) -> None:
        """Let in from the line whoever fits."""
        while self._line and (self._line[0].done() or self._is_one_free()):
            turn = self._line.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(None)

    def _is_one_free(self) -> bool:
        return not self.most or self.taken < self.most
