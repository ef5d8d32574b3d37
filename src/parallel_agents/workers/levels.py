"""A pool of workers for each isolation level, started when the first attempt asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from parallel_agents.core.errors import PoolError
from parallel_agents.core.outcome import WorkerIdentity
from parallel_agents.ports.workers import Assignment, Level, Link, Report
from parallel_agents.workers.pool import ProcessPool


class LeveledPool:
    """Runs each attempt at the level that it names, else at the `default` one; see `ports.workers.WorkerPool`.

    `make` gives a pool that is not started; it is called once for every level that is asked for. Each pool has workers,
    limits and replacements of its own: a worker never changes its level.
    """

    def __init__(self, default: Level, make: Callable[[Level], ProcessPool]) -> None:
        self._default: Level = default
        self._make = make
        self._pools: dict[Level, ProcessPool] = {}
        self._starting = asyncio.Lock()
        self._is_reading = True
        self._is_closed = False

    @property
    def by_level(self) -> Mapping[Level, ProcessPool]:
        """The pools that run now."""
        return self._pools

    async def start(self, warm: int) -> None:
        """Start `warm` workers of the default level; returns when they are ready.

        Raises:
            PoolError: workers cannot be started.
        """
        await self._started(self._default, warm)

    async def run(self, assignment: Assignment, link: Link) -> Report:
        """Run one attempt on a worker of its level, waiting for one if need be.

        Raises:
            PoolError: workers cannot be started any more.
        """
        level = assignment.level or self._default
        pool = self._pools.get(level) or await self._started(level, 0)
        return await pool.run(assignment, link)

    def pause_reading(self) -> None:
        """Leave what workers say unread, those of levels to come too."""
        self._is_reading = False
        for pool in self._pools.values():
            pool.pause_reading()

    def resume_reading(self) -> None:
        """Listen to them again."""
        self._is_reading = True
        for pool in self._pools.values():
            pool.resume_reading()

    async def aclose(self) -> None:
        """Kill every worker of every level and wait until it is gone. Safe to call twice and before `start`."""
        self._is_closed = True
        async with asyncio.TaskGroup() as closing:
            for pool in self._pools.values():
                closing.create_task(pool.aclose())

    def workers(self) -> list[WorkerIdentity]:
        """List the workers of all levels that have said hello and live now."""
        return [worker for pool in self._pools.values() for worker in pool.workers()]

    async def _started(self, level: Level, warm: int) -> ProcessPool:
        async with self._starting:
            if level in self._pools:
                return self._pools[level]
            if self._is_closed:
                raise PoolError("the pool is closed")
            pool = self._make(level)
            try:
                await pool.start(warm)
            except BaseException:
                # Also when the attempt that came first is cancelled meanwhile: the next one starts another.
                await pool.aclose()
                raise
            self._pools[level] = pool
        if not self._is_reading:
            pool.pause_reading()
        return pool
