"""How a pool notices what happens to its workers, and what it makes of it."""

# aiomultiprocess comes without types.
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import asyncio
import inspect
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import aiomultiprocess
import aiomultiprocess.core
import msgspec
import psutil
import pytest
from aiomultiprocess.types import Unit

from parallel_agents.core.errors import PoolError
from parallel_agents.core.outcome import Outcome, Succeeded, WorkerIdentity, WorkerLost
from parallel_agents.ports.workers import Assignment, WorkerPool
from parallel_agents.workers.pool import ProcessPool
from parallel_agents.workers.process import make_starter

AGENTS = Path(__file__).with_name("agents_that_end_badly.py")


class Ear(Protocol):
    """See conftest."""

    worker: WorkerIdentity | None
    heard: list[tuple[float | None, str]]
    requests: list[bytes]

    def started(self, worker: WorkerIdentity) -> None: ...

    async def call(self, request: bytes) -> bytes: ...

    async def delegate(self, request: bytes) -> bytes: ...

    def received(self) -> None: ...

    def progress(self, fraction: float | None, message: str) -> None: ...

    async def until(self, happened: Callable[[], bool]) -> None: ...


MakeEar = Callable[..., Ear]
MakeAssignment = Callable[..., Assignment]
MakePool = Callable[..., Awaitable[ProcessPool]]
Give = Callable[[str], Assignment]


@pytest.fixture
def give(assignment: MakeAssignment) -> Give:
    def make(function: str) -> Assignment:
        return msgspec.structs.replace(assignment(function), target=f"{AGENTS}:{function}")

    return make


def output(outcome: Outcome) -> Any:
    assert isinstance(outcome, Succeeded), outcome
    return msgspec.msgpack.decode(outcome.output)


class LinkThatBlocksUntilTheWorkerIsDead:
    """Holds the engine's loop, so that the result and the death of the worker are found at the same moment."""

    def __init__(self) -> None:
        self.worker: WorkerIdentity | None = None

    def started(self, worker: WorkerIdentity) -> None:
        self.worker = worker

    async def call(self, request: bytes) -> bytes:
        raise AssertionError("nobody asks")

    async def delegate(self, request: bytes) -> bytes:
        raise AssertionError("nobody hands tasks in")

    def received(self) -> None: ...

    def progress(self, fraction: float | None, message: str) -> None:
        assert self.worker is not None
        psutil.wait_procs([psutil.Process(self.worker.pid)], timeout=20)


@pytest.mark.faults
async def test_a_result_that_was_sent_before_the_worker_was_killed_is_accepted(make_pool: MakePool, give: Give) -> None:
    pool, link = await make_pool(warm=1), LinkThatBlocksUntilTheWorkerIsDead()
    assert output((await pool.run(give("returns_and_is_killed"), link)).outcome) == {"kept": True}
    assert link.worker is not None
    assert not psutil.pid_exists(link.worker.pid)


@pytest.mark.parametrize("agent", ["writes_garbage_to_every_socket", "closes_every_descriptor"])
async def test_a_spoilt_line_costs_that_attempt_and_nothing_else(
    make_pool: MakePool, give: Give, assignment: MakeAssignment, ear: MakeEar, agent: str
) -> None:
    pool = await make_pool()
    async with asyncio.timeout(20):
        assert isinstance((await pool.run(give(agent), ear())).outcome, WorkerLost)
        assert output((await pool.run(assignment("echo"), ear())).outcome)["input"] == {}


async def test_a_model_call_is_given_up_when_its_worker_dies(make_pool: MakePool, give: Give, ear: MakeEar) -> None:
    asked, given_up = asyncio.Event(), asyncio.Event()

    async def answer(_request: bytes) -> bytes:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    pool, link = await make_pool(), ear(answer)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(give("asks"), link))
        await asked.wait()
        assert link.worker is not None
        os.kill(link.worker.pid, signal.SIGKILL)
        await given_up.wait()
    assert running.result().outcome == WorkerLost("killed by SIGKILL")


async def test_a_fault_of_the_engine_is_not_taken_for_the_agents(
    any_pool: WorkerPool, give: Give, ear: MakeEar
) -> None:
    class Bug(Exception):  # noqa: N818 - what a bug looks like
        pass

    async def answer(_request: bytes) -> bytes:
        raise Bug

    with pytest.raises(BaseExceptionGroup) as caught:
        await any_pool.run(give("asks"), ear(answer))
    assert caught.group_contains(Bug)


async def test_an_idle_worker_that_is_killed_is_not_given_to_anybody(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    ended = asyncio.Event()

    def note(what: str, _worker: WorkerIdentity) -> None:
        if what == "ended":
            ended.set()

    pool = await make_pool(warm=2, max_workers=2, on_worker=note)
    victim = pool.workers()[0].pid
    os.kill(victim, signal.SIGKILL)
    async with asyncio.timeout(20):
        await ended.wait()
        async with asyncio.TaskGroup() as group:
            runs = [group.create_task(pool.run(assignment("echo"), ear())) for _ in range(4)]
    assert victim not in {output(run.result().outcome)["pid"] for run in runs}


class DiesAtBoot:
    """Starts real processes that end before they say hello."""

    def __init__(self) -> None:
        self.started = 0
        self._real = make_starter((), use_aiomultiprocess=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def start(self, _target: Any, args: Any) -> Any:
        self.started += 1
        return self._real.start(aiomultiprocess.core.not_implemented, args)


async def test_workers_that_die_at_boot_are_given_up_after_a_few_tries(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    made: list[DiesAtBoot] = []

    def starter() -> DiesAtBoot:
        made.append(DiesAtBoot())
        return made[0]

    pool = await make_pool(starter=starter)
    async with asyncio.timeout(20):
        with pytest.raises(PoolError, match="exited with code 1"):
            await pool.run(assignment("echo"), ear())
    assert 2 <= made[0].started <= 10


def test_aiomultiprocess_has_the_process_that_ours_is_made_of() -> None:
    assert Unit._fields[:4] == ("target", "args", "kwargs", "namespace")
    assert list(inspect.signature(aiomultiprocess.Process.run_async).parameters) == ["unit"]
    assert all(default is None or default == () for default in Unit._field_defaults.values())
