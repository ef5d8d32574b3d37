"""Nothing of an attempt runs, speaks or is found when its run has ended; and what went wrong is said as it was."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil
import pytest

from parallel_agents.core.errors import ContractError, RateLimitedError
from parallel_agents.core.outcome import (
    ErrorClass,
    Failed,
    MemoryExceeded,
    Outcome,
    Succeeded,
    WorkerIdentity,
)
from parallel_agents.ports.models import ModelResponse
from parallel_agents.ports.workers import Assignment, WorkerPool
from parallel_agents.workers.pool import ProcessPool

AGENTS = Path(__file__).with_name("agents_that_misbehave.py")


class Ear(Protocol):
    """See conftest."""

    worker: WorkerIdentity | None
    heard: list[tuple[float | None, str]]
    requests: list[bytes]

    def started(self, worker: WorkerIdentity) -> None: ...

    async def call(self, request: bytes) -> bytes: ...

    def received(self) -> None: ...

    def progress(self, fraction: float | None, message: str) -> None: ...

    async def delegate(self, request: bytes) -> bytes: ...

    async def until(self, happened: Callable[[], bool]) -> None: ...


MakeEar = Callable[..., Ear]
MakeAssignment = Callable[..., Assignment]
MakePool = Callable[..., Awaitable[ProcessPool]]
Give = Callable[..., Assignment]


@pytest.fixture
def give(assignment: MakeAssignment) -> Give:
    def make(function: str, *, file: Path = AGENTS, **given: Any) -> Assignment:
        return msgspec.structs.replace(assignment(function, **given), target=f"{file}:{function}")

    return make


def output(outcome: Outcome) -> Any:
    assert isinstance(outcome, Succeeded), outcome
    return msgspec.msgpack.decode(outcome.output)


def answering(text: str) -> Callable[[bytes], Awaitable[bytes]]:
    async def answer(_request: bytes) -> bytes:
        return msgspec.msgpack.encode(ModelResponse(text=text, model="m", is_language_model=True))

    return answer


def failing(error: Exception) -> Callable[[bytes], Awaitable[bytes]]:
    async def answer(_request: bytes) -> bytes:
        raise error

    return answer


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("detached", [False, True])
async def test_a_process_that_an_agent_leaves_behind_is_gone_when_its_run_ends(
    make_pool: MakePool, give: Give, ear: MakeEar, detached: bool
) -> None:
    pool = await make_pool()
    child = output((await pool.run(give("leaves_a_process", detached=detached), ear())).outcome)["child"]
    left = runs(child)
    if left:
        os.kill(child, 9)
    assert not left


async def test_cancelling_also_ends_a_process_in_a_session_of_its_own(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool, link = await make_pool(), ear()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(pool.run(give("starts_a_process_and_hangs", detached=True), link))
        await link.until(lambda: bool(link.heard))
        running.cancel()
    child = int(link.heard[0][1])
    left = runs(child)
    if left:
        os.kill(child, 9)
    assert not left


@pytest.mark.parametrize("agent", ["leaves_a_task", "leaves_a_thread"])
async def test_what_an_agent_left_running_neither_speaks_nor_asks_for_the_next_attempt(
    make_pool: MakePool, give: Give, ear: MakeEar, agent: str
) -> None:
    pool, next_link = await make_pool(max_workers=1), ear(answering("x"))
    await pool.run(give(agent), ear(answering("x")))
    await pool.run(give("waits", seconds=0.3), next_link)
    assert next_link.requests == []
    assert next_link.heard == []


async def test_directory_and_environment_are_the_same_for_every_attempt(
    make_pool: MakePool, give: Give, ear: MakeEar, tmp_path: Path
) -> None:
    pool = await make_pool(max_workers=1)
    place = tmp_path / "gone"
    place.mkdir()
    await pool.run(msgspec.structs.replace(give("moves_house"), workdir=str(place)), ear())
    place.rmdir()
    found = output((await pool.run(give("looks_around"), ear())).outcome)
    assert found == {"cwd": str(Path.cwd()), "left": None}


async def test_two_agents_with_a_helper_of_the_same_name_each_get_their_own(
    make_pool: MakePool, give: Give, ear: MakeEar, tmp_path: Path
) -> None:
    pool = await make_pool(max_workers=1)
    found: list[Any] = []
    for name in ("one", "two", "one"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "its_helper.py").write_text(f"NAME = {name!r}\n", encoding="utf-8")
        program = "import its_helper\nasync def run(context):\n    return {'name': its_helper.NAME}\n"
        (folder / "agent.py").write_text(program, encoding="utf-8")
        found.append(output((await pool.run(give("run", file=folder / "agent.py"), ear())).outcome)["name"])
    assert found == ["one", "two", "one"]


async def test_an_error_inside_a_group_keeps_its_class(any_pool: WorkerPool, give: Give, ear: MakeEar) -> None:
    item = (await any_pool.run(give("raises_in_a_group", kind="item"), ear())).outcome
    assert isinstance(item, Failed)
    assert (item.error.error_class, item.error.message) == (ErrorClass.ITEM, "never")
    unscored = (await any_pool.run(give("raises_in_a_group", kind="unscored"), ear())).outcome
    assert unscored == Succeeded(output=b"\x80", status="unscored", reason="cannot judge")
    assert isinstance((await any_pool.run(give("raises_in_a_group", kind="memory"), ear())).outcome, MemoryExceeded)


async def test_a_model_error_reaches_the_agent_with_its_class_and_fields(
    any_pool: WorkerPool, give: Give, ear: MakeEar
) -> None:
    link = ear(failing(ContractError(("no score",), "the whole answer")))
    found = output((await any_pool.run(give("tells_the_class_of_a_call_error"), link)).outcome)
    assert found == {"class": "contract", "raw": "the whole answer", "problems": ["no score"]}
    link = ear(failing(RateLimitedError("slow down", 2.5)))
    found = output((await any_pool.run(give("tells_the_class_of_a_call_error"), link)).outcome)
    assert found == {"class": "rate_limited", "retry_after_s": 2.5}


@pytest.mark.parametrize(
    ("agent", "kind"),
    [("raises_half_a_character", ErrorClass.ITEM), ("raises_what_cannot_be_shown", ErrorClass.TRANSIENT)],
)
async def test_an_error_whose_text_cannot_travel_is_still_an_outcome(
    make_pool: MakePool, give: Give, ear: MakeEar, agent: str, kind: ErrorClass
) -> None:
    pool = await make_pool()
    outcome = (await pool.run(give(agent), ear())).outcome
    assert isinstance(outcome, Failed), outcome
    assert outcome.error.error_class is kind


async def test_an_answer_that_does_not_fit_the_budget_is_a_memory_outcome(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool = await make_pool()
    link = ear(answering("x" * 20_000_000))
    outcome = (await pool.run(give("fills_its_budget_and_asks", memory_mb=64), link)).outcome
    assert isinstance(outcome, MemoryExceeded), outcome


async def test_pages_shared_with_forked_children_are_counted_once(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool = await make_pool()
    outcome = (await pool.run(give("forks_with_shared_pages", memory_mb=100), ear())).outcome
    assert output(outcome) == {}


async def test_programs_started_from_threads_count_against_the_budget_together(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool = await make_pool()
    async with asyncio.timeout(20):
        outcome = (await pool.run(give("starts_two_hogs_from_threads", memory_mb=300), ear())).outcome
    assert isinstance(outcome, MemoryExceeded), outcome


async def test_no_more_attempts_run_at_once_than_there_may_be_workers(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool = await make_pool(max_workers=1, max_tasks_per_worker=1)
    now = most = 0

    async def one() -> None:
        nonlocal now, most
        link = ear()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(pool.run(give("waits", seconds=0.3), link))
            await link.until(lambda: link.worker is not None)
            now, most = now + 1, max(most, now + 1)
            await running
            now -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(one())
    assert most == 1


async def test_much_progress_is_told_in_few_words_and_the_last_one_counts(
    make_pool: MakePool, give: Give, ear: MakeEar
) -> None:
    pool, link = await make_pool(), ear()
    await pool.run(give("tells_much", times=20_000), link)
    assert link.heard[-1] == (1.0, "last")
    assert len(link.heard) < 1000


class FullForAMoment:
    """An operating system that has no room for a process, the first times."""

    def __init__(self, failures: int, real: Any) -> None:
        self.failures = failures
        self._real = real

    def start(self, target: Any, args: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError("no more processes")
        return self._real.start(target, args)

    def end_strays(self, keep: Any) -> None:
        self._real.end_strays(keep)

    def close(self) -> None:
        self._real.close()


async def test_eight_workers_that_fail_to_start_at_the_same_moment_are_tried_again(make_pool: MakePool) -> None:
    from parallel_agents.workers.process import make_starter

    pool = await make_pool(
        warm=8, max_workers=8, starter=lambda: FullForAMoment(8, make_starter((), use_aiomultiprocess=True))
    )
    assert len(pool.workers()) == 8


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


async def test_a_worker_that_died_after_its_result_takes_no_other_attempt(
    make_pool: MakePool, give: Give, assignment: MakeAssignment, ear: MakeEar
) -> None:
    pool, link = await make_pool(warm=1), LinkThatBlocksUntilTheWorkerIsDead()
    dying = give("returns_and_is_killed", file=AGENTS.with_name("agents_that_end_badly.py"))
    assert output((await pool.run(dying, link)).outcome) == {"kept": True}
    assert output((await pool.run(assignment("echo"), ear())).outcome)["input"] == {}


PARENT = f"""
import asyncio, sys, msgspec
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers.pool import ProcessPool

