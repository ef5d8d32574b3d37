"""Workers whose sockets are left unread: they are neither silent nor dead, and what they say is not lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest
from tests.workers.sharing import BOTH, Give, MakeAssignment, MakeEar, MakePool, output, shared

from parallel_agents.core.outcome import Succeeded, WorkerIdentity, WorkerLost
from parallel_agents.ports.workers import WorkerPool

ENDS_BADLY = Path(__file__).with_name("agents_that_end_badly.py")


class PausesAtTheStart:
    """A link that has its pool left unread as soon as a worker has the attempt."""

    def __init__(self, pool: WorkerPool) -> None:
        self.worker: WorkerIdentity | None = None
        self.is_received = False
        self.heard: list[str] = []
        self._pool = pool
        self.started_now = asyncio.Event()

    def started(self, worker: WorkerIdentity) -> None:
        self.worker = worker
        self._pool.pause_reading()
        self.started_now.set()

    async def call(self, request: bytes) -> bytes:
        raise AssertionError("nobody asks")

    async def delegate(self, request: bytes) -> bytes:
        raise AssertionError("nobody hands tasks in")

    def received(self) -> None:
        self.is_received = True

    def progress(self, fraction: float | None, message: str) -> None:
        self.heard.append(message)


async def test_no_pool_takes_in_a_result_while_it_is_paused(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    first, link = ear(), PausesAtTheStart(any_pool)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        assert output((await any_pool.run(assignment("echo"), first)).outcome)["input"] == {}
        assert first.is_received
        running = group.create_task(any_pool.run(assignment("echo", n=1), link))
        await link.started_now.wait()
        any_pool.pause_reading()
        await until_asleep(link)
        assert not link.is_received
        assert not running.done()
        any_pool.resume_reading()
        any_pool.resume_reading()
    assert link.is_received
    assert output(running.result().outcome)["input"] == {"n": 1}


async def test_a_worker_that_is_left_unread_is_not_killed_as_silent(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool, other = await make_pool(warm=1, worker_timeout_s=0.4), await make_pool(worker_timeout_s=0.4)
    link = PausesAtTheStart(pool)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(give("blocks", seconds=0), link))
        await link.started_now.wait()
        for _ in range(3):  # each takes as long as silence may last
            silent = give("stops_itself", program=Path(__file__).with_name("agents_under_test.py"))
            assert isinstance((await other.run(silent, ear())).outcome, WorkerLost)
        assert pool.workers() == [link.worker]
        assert link.heard == []
        pool.resume_reading()
    assert link.worker is not None
    assert output(running.result().outcome) == {"pid": link.worker.pid}
    assert pool.workers() == [link.worker]


@pytest.mark.faults
async def test_the_death_of_a_worker_that_is_left_unread_is_noticed_and_its_result_counts(
    make_pool: MakePool, give: Give
) -> None:
    pool = await make_pool(warm=1)
    link = PausesAtTheStart(pool)
    async with asyncio.timeout(20):
        report = await pool.run(give("returns_and_is_killed", program=ENDS_BADLY), link)
    assert report.outcome == Succeeded(output=b"\x81\xa4kept\xc3")
    assert link.worker is not None
    assert not psutil.pid_exists(link.worker.pid)


async def test_a_worker_that_boots_while_none_is_read_begins_when_they_are_again(
    make_pool: MakePool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    pool, link = await make_pool(), ear()
    pool.pause_reading()
    before = workers_of_this_process()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(assignment("echo"), link))
        while not workers_of_this_process() - before:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.01)
        assert pool.workers() == []
        pool.resume_reading()
    assert output(running.result().outcome)["input"] == {}


@BOTH
async def test_an_attempt_whose_last_word_is_left_unread_is_not_taken_for_one_that_does_not_yield(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str
) -> None:
    pool, other = await shared(make_pool, level, warm=1), await shared(make_pool, level, warm=1)
    (worker,) = pool.workers()
    link, blocked = ear(), ear()
    async with asyncio.timeout(40), asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(give("says_when_it_was_cancelled"), link))
        deaf = group.create_task(other.run(give("will_not_be_cancelled"), blocked))
        await link.until(lambda: bool(link.heard))
        await blocked.until(lambda: bool(blocked.heard))
        pool.pause_reading()
        running.cancel()
        deaf.cancel()
        await asyncio.wait([deaf])  # as long as the patience with one that does not yield
        assert not running.done()
        pool.resume_reading()
        await asyncio.wait([running])
    assert running.cancelled()
    assert pool.workers() == [worker]


async def test_a_pool_that_is_paused_closes(make_pool: MakePool, give: Give) -> None:
    pool = await make_pool(warm=2)
    pool.pause_reading()
    async with asyncio.timeout(20):
        await pool.aclose()
    assert pool.workers() == []


def workers_of_this_process() -> set[int]:
    """Children of its fork servers."""
    return {child.pid for server in psutil.Process().children() for child in server.children()}


async def until_asleep(link: PausesAtTheStart) -> None:
    """Wait until the worker has nothing left to do; the engine's own process, which an inline pool is, never sleeps."""
    assert link.worker is not None
    process = psutil.Process(link.worker.pid)
    if process == psutil.Process():
        for _ in range(10):
            await asyncio.sleep(0)
        return
    spent: list[float] = []
    while len(spent) < 20 or spent[-20] != spent[-1]:
        spent.append(sum(process.cpu_times()[:2]))
        await asyncio.sleep(0.01)
