"""Wires the parts together: the only place that knows which implementation stands behind each port."""

from __future__ import annotations

import asyncio
import math
import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from parallel_agents.agents.registry import AgentRegistry, variables_of
from parallel_agents.core.errors import JournalError, PoolError
from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.secrets import key_variables, without_secrets
from parallel_agents.core.settings import Level, Settings
from parallel_agents.engine.engine import Engine
from parallel_agents.engine.monitor import PerformanceMonitor
from parallel_agents.engine.parts import Accept, Bind, Parts
from parallel_agents.journal import IN_MEMORY, SqliteJournal, default_path
from parallel_agents.models.gateway import ModelGateway
from parallel_agents.ports.clock import Clock
from parallel_agents.ports.journal import Journal
from parallel_agents.workers.levels import LeveledPool
from parallel_agents.workers.pool import ProcessPool
from parallel_agents.workers.workdir import ContextIsolationManager

PRELOAD = ("parallel_agents.agents.runtime",)


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()  # noqa: TID251 - the one place where the wall clock is read

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class JournalDoor:
    """The way to a journal: the path given, else the configured one, else the user's state directory.

    Whoever only looks makes none: one that is not there looks like an empty one.
    """

    def __init__(self, settings: Settings, path: str | Path | None, environ: Mapping[str, str]) -> None:
        self._place = str(path or settings.journal.path or default_path(environ))
        self._open: Journal | None = None
        self._absent: Journal | None = None
        self._closed = False

    def opened(self) -> Journal:
        """The journal, made where there is none. Raises `JournalError`, also after `aclose`."""
        if self._open is None:
            self._open = self._started(SqliteJournal(self._place))
        return self._open

    def to_look(self) -> Journal:
        """The journal, or an empty one in memory while there is none. Raises `JournalError`, also after `aclose`."""
        if self._open is not None or Path(self._place).exists():
            return self.opened()
        if self._absent is None:
            self._absent = self._started(SqliteJournal(IN_MEMORY, called=self._place))
        return self._absent

    async def aclose(self) -> None:
        """Close it, for good. Safe to call twice."""
        self._closed = True
        journals, self._open, self._absent = (self._open, self._absent), None, None
        for journal in journals:
            if journal is not None:
                await journal.aclose()

    def _started(self, journal: SqliteJournal) -> Journal:
        if self._closed:
            raise JournalError(self._place, "the executor is closed")
        journal.start()
        return journal


class Handed:
    """What a worker is told of an agent: its parameters, and the variables that a command asks for by name."""

    def __init__(self, agents: AgentRegistry, environ: Mapping[str, str]) -> None:
        self._agents = agents
        self._environ = environ
        self._packed: dict[tuple[str, str | None], bytes] = {}

    def parameters(self, agent: AgentRecord) -> bytes:
        """A msgpack map. A variable that is not set is left out; the attempt says so."""
        key = (agent.name, agent.spec)
        if key not in self._packed:
            self._packed[key] = self._with_environment(agent)
        return self._packed[key]

    def _with_environment(self, agent: AgentRecord) -> bytes:
        packed = self._agents.parameters(agent)
        names = variables_of(agent)
        if not names:
            return packed
        found = {name: self._environ[name] for name in names if name in self._environ}
        return msgspec.msgpack.encode({**msgspec.msgpack.decode(packed), "environment": found})