class Link:
    def started(self, worker): pass
    async def call(self, request): raise RuntimeError
    def received(self): pass
    def progress(self, fraction, message): print(message, flush=True)

async def main(agent):
    pool = ProcessPool(max_workers=1, max_tasks_per_worker=0, idle_timeout_s=60, min_workers=0, worker_timeout_s=60)
    await pool.start(1)
    if not agent:
        return
    await pool.run(Assignment(
        execution_id="e", task_id="t", attempt=1, session_id="s", context_id="c",
        target={str(AGENTS)!r} + ":" + agent, input_data=msgspec.msgpack.encode({{"detached": True}}),
        parameters=msgspec.msgpack.encode({{}}), workdir="/", memory_mb=256), Link())

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.faults
@pytest.mark.parametrize("agent", ["starts_a_process_and_hangs", "starts_a_process_and_holds_the_interpreter"])
def test_what_an_agent_started_is_gone_one_second_after_the_engine_was_killed(agent: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, agent], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate(timeout=20)
    deadline = time.monotonic() + 1.0
    while (left := runs(child)) and time.monotonic() < deadline:
        time.sleep(0.005)
    if left:
        os.kill(child, 9)
    assert not left


def test_a_program_that_forgets_to_close_its_pool_still_ends() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, ""], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    family: list[psutil.Process] = []
    try:
        assert parent.wait(timeout=15) == 0
    except subprocess.TimeoutExpired:
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
        parent.wait()
        pytest.fail("the program hangs at its end")
    finally:
        assert parent.stdout is not None
        parent.stdout.close()
        psutil.wait_procs(family, timeout=5)
