"""Who waits for a worker, and who gets which."""

from __future__ import annotations

import asyncio
import collections
import math
from collections.abc import Collection

from parallel_agents.core.errors import PoolError
from parallel_agents.workers.placement import Balance, choose
from parallel_agents.workers.supervision import SupervisedWorker

Place = asyncio.Future[SupervisedWorker]


class _Waiter:
    """Somebody who waits. `alone`: for a worker without attempts, that gets no other beside this one."""

    def __init__(self, place: Place, *, alone: bool, folder: str | None) -> None:
        self.place = place
        self.alone = alone
        self.folder = folder

    def may_have(self, worker: SupervisedWorker) -> bool:
        # A bare import finds the modules of one folder: agents of two folders may each have a `prompts.py`, so they do
        # not share a worker at the same time.
        if not worker.load:
            return True
        if self.alone or worker.is_reserved:
            return False
        return self.folder is None or worker.folder is None or self.folder == worker.folder


def _emptiness(worker: SupervisedWorker) -> tuple[bool, int, int]:
    return not worker.takes_attempts, worker.load, worker.pid


class Seating:
    """Hands workers out in the order in which they are asked for.

    `slots` is the number of attempts that a worker may have, `max_workers` that of workers which have any.
    """

    def __init__(self, *, max_workers: int, slots: int, balance: Balance) -> None:
        self.max_workers = max_workers
        self.slots = slots
        self.balance: Balance = balance
        self._waiters: collections.deque[_Waiter] = collections.deque()
        self._returning: collections.deque[tuple[SupervisedWorker, asyncio.Future[None]]] = collections.deque()
        self._busy = 0
        self._given = 0

    def ask(self, *, alone: bool = False, folder: str | None = None) -> Place:
        """Stand in line; `folder` is where the agent's own modules are."""
        place: Place = asyncio.get_running_loop().create_future()
        self._waiters.append(_Waiter(place, alone=alone, folder=folder))
        return place

    def lend(self, worker: SupervisedWorker) -> None:
        """One of a worker's attempts waits for others: somebody else may have its place."""
        worker.lent += 1
        self._busy -= worker.lent == worker.load

    def ask_back(self, worker: SupervisedWorker) -> asyncio.Future[None]:
        """Stand in line, before all who begin, for the place that was lent."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._returning.append((worker, place))
        return place

    def take_place(self, worker: SupervisedWorker) -> None:
        """Take the place that was lent, whether there is room or not."""
        self._busy += worker.lent == worker.load
        worker.lent -= 1

    def workers_wanted(self) -> int:
        """How many empty workers those who wait could use."""
        waiting = (waiter for waiter in self._waiters if not waiter.place.done())
        return math.ceil(sum(1.0 if waiter.alone else 1 / self.slots for waiter in waiting))

    def hand_out(self, workers: Collection[SupervisedWorker]) -> None:
        """Give workers to those who wait, until nobody waits or none suits the first of them.

        Whoever is to be alone is passed by: the emptiest worker gets no more attempts until it can have that one.
        """
        self._let_return()
        open_to_all, position = list(workers), 0
        while position < len(self._waiters):
            waiter = self._waiters[position]
            worker = None if waiter.place.done() else self._suitable(waiter, open_to_all)
            if worker is not None:
                self._give(worker, waiter)
            elif not waiter.place.done():
                if not (waiter.alone and open_to_all):
                    return
                open_to_all.remove(min(open_to_all, key=_emptiness))
                position += 1
                continue
            del self._waiters[position]

    def take_back(self, worker: SupervisedWorker) -> None:
        """An attempt has left a worker."""
        worker.load -= 1
        self._busy -= worker.load == worker.lent
        if not worker.load:
            worker.is_reserved, worker.folder = False, None

    def turn_away(self, error: PoolError) -> None:
        """Tell everybody who waits that there will be no worker."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.place.done():
                waiter.place.set_exception(error)

    def _has_seat(self, worker: SupervisedWorker) -> bool:
        # Where attempts come one after the other, another would wait for the very one that waits for it.
        return worker.load - (worker.lent if self.slots > 1 else 0) < self.slots

    def _may_return(self, worker: SupervisedWorker) -> bool:
        if worker.load == worker.lent:
            return self._busy < self.max_workers
        return worker.load - worker.lent < self.slots

    def _let_return(self) -> None:
        for waiting in tuple(self._returning):
            worker, place = waiting
            if not place.done() and self._may_return(worker):
                self.take_place(worker)
                place.set_result(None)
            if place.done():
                self._returning.remove(waiting)

    def _suitable(self, waiter: _Waiter, workers: Collection[SupervisedWorker]) -> SupervisedWorker | None:
        # A spare may be ready while the worker that it replaces is still busy: the bound is on those that are busy.
        may_begin = self._busy < self.max_workers
        return choose(
            self.balance,
            [
                worker
                for worker in workers
                if worker.takes_attempts
                and self._has_seat(worker)
                and (worker.load > worker.lent or may_begin)
                and waiter.may_have(worker)
            ],
        )

    def _give(self, worker: SupervisedWorker, waiter: _Waiter) -> None:
        self._given += 1
        self._busy += worker.load == worker.lent
        worker.load += 1
        worker.given_at = self._given
        worker.is_reserved = waiter.alone
        worker.folder = worker.folder or waiter.folder
        waiter.place.set_result(worker)
