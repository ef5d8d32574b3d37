"""Who waits in a lane: strictly in the order in which they came, also when they come back."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Generic, TypeVar

T = TypeVar("T")
IDLE_S = 1.0


class Queue(Generic[T]):
    """Places in the order of their numbers. A place is given up by whoever waited, or handed what it waited for."""

    def __init__(self) -> None:
        self._places: list[tuple[int, int, asyncio.Future[T]]] = []
        self._ties = itertools.count()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def enter(self, number: int) -> asyncio.Future[T]:
        """Take a place behind all smaller numbers."""
        place: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._places, (number, next(self._ties), place))
        self._waiting += 1
        return place

    def head(self) -> int | None:
        """Return the number of the first who still waits; None without any."""
        while self._places and self._places[0][2].done():
            heapq.heappop(self._places)
        return self._places[0][0] if self._places else None

    def hand(self, given: T) -> None:
        """Give the first who still waits what it waits for."""
        self.head()
        place = heapq.heappop(self._places)[2]
        self._waiting -= 1
        place.set_result(given)

    def leave(self, place: asyncio.Future[T]) -> T | None:
        """Give a place up; returns what it was handed before, which has to go back."""
        if place.done() and not place.cancelled():
            return place.result()
        self._waiting -= 1
        place.cancel()
        return None


class Idlers:
    """How many of those that run have called nobody for a while, and so are not about to."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._before = self._least = 0

    def seen(self, idle: int, at: float) -> int:
        """Note that `idle` of them call nobody now; returns how many did not for `IDLE_S` at least."""
        if at - self._since >= IDLE_S:
            # After a gap nobody knows what they did in it.
            self._before = self._least if at - self._since < 2 * IDLE_S else 0
            self._since, self._least = at, idle
        self._least = min(self._least, idle)
        return min(self._before, self._least)
