"""Attempts of several isolation levels in one pool: each in a worker of its own level."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import psutil
import pytest
from tests.workers.conftest import pool_at
from tests.workers.sharing import Give, MakeAssignment, MakeEar, output

from parallel_agents.core.errors import PoolError
from parallel_agents.ports.workers import Assignment, Level
from parallel_agents.workers.levels import LeveledPool
from parallel_agents.workers.pool import ProcessPool
from parallel_agents.workers.process import Starter

pytestmark = pytest.mark.faults


@pytest.fixture
async def pool() -> AsyncGenerator[LeveledPool]:
    made = LeveledPool("process", pool_at)
    await made.start(1)
    yield made
    await made.aclose()


def at(level: Level | None, assignment: Assignment) -> Assignment:
    return msgspec.structs.replace(assignment, level=level)


async def test_each_attempt_has_a_worker_of_its_level_and_all_of_them_are_listed(
    pool: LeveledPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    assert list(pool.by_level) == ["process"]
    found: dict[str, str] = {}
    for level in (None, "process", "thread", "coroutine", "thread"):
        link = ear()
        assert output((await pool.run(at(level, assignment("echo")), link)).outcome)["input"] == {}
        assert link.worker is not None
        found[str(level)] = link.worker.effective.get("level", "")
        assert link.worker in pool.workers()
    assert found == {"None": "process", "process": "process", "thread": "thread", "coroutine": "coroutine"}
    assert len(pool.workers()) == 3


async def test_attempts_of_one_level_share_a_worker_while_another_level_keeps_its_own(
    pool: LeveledPool, give: Give, ear: MakeEar, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    levels: tuple[Level, ...] = ("coroutine", "coroutine", "coroutine", "process")
    links = [ear() for _ in levels]
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        runs = [
            group.create_task(pool.run(at(level, give("waits_for_a_file", str(number), file=str(gate))), links[number]))
            for number, level in enumerate(levels)
        ]
        for link in links:
            await link.until(lambda link=link: bool(link.heard))
        gate.touch()
    pids = [output(run.result().outcome)["pid"] for run in runs]
    assert len(set(pids[:3])) == 1
    assert pids[3] not in pids[:3]


async def test_a_level_that_starts_while_none_is_read_is_left_unread_too(
    pool: LeveledPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    link = ear()
    pool.pause_reading()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(at("thread", assignment("echo")), link))
        while "thread" not in pool.by_level or not children_of_fork_servers(2):  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.01)
        assert link.worker is None
        pool.resume_reading()
    assert output(running.result().outcome)["input"] == {}


class FailsAtFirst:
    """Makes pools, the first of which finds no way to start processes."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, level: Level) -> ProcessPool:
        self.made += 1
        return pool_at(level, starter=refuses if self.made == 1 else None)


def refuses() -> Starter:
    raise PoolError("no process can be started today")


async def test_a_level_that_could_not_be_started_is_tried_again_by_the_next_one(
    assignment: MakeAssignment, ear: MakeEar
) -> None:
    make = FailsAtFirst()
    pool = LeveledPool("process", make)
    try:
        with pytest.raises(PoolError, match="today"):
            await pool.run(assignment("echo"), ear())
        assert output((await pool.run(assignment("echo"), ear())).outcome)["input"] == {}
    finally:
        await pool.aclose()
    assert make.made == 2


async def test_an_attempt_that_is_cancelled_while_its_level_starts_leaves_nothing_and_harms_nobody(
    assignment: MakeAssignment, ear: MakeEar
) -> None:
    pool = LeveledPool("process", pool_at)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        first = group.create_task(pool.run(assignment("echo"), ear()))
        second = group.create_task(pool.run(assignment("echo"), ear()))
        await asyncio.sleep(0)
        first.cancel()
    assert first.cancelled()
    assert output(second.result().outcome)["input"] == {}
    await pool.aclose()
    await pool.aclose()
    with pytest.raises(PoolError, match="closed"):
        await pool.run(at("thread", assignment("echo")), ear())


async def test_a_closed_pool_leaves_no_worker_of_any_level(assignment: MakeAssignment, ear: MakeEar) -> None:
    pool = LeveledPool("coroutine", pool_at)
    for level in ("process", "thread", None):
        await pool.run(at(level, assignment("echo")), ear())
    pids = [worker.pid for worker in pool.workers()]
    assert len(pids) == 3
    await pool.aclose()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert pool.workers() == []


def children_of_fork_servers(number: int) -> bool:
    return len([child for server in psutil.Process().children() for child in server.children()]) >= number
