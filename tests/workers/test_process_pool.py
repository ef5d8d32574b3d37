"""Workers that are processes: what dies, what is stopped, and what stays."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
import psutil
import pytest
from aiomultiprocess.types import Unit  # pyright: ignore[reportMissingTypeStubs]

from parallel_agents.core.errors import PoolError
from parallel_agents.core.outcome import MemoryExceeded, Succeeded, WorkerIdentity, WorkerLost
from parallel_agents.ports.workers import Assignment, Report
from parallel_agents.workers.pool import ProcessPool


class Ear(Protocol):
    """See conftest."""

    worker: WorkerIdentity | None
    heard: list[tuple[float | None, str]]

    def started(self, worker: WorkerIdentity) -> None: ...

    async def call(self, request: bytes) -> bytes: ...

    async def delegate(self, request: bytes) -> bytes: ...

    def received(self) -> None: ...

    def progress(self, fraction: float | None, message: str) -> None: ...

    async def until(self, happened: Callable[[], bool]) -> None: ...


MakePool = Callable[..., Awaitable[ProcessPool]]
MakeEar = Callable[..., Ear]
MakeAssignment = Callable[..., Assignment]
pytestmark = pytest.mark.faults


def output(report: Report) -> Any:
    assert isinstance(report.outcome, Succeeded), report.outcome
    return msgspec.msgpack.decode(report.outcome.output)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while not is_gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_a_killed_worker_loses_its_attempt_and_no_other(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    pool = await make_pool(warm=3)
    links = [ear() for _ in range(3)]
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(pool.run(assignment(agent, seconds=0.3), link))
            for agent, link in zip(("hangs", "blocks", "blocks"), links, strict=True)
        ]
        for link in links:
            await link.until(lambda link=link: bool(link.heard))
        assert links[0].worker is not None
        os.kill(links[0].worker.pid, signal.SIGKILL)
    assert runs[0].result().outcome == WorkerLost("killed by SIGKILL")
    assert [output(run.result()) for run in runs[1:]] == [{}, {}]
    assert output(await pool.run(assignment("echo"), ear()))["input"] == {}


@pytest.mark.parametrize(("agent", "how"), [("exits", "exited with code 7"), ("kills_itself", "killed by SIGKILL")])
async def test_a_worker_that_ends_itself_is_lost_in_so_many_words(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar, agent: str, how: str
) -> None:
    pool = await make_pool()
    assert (await pool.run(assignment(agent), ear())).outcome == WorkerLost(how)


async def test_a_worker_that_falls_silent_is_killed(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    pool = await make_pool(worker_timeout_s=1.5)
    report = await pool.run(assignment("stops_itself"), ear())
    assert isinstance(report.outcome, WorkerLost)
    assert "said nothing for 1.5 s" in report.outcome.how


async def test_blocking_code_is_not_silence(make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar) -> None:
    pool = await make_pool(worker_timeout_s=1.5)
    assert output(await pool.run(assignment("blocks", seconds=2.5), ear())) == {}


async def test_cancelling_ends_the_agent_and_what_it_started(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    pool, link = await make_pool(), ear()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(assignment("starts_a_child"), link))
        await link.until(lambda: bool(link.heard))
        running.cancel()
    assert link.worker is not None
    assert is_gone(link.worker.pid)
    # It was killed together with the worker; the system may need a moment to end it.
    await asyncio.to_thread(wait_until_gone, int(link.heard[0][1]))


@pytest.mark.parametrize(("agent", "given"), [("grows", {}), ("maps_shared_memory", {"size": 600})])
async def test_memory_beyond_the_budget_ends_that_attempt_alone(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar, agent: str, given: dict[str, Any]
) -> None:
    pool, neighbour = await make_pool(warm=2), ear()
    async with asyncio.TaskGroup() as group:
        beside = group.create_task(pool.run(assignment("blocks", seconds=0.5), neighbour))
        hog = group.create_task(pool.run(assignment(agent, memory_mb=64, **given), ear()))
    stopped = hog.result().outcome
    assert isinstance(stopped, MemoryExceeded)
    assert stopped.limit_mb == 64
    assert output(beside.result()) == {}


async def test_workers_are_replaced_after_their_number_of_attempts(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    pool = await make_pool(max_workers=1, max_tasks_per_worker=2)
    pids = [output(await pool.run(assignment("echo"), ear()))["pid"] for _ in range(6)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4] == pids[5]


async def test_idle_workers_end_down_to_the_minimum(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    ended = asyncio.Event()
    seen: list[str] = []

    def note(what: str, _worker: WorkerIdentity) -> None:
        seen.append(what)
        if seen.count("ended") == 2:
            ended.set()

    pool = await make_pool(warm=3, idle_timeout_s=0.1, min_workers=1, on_worker=note)
    async with asyncio.timeout(20):
        await ended.wait()
    assert len(pool.workers()) == 1


async def test_what_an_agent_prints_goes_nowhere(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar, capfd: pytest.CaptureFixture[str]
) -> None:
    pool = await make_pool()
    assert output(await pool.run(assignment("prints"), ear())) == {}
    assert capfd.readouterr() == ("", "")


async def test_the_programs_own_main_module_is_not_imported_again(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    pool = await make_pool()
    assert output(await pool.run(assignment("main_module"), ear())) == {"file": None}


async def test_closing_leaves_no_process(make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar) -> None:
    pool = await make_pool(warm=3)
    pids = [worker.pid for worker in pool.workers()]
    children = [child.pid for child in psutil.Process().children(recursive=True)]
    assert set(pids) <= set(children)
    await pool.aclose()
    assert all(is_gone(pid) for pid in pids)
    with pytest.raises(PoolError, match="not running"):
        await pool.run(assignment("echo"), ear())


async def test_workers_say_what_they_really_guarantee(make_pool: MakePool) -> None:
    pool = await make_pool(warm=1)
    (worker,) = pool.workers()
    assert worker.effective == {
        "level": "process", "memory": "rlimit_data+rss_guard", "files": "none", "network": "none",
        "kill": "process_group",
    }  # fmt: skip
    assert worker.baseline_mb is not None
    assert worker.baseline_mb > 1


class NoMoreProcesses:
    """What the operating system says when it is full."""

    def start(self, target: object, args: object) -> Any:
        raise OSError("no more processes")

    def close(self) -> None:
        """Nothing was started."""


async def test_workers_that_cannot_be_started_fail_those_who_wait_instead_of_hanging(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    pool = await make_pool(starter=NoMoreProcesses)
    with pytest.raises(PoolError, match="no more processes"):
        await pool.run(assignment("echo"), ear())
    with pytest.raises(PoolError, match="no more processes"):
        await pool.run(assignment("echo"), ear())


def test_aiomultiprocess_is_as_we_use_it() -> None:
    assert Unit._fields[:4] == ("target", "args", "kwargs", "namespace")
