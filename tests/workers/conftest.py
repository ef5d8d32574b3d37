from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parallel_agents.core.outcome import WorkerIdentity
from parallel_agents.ports.workers import Assignment, Level, WorkerPool
from parallel_agents.workers.inline import InlinePool
from parallel_agents.workers.levels import LeveledPool
from parallel_agents.workers.pool import ProcessPool

AGENTS = Path(__file__).with_name("agents_under_test.py")
SHARING = Path(__file__).with_name("agents_that_share.py")

Answer = Callable[[bytes], Awaitable[bytes]]


class Ear:
    """A link that keeps what it hears and can be waited on."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.worker: WorkerIdentity | None = None
        self.heard: list[tuple[float | None, str]] = []
        self.requests: list[bytes] = []
        self.is_received = False
        self._answer = answer
        self._news = asyncio.Event()

    def started(self, worker: WorkerIdentity) -> None:
        self.worker = worker
        self._news.set()

    async def call(self, request: bytes) -> bytes:
        self.requests.append(request)
        if self._answer is None:
            await asyncio.Event().wait()
            raise AssertionError("nobody answers this call")
        return await self._answer(request)

    async def delegate(self, request: bytes) -> bytes:
        return await self.call(request)

    def received(self) -> None:
        self.is_received = True
        self._news.set()

    def progress(self, fraction: float | None, message: str) -> None:
        self.heard.append((fraction, message))
        self._news.set()

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not happened():
                self._news.clear()
                await self._news.wait()


def assignment(function: str, *, memory_mb: float = 256, workdir: str = "/", **given: Any) -> Assignment:
    return Assignment(
        execution_id="exec-0000000000000001",
        task_id="task-1",
        attempt=1,
        session_id="session-0000000000000001",
        context_id="ctx-0000000000000001",
        target=f"{AGENTS}:{function}",
        input_data=msgspec.msgpack.encode(given),
        parameters=msgspec.msgpack.encode({"name": function}),
        workdir=workdir,
        memory_mb=memory_mb,
    )


def process_pool(**changes: Any) -> ProcessPool:
    options: dict[str, Any] = {
        "max_workers": 3,
        "max_tasks_per_worker": 0,
        "idle_timeout_s": 60.0,
        "min_workers": 0,
        "worker_timeout_s": 60.0,
    }
    return ProcessPool(**{**options, **changes})


MakePool = Callable[..., Awaitable[ProcessPool]]


@pytest.fixture
async def make_pool() -> AsyncGenerator[MakePool]:
    made: list[ProcessPool] = []

    async def make(warm: int = 0, **changes: Any) -> ProcessPool:
        pool = process_pool(**changes)
        made.append(pool)
        await pool.start(warm)
        return pool

    yield make
    for pool in made:
        await pool.aclose()


def pool_at(level: Level, **changes: Any) -> ProcessPool:
    return process_pool(**{"level": level, "slots": 1 if level == "process" else 8, **changes})


POOLS: dict[str, Callable[[], WorkerPool]] = {
    "process": process_pool,
    "plain process": lambda: process_pool(use_aiomultiprocess=False),
    "thread": lambda: process_pool(level="thread", slots=8),
    "coroutine": lambda: process_pool(level="coroutine", slots=8),
    "of every level": lambda: LeveledPool("process", pool_at),
    "inline": InlinePool,
}


@pytest.fixture(params=POOLS)
async def any_pool(request: pytest.FixtureRequest) -> AsyncGenerator[WorkerPool]:
    pool = POOLS[request.param]()
    await pool.start(0)
    yield pool
    await pool.aclose()


@pytest.fixture(name="assignment")
def _assignment() -> Callable[..., Assignment]:
    return assignment


@pytest.fixture
def ear() -> type[Ear]:
    return Ear


@pytest.fixture
def give() -> Callable[..., Assignment]:
    """An assignment of one of the agents that share a worker, or of another program."""

    def make(function: str, task_id: str = "task-1", *, program: Path = SHARING, **given: Any) -> Assignment:
        return msgspec.structs.replace(assignment(function, **given), target=f"{program}:{function}", task_id=task_id)

    return make
