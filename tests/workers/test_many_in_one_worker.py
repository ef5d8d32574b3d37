"""Workers that have many attempts at once: who runs beside whom, and what is left of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.workers.sharing import BOTH, Gate, Give, MakeEar, MakePool, output, shared

from parallel_agents.core.outcome import MemoryExceeded, WorkerIdentity

pytestmark = pytest.mark.faults


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@BOTH
async def test_eight_attempts_run_at_once_in_one_worker(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str, tmp_path: Path
) -> None:
    pool, links = await shared(make_pool, level), [ear() for _ in range(8)]
    gate = tmp_path / "gate"
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        runs = [group.create_task(pool.run(give("waits_for_a_file", file=str(gate)), link)) for link in links]
        for link in links:
            await link.until(lambda link=link: bool(link.heard))
        gate.touch()
    outputs = [output(run.result().outcome) for run in runs]
    assert len({found["pid"] for found in outputs}) == 1
    assert len({found["thread"] for found in outputs}) == (8 if level == "thread" else 1)
    used = [run.result().usage for run in runs]
    assert [usage.thread_id for usage in used] == [str(found["thread"]) for found in outputs]
    assert all((usage.cpu_ms is not None) == (level == "thread") for usage in used)
    assert all(usage.peak_memory_mb is None for usage in used)


@BOTH
async def test_workers_say_that_no_attempt_has_a_memory_limit_of_its_own(make_pool: MakePool, level: str) -> None:
    (worker,) = (await shared(make_pool, level, warm=1)).workers()
    assert worker.effective == {
        "level": level, "memory": "none", "files": "none", "network": "none", "kill": "cancel_then_worker"
    }  # fmt: skip


@BOTH
async def test_cancelling_one_leaves_its_worker_and_the_others_alone(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str, tmp_path: Path
) -> None:
    pool, link, beside = await shared(make_pool, level), ear(), ear()
    gate = tmp_path / "gate"
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        other = group.create_task(pool.run(give("waits_for_a_file", file=str(gate)), beside))
        running = group.create_task(pool.run(give("says_when_it_was_cancelled"), link))
        await link.until(lambda: bool(link.heard))
        await beside.until(lambda: bool(beside.heard))
        running.cancel()
        await asyncio.wait([running])
        gate.touch()
    assert running.cancelled()
    assert link.worker is not None
    assert output(other.result().outcome)["pid"] == link.worker.pid


@BOTH
async def test_what_is_cancelled_before_it_begins_ends_too(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str
) -> None:
    pool = await shared(make_pool, level, warm=1)
    (worker,) = pool.workers()

    class CancelsAtOnce:
        task: asyncio.Task[Any]

        def started(self, worker: WorkerIdentity) -> None:
            self.task.cancel()

        async def call(self, request: bytes) -> bytes:
            raise AssertionError("nobody asks")

        async def delegate(self, request: bytes) -> bytes:
            raise AssertionError("nobody hands tasks in")

        def received(self) -> None: ...

        def progress(self, fraction: float | None, message: str) -> None: ...

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for _ in range(20):
            link = CancelsAtOnce()
            link.task = group.create_task(pool.run(give("says_when_it_was_cancelled"), link))
    assert pool.workers() == [worker]


async def test_blocking_coroutines_stall_their_worker_and_nobody_elses(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool = await make_pool(warm=2, level="coroutine", slots=8, max_workers=2)
    link = ear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        blocking = group.create_task(pool.run(give("blocks", seconds=2), link))
        await link.until(lambda: bool(link.heard))
        pid = output((await pool.run(give("blocks", seconds=0), ear())).outcome)["pid"]
        assert not blocking.done()
    assert output(blocking.result().outcome)["pid"] != pid


async def test_blocking_threads_keep_nobody_waiting(make_pool: MakePool, give: Give, ear: MakeEar) -> None:
    pool, link = await shared(make_pool, "thread"), ear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        blocking = group.create_task(pool.run(give("blocks", seconds=2), link))
        await link.until(lambda: bool(link.heard))
        pid = output((await pool.run(give("blocks", seconds=0), ear())).outcome)["pid"]
        assert not blocking.done()
    assert output(blocking.result().outcome)["pid"] == pid


@BOTH
async def test_a_worker_out_of_memory_takes_no_more_and_ends_when_the_others_are_done(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str, tmp_path: Path
) -> None:
    pool, beside = await shared(make_pool, level, max_workers=2), ear()
    gate = tmp_path / "gate"
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        other = group.create_task(pool.run(give("waits_for_a_file", "beside", file=str(gate)), beside))
        await beside.until(lambda: bool(beside.heard))
        assert isinstance((await pool.run(give("runs_out_of_memory"), ear())).outcome, MemoryExceeded)
        pid = output((await pool.run(give("blocks", seconds=0), ear())).outcome)["pid"]
        gate.touch()
    assert beside.worker is not None
    assert output(other.result().outcome)["pid"] == beside.worker.pid != pid


@BOTH
async def test_a_task_that_an_agent_left_running_ends_with_its_attempt(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str, tmp_path: Path
) -> None:
    pool, link, beside = await shared(make_pool, level), ear(), ear()
    gate = tmp_path / "gate"
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        other = group.create_task(pool.run(give("waits_for_a_file", "beside", file=str(gate)), beside))
        await beside.until(lambda: bool(beside.heard))
        await pool.run(give("leaves_a_task"), link)
        told = len(link.heard)
        await asyncio.wait([other], timeout=0.2)
        assert len(link.heard) == told
        gate.touch()
    assert len(pool.workers()) == 1


@BOTH
async def test_a_thread_that_an_agent_left_running_ends_with_its_worker(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str
) -> None:
    pool, link = await shared(make_pool, level), ear()
    await pool.run(give("leaves_a_thread_of_the_loop"), link)
    assert link.worker is not None
    assert is_gone(link.worker.pid)


@BOTH
async def test_agents_of_two_folders_do_not_share_a_worker_at_the_same_time(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str, tmp_path: Path
) -> None:
    pool = await shared(make_pool, level, max_workers=2)
    text = (
        "async def run(context):\n    await context.model.complete('?')\n    import its_helper\n"
        "    return {'name': its_helper.NAME}\n"
    )
    gates = [Gate() for _ in range(4)]
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        runs: list[asyncio.Task[Any]] = []
        for number, gate in enumerate(gates):
            folder = tmp_path / ("one" if number % 2 else "two")
            folder.mkdir(exist_ok=True)
            (folder / "its_helper.py").write_text(f"NAME = {folder.name!r}\n", encoding="utf-8")
            (folder / "agent.py").write_text(text, encoding="utf-8")
            run = pool.run(give("run", str(number), program=folder / "agent.py"), ear(gate.answer))
            runs.append(group.create_task(run))
        for gate in gates:
            await gate.asked.wait()
        for gate in gates:
            gate.opened.set()
    assert [output(run.result().outcome)["name"] for run in runs] == ["two", "one"] * 2


@BOTH
async def test_a_worker_is_replaced_after_its_number_of_attempts_for_every_slot(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str
) -> None:
    pool = await shared(make_pool, level, slots=3, max_tasks_per_worker=2)
    pids = [output((await pool.run(give("blocks", seconds=0), ear())).outcome)["pid"] for _ in range(12)]
    assert [len(set(pids[:6])), len(set(pids[6:])), len(set(pids))] == [1, 1, 2]


async def test_a_hundred_attempts_pass_through_workers_that_are_replaced_while_they_are_busy(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool = await make_pool(level="coroutine", slots=5, max_workers=2, max_tasks_per_worker=1)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        runs = [group.create_task(pool.run(give("blocks", str(n), seconds=0.001), ear())) for n in range(100)]
    assert len({output(run.result().outcome)["pid"] for run in runs}) > 2
