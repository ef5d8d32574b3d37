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
        self._busy = 0
        self._given = 0

    def ask(self, *, alone: bool = False, folder: str | None = None) -> Place:
        """Stand in line; `folder` is where the agent's own modules are."""
        place: Place = asyncio.get_running_loop().create_future()
        self._waiters.append(_Waiter(place, alone=alone, folder=folder))
        return place

    def workers_wanted(self) -> int:
        """How many empty workers those who wait could use."""
        waiting = (waiter for waiter in self._waiters if not waiter.place.done())
        return math.ceil(sum(1.0 if waiter.alone else 1 / self.slots for waiter in waiting))

    def hand_out(self, workers: Collection[SupervisedWorker]) -> None:
        """Give workers to those who wait, until nobody waits or none suits the first of them.

        Whoever is to be alone is passed by: the emptiest worker gets no more attempts until it can have that one.
        """
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
        if not worker.load:
            self._busy -= 1
            worker.is_reserved, worker.folder = False, None

    def turn_away(self, error: PoolError) -> None:
        """Tell everybody who waits that there will be no worker."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.place.done():
                waiter.place.set_exception(error)

    def _suitable(self, waiter: _Waiter, workers: Collection[SupervisedWorker]) -> SupervisedWorker | None:
        # A spare may be ready while the worker that it replaces is still busy: the bound is on those that are busy.
        may_begin = self._busy < self.max_workers
        return choose(
            self.balance,
            [
                worker
                for worker in workers
                if worker.takes_attempts
                and worker.load < self.slots
                and (worker.load or may_begin)
                and waiter.may_have(worker)
            ],
        )

    def _give(self, worker: SupervisedWorker, waiter: _Waiter) -> None:
        self._given += 1
        self._busy += not worker.load
        worker.load += 1
        worker.given_at = self._given
        worker.is_reserved = waiter.alone
        worker.folder = worker.folder or waiter.folder
        waiter.place.set_result(worker)
