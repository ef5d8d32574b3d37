"""Workers that end with many attempts in them: nobody pays for another one's fault."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.workers.sharing import BOTH, Gate, Give, MakeAssignment, MakeEar, MakePool, output, shared

from parallel_agents.core.outcome import Interrupted, MemoryExceeded, Outcome, WorkerLost
from parallel_agents.workers.pool import ProcessPool

pytestmark = pytest.mark.faults


def is_bystander(outcome: Outcome) -> bool:
    return isinstance(outcome, Interrupted) and outcome.reason == "bystander"


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("agent", ["blocks", "will_not_be_cancelled"])
async def test_a_coroutine_that_does_not_yield_is_ended_with_its_worker_and_the_others_are_bystanders(
    make_pool: MakePool, give: Give, ear: MakeEar, agent: str
) -> None:
    pool, link, beside = await shared(make_pool, "coroutine"), ear(), ear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        other = group.create_task(pool.run(give("waits_for_a_file", "beside", file="/nowhere"), beside))
        await beside.until(lambda: bool(beside.heard))
        running = group.create_task(pool.run(give(agent, seconds=600), link))
        await link.until(lambda: bool(link.heard))
        running.cancel()
    assert running.cancelled()
    assert is_bystander(other.result().outcome)
    assert link.worker is not None
    assert is_gone(link.worker.pid)
    assert await runs_beside_others(pool, give, ear)


async def runs_beside_others(pool: ProcessPool, give: Give, ear: MakeEar) -> bool:
    """Whether the task that was called `beside` shares its next worker."""
    gates = Gate(), Gate()
    links = [ear(gate.answer) for gate in gates]
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        runs = [
            group.create_task(pool.run(give("asks_and_says_what_came", name), link))
            for name, link in zip(("another", "beside"), links, strict=True)
        ]
        await gates[0].asked.wait()
        alone = group.create_task(gates[1].asked.wait())
        done, _ = await asyncio.wait([alone], timeout=1.0)
        gates[0].opened.set()
        await alone
        gates[1].opened.set()
    assert all(output(run.result().outcome) == {"text": "yes"} for run in runs)
    return bool(done)


async def test_a_coroutine_that_is_kept_from_ending_by_another_blames_nobody_and_the_other_runs_alone_next(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool, link, beside = await shared(make_pool, "coroutine"), ear(), ear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(give("says_when_it_was_cancelled"), link))
        await link.until(lambda: bool(link.heard))
        other = group.create_task(pool.run(give("blocks", "beside", seconds=600), beside))
        await beside.until(lambda: bool(beside.heard))
        running.cancel()
    assert is_bystander(other.result().outcome)
    assert not await runs_beside_others(pool, give, ear)
    assert await runs_beside_others(pool, give, ear)


async def test_a_thread_that_does_not_yield_ends_with_its_worker_once_the_others_are_done(
    make_pool: MakePool, give: Give, ear: MakeEar, tmp_path: Path
) -> None:
    pool, link, beside = await shared(make_pool, "thread"), ear(), ear()
    gate = tmp_path / "gate"
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        other = group.create_task(pool.run(give("waits_for_a_file", "beside", file=str(gate)), beside))
        await beside.until(lambda: bool(beside.heard))
        running = group.create_task(pool.run(give("blocks", seconds=600), link))
        await link.until(lambda: bool(link.heard))
        running.cancel()
        await asyncio.wait([running], timeout=3.5)
        assert not running.done(), "the others of its worker are still at work"
        gate.touch()
    assert link.worker is not None
    assert output(other.result().outcome)["pid"] == link.worker.pid
    assert is_gone(link.worker.pid)


@BOTH
async def test_an_interpreter_that_is_held_blames_nobody(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str
) -> None:
    pool, link, beside = await shared(make_pool, level), ear(), ear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(give("says_when_it_was_cancelled"), link))
        await link.until(lambda: bool(link.heard))
        other = group.create_task(pool.run(give("holds_the_interpreter", "beside"), beside))
        await beside.until(lambda: bool(beside.heard))
        await asyncio.wait([other], timeout=1.5)
        running.cancel()
    assert is_bystander(other.result().outcome)
    assert not await runs_beside_others(pool, give, ear)


@BOTH
async def test_a_worker_that_dies_with_several_blames_nobody_and_each_then_answers_for_itself(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str
) -> None:
    pool, gate = await shared(make_pool, level), Gate()
    links = [ear(gate.answer), ear(gate.answer)]
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        runs = [
            group.create_task(pool.run(give(agent, agent), link))
            for agent, link in zip(("dies_when_told", "says_when_it_was_cancelled"), links, strict=True)
        ]
        for link in links:
            await link.until(lambda link=link: bool(link.heard))
        gate.opened.set()
    assert all(is_bystander(run.result().outcome) for run in runs)
    link = ear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        innocent = group.create_task(pool.run(give("says_when_it_was_cancelled", "says_when_it_was_cancelled"), link))
        await link.until(lambda: bool(link.heard))
        guilty = group.create_task(pool.run(give("dies_when_told", "dies_when_told"), ear(gate.answer)))
        innocent.cancel()
    assert guilty.result().outcome == WorkerLost("exited with code 7")


@BOTH
async def test_a_worker_that_is_killed_with_one_attempt_loses_it(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str
) -> None:
    pool, link = await shared(make_pool, level), ear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        run = group.create_task(pool.run(give("says_when_it_was_cancelled"), link))
        await link.until(lambda: bool(link.heard))
        assert link.worker is not None
        os.kill(link.worker.pid, signal.SIGKILL)
    assert run.result().outcome == WorkerLost("killed by SIGKILL")


@BOTH
async def test_memory_beyond_all_budgets_blames_nobody_and_alone_it_is_told_whose_it_is(
    make_pool: MakePool, give: Give, ear: MakeEar, level: str
) -> None:
    pool, gate = await shared(make_pool, level), Gate()
    links = [ear(gate.answer), ear()]
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        runs = [
            group.create_task(pool.run(give("takes_memory_when_told", "hog", mb=200, memory_mb=64), links[0])),
            group.create_task(pool.run(give("says_when_it_was_cancelled", memory_mb=64), links[1])),
        ]
        for link in links:
            await link.until(lambda link=link: bool(link.heard))
        gate.opened.set()
    outcomes = [run.result().outcome for run in runs]
    assert all(is_bystander(outcome) for outcome in outcomes)
    assert isinstance(outcomes[0], Interrupted)
    assert "128 MB" in outcomes[0].detail
    alone = (await pool.run(give("takes_memory_when_told", "hog", mb=200, memory_mb=64), ear(gate.answer))).outcome
    assert isinstance(alone, MemoryExceeded)
    assert alone.limit_mb == 64


async def test_a_worker_of_many_that_falls_silent_is_killed(
    make_pool: MakePool, assignment: MakeAssignment, give: Give, ear: MakeEar
) -> None:
    pool, beside = await shared(make_pool, "coroutine", worker_timeout_s=1.5), ear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        other = group.create_task(pool.run(give("says_when_it_was_cancelled", "beside"), beside))
        await beside.until(lambda: bool(beside.heard))
        silent = group.create_task(pool.run(assignment("stops_itself"), ear()))
    outcomes = [run.result().outcome for run in (other, silent)]
    assert all(is_bystander(outcome) for outcome in outcomes)
    assert isinstance(outcomes[0], Interrupted)
    assert "said nothing for 1.5 s" in outcomes[0].detail
    alone = (await pool.run(assignment("stops_itself"), ear())).outcome
    assert isinstance(alone, WorkerLost)


async def test_others_go_on_while_one_that_is_to_be_alone_waits_for_an_empty_worker(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool, gate = await make_pool(level="coroutine", slots=3, max_workers=2), Gate()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        links = [ear(gate.answer) for _ in range(2)]
        dying = [group.create_task(pool.run(give("dies_when_told", f"{n}"), link)) for n, link in enumerate(links)]
        for link in links:
            await link.until(lambda link=link: bool(link.heard))
        gate.opened.set()
    assert all(is_bystander(run.result().outcome) for run in dying)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        # Three fill the one worker, so that the fourth is alone in the other; then the first has room again.
        long: list[asyncio.Task[Any]] = []
        for number in range(4):
            link = ear()
            run = pool.run(give("says_when_it_was_cancelled", f"long-{number}"), link)
            long.append(group.create_task(run))
            await link.until(lambda link=link: bool(link.heard))
        long[0].cancel()
        await asyncio.wait(long[:1])
        suspect_link = ear()
        suspect = group.create_task(pool.run(give("says_when_it_was_cancelled", "0"), suspect_link))
        for _ in range(3):
            assert "pid" in output((await pool.run(give("blocks", "short", seconds=0), ear())).outcome)
        assert not suspect_link.heard
        long[3].cancel()
        await suspect_link.until(lambda: bool(suspect_link.heard))
        for run in (*long, suspect):
            run.cancel()
