from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parallel_agents.core.chains import Binding, NotNeeded
from parallel_agents.core.events import Event
from parallel_agents.core.execution import AgentRecord, ExecutionRecord
from parallel_agents.core.settings import ErrorHandling, ParallelProcessing, Settings, TaskQueue
from parallel_agents.core.submission import AgentLimits, parse_task, resolve_task
from parallel_agents.core.task import Task, TaskRecord
from parallel_agents.engine.engine import Engine
from parallel_agents.engine.monitor import PerformanceMonitor
from parallel_agents.engine.parts import Parts
from parallel_agents.journal import SqliteJournal
from parallel_agents.models.gateway import ModelGateway
from parallel_agents.ports.clock import Clock
from parallel_agents.ports.entries import Unbound
from parallel_agents.ports.workers import WorkerPool
from parallel_agents.workers.inline import InlinePool
from parallel_agents.workers.workdir import ContextIsolationManager

AGENTS = Path(__file__).parents[1] / "workers" / "agents_under_test.py"


class SystemClock:
    def now(self) -> float:
        return time.time()  # noqa: TID251 - a test's own wiring

    def monotonic(self) -> float:
        return time.monotonic()


def settings_with(**queue: Any) -> Settings:
    handling = {
        key: queue.pop(key) for key in ("continue_on_error", "fallback_strategy", "error_isolation") if key in queue
    }
    queue.setdefault("task_retry_delay_seconds", 0.0)
    processing = ParallelProcessing(task_queue=TaskQueue(**queue), error_handling=ErrorHandling(**handling))
    return Settings(parallel_processing=processing)


def accept(given: Mapping[str, Any], position: int, model: str | None) -> tuple[Task, AgentRecord]:
    agent = AgentRecord(name=given["agent_name"], target=f"{AGENTS}:{given['agent_name']}", model=model)
    task = resolve_task(parse_task(given, position, ""), position, "", Settings(), AgentLimits(), random.randbytes(8))
    return task, agent


def bind(_execution_id: str, unbound: Unbound, _record: AgentRecord) -> tuple[Task, ...] | NotNeeded:
    """Takes the source of a binding for the input; the expressions are no matter of the engine."""
    source = msgspec.msgpack.decode(unbound.binding, type=Binding).source
    return (msgspec.structs.replace(unbound.task, input_data=msgspec.msgpack.encode(source)),)


class Bench:
    """An engine with its journal, and what a test wants to know of it."""

    def __init__(self, engine: Engine, journal: SqliteJournal, settings: Settings, gateway: ModelGateway) -> None:
        self.engine = engine
        self.gateway = gateway
        self.journal = journal
        self.settings = settings
        self.events: list[Event] = []
        self._heard = asyncio.Event()
        engine.announcer.subscribe(self._hear)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self._heard.set()

    async def submit(
        self,
        function: str,
        inputs: Sequence[Mapping[str, Any]],
        *,
        execution_id: str = "exec-0000000000000001",
        max_concurrent: int = 8,
        timeout_s: float = 30.0,
        retry_attempts: int = 0,
        ranks: Sequence[int] | None = None,
    ) -> str:
        record = ExecutionRecord(
            execution_id=execution_id,
            submitted_at=time.time(),  # noqa: TID251 - a test's own wiring
            max_concurrent=max_concurrent,
            model="offline",
            source=None,
            vault_root=None,
            settings=msgspec.json.encode(self.settings),
            agents=(AgentRecord(name=function, target=f"{AGENTS}:{function}", model="offline"),),
        )
        tasks = [
            Task(
                task_id=f"task-{position}",
                position=position,
                agent_name=function,
                input_data=msgspec.msgpack.encode(given),
                priority="normal",
                rank=ranks[position] if ranks else 2,
                timeout_s=timeout_s,
                retry_attempts=retry_attempts,
                memory_mb=256,
            )
            for position, given in enumerate(inputs)
        ]
        await self.engine.submit(record, tasks)
        return execution_id

    def tasks(self, execution_id: str) -> list[TaskRecord]:
        return self.journal.read_now(lambda reader: reader.tasks(execution_id))

    def states(self, execution_id: str) -> list[str]:
        return [task.state.value for task in self.tasks(execution_id)]

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not happened():
                self._heard.clear()
                await self._heard.wait()


@asynccontextmanager
async def running_engine(
    journal: SqliteJournal,
    settings: Settings,
    pool: WorkerPool,
    contexts: ContextIsolationManager,
    *,
    interrupt: bool = True,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
) -> AsyncGenerator[Bench]:
    clock, chance = clock or SystemClock(), random.Random(1)
    gateway = ModelGateway(settings, journal, now=clock.now, random=chance.random, environ=environ or {})
    pids = lambda: [worker.pid for worker in pool.workers()]  # noqa: E731 - short, and used once
    monitor = PerformanceMonitor(enabled=True, pids=pids, monotonic=clock.monotonic)
    parts = Parts(
        journal=journal,
        pool=pool,
        gateway=gateway,
        contexts=contexts,
        clock=clock,
        chance=chance,
        parameters=lambda _agent: msgspec.msgpack.encode({}),
        accept=accept,
        bind=bind,
    )
    engine = Engine(parts, settings, monitor)
    await pool.start(0)
    await gateway.start(["offline"])
    try:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(engine.run())
            try:
                yield Bench(engine, journal, settings, gateway)
            finally:
                if interrupt:
                    await engine.interrupt()
                serving.cancel()
    finally:
        await pool.aclose()
        await gateway.aclose()


@pytest.fixture
async def memory_journal() -> AsyncGenerator[SqliteJournal]:
    journal = SqliteJournal(":memory:")
    journal.start()
    yield journal
    await journal.aclose()


@pytest.fixture
def make_bench(memory_journal: SqliteJournal, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Bench]]:
    """Make an engine on the in-memory journal and the inline pool; options are settings of the queue and of errors."""
    contexts = ContextIsolationManager(root=tmp_path / "contexts")

    def make(
        *,
        interrupt: bool = True,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        **options: Any,
    ) -> AbstractAsyncContextManager[Bench]:
        settings, pool = settings_with(**options), InlinePool()
        return running_engine(
            memory_journal, settings, pool, contexts, interrupt=interrupt, clock=clock, environ=environ
        )

    return make
