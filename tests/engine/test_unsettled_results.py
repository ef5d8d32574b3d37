"""Results that come in faster than they can be written down (`result_queue_size`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec
import pytest
from tests.engine.conftest import Bench, running_engine, settings_with
from tests.journal.scene import bare

from parallel_agents.core.errors import JournalError
from parallel_agents.core.events import EventType
from parallel_agents.core.outcome import WorkerIdentity
from parallel_agents.core.settings import AiomultiprocessSettings
from parallel_agents.journal import SqliteJournal
from parallel_agents.ports.workers import Assignment, Level, Link, Report, WorkerPool
from parallel_agents.workers.inline import InlinePool
from parallel_agents.workers.pool import ProcessPool
from parallel_agents.workers.workdir import ContextIsolationManager

WORKER_TIMEOUT_S = 0.4


class Counting:
    """A pool that counts what it takes in, and passes everything on."""

    def __init__(self, pool: WorkerPool) -> None:
        self.received = 0
        self._pool = pool
        self.start = pool.start
        self.aclose = pool.aclose
        self.workers = pool.workers
        self.pause_reading = pool.pause_reading
        self.resume_reading = pool.resume_reading

    async def run(self, assignment: Assignment, link: Link) -> Report:
        return await self._pool.run(assignment, _Counted(link, self))


class _Counted:
    def __init__(self, link: Link, counting: Counting) -> None:
        self._link = link
        self._counting = counting
        self.started = link.started
        self.call = link.call
        self.delegate = link.delegate
        self.progress = link.progress

    def received(self) -> None:
        self._counting.received += 1
        self._link.received()


@asynccontextmanager
async def scene(folder: Path, pool: Counting, at_most: int) -> AsyncGenerator[Bench]:
    settings = msgspec.structs.replace(
        settings_with(), aiomultiprocess_settings=AiomultiprocessSettings(result_queue_size=at_most)
    )
    journal = SqliteJournal(folder / "journal.sqlite3")
    journal.start()
    contexts = ContextIsolationManager(root=folder / "contexts")
    try:
        async with running_engine(journal, settings, pool, contexts) as bench:
            yield bench
    finally:
        await journal.aclose()


def workers(level: Level, number: int) -> ProcessPool:
    return ProcessPool(
        max_workers=number if level == "process" else 1,
        max_tasks_per_worker=0,
        idle_timeout_s=60,
        min_workers=number,
        worker_timeout_s=WORKER_TIMEOUT_S,
        level=level,
        slots=1 if level == "process" else number,
    )


POOLS = {
    "process": lambda: workers("process", 6),
    "thread": lambda: workers("thread", 6),
    "coroutine": lambda: workers("coroutine", 6),
    "inline": InlinePool,
}


async def until(files: Sequence[Path]) -> None:
    async with asyncio.timeout(20):
        while not all(file.exists() for file in files):  # noqa: ASYNC110 - agents of other processes have no event
            await asyncio.sleep(0.01)


class Watch:
    """A worker of another pool that falls silent: it is killed when a worker may have been silent for too long."""

    def started(self, worker: WorkerIdentity) -> None: ...

    async def call(self, request: bytes) -> bytes:
        raise AssertionError("nobody asks")

    async def delegate(self, request: bytes) -> bytes:
        raise AssertionError("nobody hands tasks in")

    def received(self) -> None: ...

    def progress(self, fraction: float | None, message: str) -> None: ...


async def as_long_as_silence_may_last(times: int) -> None:
    agents = Path(__file__).parents[1] / "workers" / "agents_under_test.py"
    pool = workers("process", 1)
    await pool.start(0)
    try:
        for _ in range(times):
            silent = Assignment(
                execution_id="exec-9", task_id="task-9", attempt=1, session_id="s", context_id="c",
                target=f"{agents}:stops_itself", input_data=b"\x80", parameters=b"\x80", workdir="/", memory_mb=256,
            )  # fmt: skip
            await pool.run(silent, Watch())
    finally:
        await pool.aclose()


def outcomes(bench: Bench, execution_id: str) -> list[tuple[str, int, bytes | None]]:
    return [(task.state.value, task.attempt, task.output) for task in bench.tasks(execution_id)]


@pytest.mark.faults
@pytest.mark.parametrize(("kind", "timeout_s", "times"), [*((kind, 30.0, 2) for kind in POOLS), ("process", 3.0, 8)])
async def test_results_pile_up_to_the_bound_and_all_are_settled_once_the_journal_can_be_written(
    tmp_path: Path, kind: str, timeout_s: float, times: int
) -> None:
    """Neither silence nor time runs out meanwhile, however much longer than that the journal is kept locked."""
    pool, gate = Counting(POOLS[kind]()), tmp_path / "gate"
    done = [tmp_path / f"done-{number}" for number in range(6)]
    async with scene(tmp_path, pool, at_most=2) as bench, asyncio.timeout(60):
        inputs = [{"gate": str(gate), "done": str(file)} for file in done]
        execution_id = await bench.submit("ends_when_told", inputs, timeout_s=timeout_s)
        await bench.until(lambda: sum(event.type is EventType.TASK_STARTED for event in bench.events) == 6)
        alive = {worker.pid for worker in pool.workers()}
        with closing(bare(tmp_path / "journal.sqlite3")) as other:
            other.execute("BEGIN IMMEDIATE")
            gate.touch()
            await until(done)
            await as_long_as_silence_may_last(times)
            assert pool.received == 2
            other.execute("COMMIT")
        await bench.engine.wait(execution_id)
        assert {worker.pid for worker in pool.workers()} == alive
        assert outcomes(bench, execution_id) == [
            ("completed", 1, msgspec.msgpack.encode({"done": file.name})) for file in done
        ]
    assert pool.received == 6


@pytest.mark.faults
async def test_an_engine_that_cannot_write_any_more_ends_although_its_workers_are_left_unread(tmp_path: Path) -> None:
    pool, gate = Counting(workers("thread", 6)), tmp_path / "gate"
    done = [tmp_path / f"done-{number}" for number in range(6)]
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    journal.start()
    settings = msgspec.structs.replace(
        settings_with(), aiomultiprocess_settings=AiomultiprocessSettings(result_queue_size=1)
    )
    contexts = ContextIsolationManager(root=tmp_path / "contexts")

    async def run() -> None:
        async with running_engine(journal, settings, pool, contexts, interrupt=False) as bench:
            inputs = [{"gate": str(gate), "done": str(file)} for file in done]
            await bench.submit("ends_when_told", inputs)
            await bench.until(lambda: sum(event.type is EventType.TASK_STARTED for event in bench.events) == 6)
            await journal.aclose()
            gate.touch()
            await bench.engine.wait("exec-0000000000000001")

    async with asyncio.timeout(30):
        with pytest.raises(ExceptionGroup) as caught:
            await run()
    assert caught.group_contains(JournalError)
    assert pool.workers() == []