class Service:
    """An engine with its workers and its model gateway, serving in a task of its own."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        agents: AgentRegistry,
        environ: Mapping[str, str],
        *,
        accept: Accept,
        bind: Bind,
    ) -> None:
        self._settings = settings
        self.clock: Clock = SystemClock()
        chance = random.SystemRandom()
        self.pool = LeveledPool(_level(settings), lambda level: _process_pool(self._settings, level))
        self.gateway = ModelGateway(settings, journal, now=self.clock.now, random=chance.random, environ=environ)
        isolation = settings.parallel_processing.context_isolation
        self.contexts = ContextIsolationManager(cleanup_enabled=isolation.context_cleanup_enabled)
        self.monitor = PerformanceMonitor(
            enabled=_samples(settings),
            pids=lambda: [worker.pid for worker in self.pool.workers()],
            monotonic=self.clock.monotonic,
        )
        parts = Parts(
            journal=journal,
            pool=self.pool,
            gateway=self.gateway,
            contexts=self.contexts,
            clock=self.clock,
            chance=chance,
            parameters=Handed(agents, environ).parameters,
            accept=accept,
            bind=bind,
        )
        self.engine = Engine(parts, settings, self.monitor)
        self._root: asyncio.Task[None] | None = None

    async def start(self, *, warm: int, models: Sequence[str]) -> None:
        """Start workers and get ready for calls to `models`; then serve until `aclose`.

        Raises:
            PoolError: workers cannot be started.
        """
        ready = asyncio.get_running_loop().create_future()
        # The one root task of this package: it lives from start to aclose, which an `async with` cannot span.
        self._root = asyncio.get_running_loop().create_task(self._serve(ready, warm, models), name="parallel-agents")
        try:
            await ready
        except asyncio.CancelledError:
            await self.aclose()
            raise

    @property
    def started(self) -> bool:
        """Whether it serves."""
        return self._root is not None

    def change(self, settings: Settings) -> None:
        """Go by these settings from now on; they have been checked. What runs at this moment is left alone."""
        before, processing = self._settings.parallel_processing, settings.parallel_processing
        self._settings = settings
        warm = processing.process_pool.worker_processes
        self.contexts.cleanup_enabled = processing.context_isolation.context_cleanup_enabled
        self.monitor.enabled = _samples(settings)
        for level, pool in self.pool.by_level.items():
            is_asked_for = level == _level(settings) and warm != before.process_pool.worker_processes
            pool.adjust(
                max_workers=_most_workers(settings, level),
                max_tasks_per_worker=processing.process_pool.max_tasks_per_worker,
                idle_timeout_s=processing.process_pool.worker_idle_timeout_seconds,
                min_workers=processing.min_concurrent,
                # Only a number that was asked for just now starts workers: a small batch warmed fewer on purpose.
                warm=warm if is_asked_for else 0,
                slots=_slots(settings, level),
                balance=processing.task_queue.load_balancing,
            )
        self.engine.change(settings)

    async def wait(self, execution_id: str, *, through_pauses: bool = False) -> None:
        """Wait until an execution has ended or is paused, as the engine does. Raises what broke it."""
        try:
            await self.engine.wait(execution_id, through_pauses=through_pauses)
        except BaseExceptionGroup as group:
            raise cause_of(group) from group

    async def aclose(self) -> None:
        """Stop what runs, uncharged, and leave no process behind. Safe to call twice.

        Raises:
            ParallelAgentsError: what broke the engine, if nobody has heard of it yet.
        """
        root, self._root = self._root, None
        if root is None:
            return
        if not root.done():
            await self.engine.interrupt()
        root.cancel()
        await asyncio.wait([root])
        if not root.cancelled() and (error := root.exception()) is not None:
            raise cause_of(error)

    async def _serve(self, ready: asyncio.Future[None], warm: int, models: Sequence[str]) -> None:
        try:
            async with asyncio.TaskGroup() as starting:
                starting.create_task(self.pool.start(warm))
                starting.create_task(asyncio.to_thread(self.contexts.clear_abandoned))
                starting.create_task(self.gateway.start(models))
            if not ready.done():
                ready.set_result(None)
            await self.engine.run()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(cause_of(error))
                return
            raise
        finally:
            await self.pool.aclose()
            await self.gateway.aclose()
            self.contexts.close_all()


def cause_of(error: BaseException) -> BaseException:
    """The one error inside nested groups of one; the group itself where there are several."""
    while isinstance(error, BaseExceptionGroup):
        inner = cast("tuple[BaseException, ...]", error.exceptions)
        if len(inner) != 1:
            return cast("BaseException", error)
        error = inner[0]
    return error


def _process_pool(settings: Settings, level: Level) -> ProcessPool:
    processing, multi = settings.parallel_processing, settings.aiomultiprocess_settings
    pool = processing.process_pool
    return ProcessPool(
        max_workers=_most_workers(settings, level),
        max_tasks_per_worker=pool.max_tasks_per_worker,
        idle_timeout_s=pool.worker_idle_timeout_seconds,
        min_workers=processing.min_concurrent,
        worker_timeout_s=multi.worker_timeout,
        level=level,
        slots=_slots(settings, level),
        balance=processing.task_queue.load_balancing,
        preload=PRELOAD,
        use_aiomultiprocess=multi.enabled,
        # The engine makes the model calls, so no worker needs a key: neither an agent nor what it starts has one.
        environ=without_secrets(os.environ, key_variables(settings)),
    )


def _most_workers(settings: Settings, level: Level) -> int:
    processing = settings.parallel_processing
    if processing.process_pool.pool_type == "thread":
        # The workers are threads, or what runs on them, so one process holds them all.
        return 1
    return min(settings.aiomultiprocess_settings.max_workers, processing.most_at(level))


def _slots(settings: Settings, level: Level) -> int:
    if level == "process":
        return 1
    return math.ceil(settings.parallel_processing.most_at(level) / _most_workers(settings, level))


def _level(settings: Settings) -> Level:
    level = settings.parallel_processing.context_isolation.isolation_level
    if level == "container":
        raise PoolError("the isolation level container is not available in this version")
    return level


def _samples(settings: Settings) -> bool:
    monitoring = settings.parallel_processing.performance_monitoring
    return monitoring.enabled and monitoring.collect_metrics
