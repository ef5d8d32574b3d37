"""The levels that share workers, as users meet them: an executor, a journal file, real workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.events import EventType

AGENTS = Path(__file__).with_name("agents_of_levels.py")
BOTH = pytest.mark.parametrize("level", ["coroutine", "thread"])
pytestmark = pytest.mark.faults


@asynccontextmanager
async def executor_at(
    level: str, folder: Path, *, settings: str = "", workers: int = 1
) -> AsyncGenerator[ParallelAgentExecutor]:
    file = folder / "settings.yaml"
    file.write_text(
        "parallel_processing:\n"
        f"  context_isolation: {{isolation_level: {level}}}\n"
        "  max_concurrent_limit: 80\n"
        "  max_coroutines: 80\n"
        f"  task_queue: {{task_retry_attempts: 1, task_retry_delay_seconds: 0}}\n{settings}"
        f"aiomultiprocess_settings: {{max_workers: {workers}}}\n",
        encoding="utf-8",
    )
    async with ParallelAgentExecutor(file, journal=folder / "journal.sqlite3", environ={}) as made:
        for name in ("meets", "crashes", "naps", "blocks"):
            made.register_agent(name, f"{AGENTS}:{name}")
        yield made


def task(agent: str, **more: Any) -> dict[str, Any]:
    keys = {key: more.pop(key) for key in ("task_id", "timeout_seconds", "retry_attempts") if key in more}
    return {"agent_name": agent, "input_data": more, **keys}


async def sessions_after(executor: ParallelAgentExecutor, tasks: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    execution_id = await executor.submit_batch_tasks(tasks, max_concurrent=80)
    async with asyncio.timeout(60):
        body = body_of(await executor.wait(execution_id))
    return {session["task_id"]: session for session in body["agent_execution_sessions"]}


def history(session: dict[str, Any]) -> list[tuple[str, bool | None]]:
    return [(line["class"], line["charged"]) for line in session["error_handling"]["error_history"]]


@BOTH
async def test_eighty_agents_are_there_at_once_in_ten_processes(tmp_path: Path, level: str) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    async with executor_at(level, tmp_path, workers=10) as executor:
        found = await sessions_after(executor, [task("meets", folder=str(meeting), number=80)] * 80)
    assert {session["status"] for session in found.values()} == {"completed"}
    assert len({session["result"]["output_data"]["pid"] for session in found.values()}) <= 10
    windows = [session["input_data"]["context_window"] for session in found.values()]
    assert {window["isolation_level"] for window in windows} == {f"{level}_isolated"}
    assert {window["effective"]["memory"] for window in windows} == {"none"}


@BOTH
async def test_a_task_that_crashes_its_worker_is_found_and_nobody_beside_it_pays(tmp_path: Path, level: str) -> None:
    async with executor_at(level, tmp_path) as executor:
        beside = [task("naps", seconds=1.0, task_id=f"beside-{number}") for number in range(5)]
        found = await sessions_after(executor, [task("crashes", task_id="crashes"), *beside])
    assert found["crashes"]["status"] == "failed"
    # At first nobody knows who it was; then it is alone, and its retries are used up by itself.
    assert history(found["crashes"])[0] == ("transient", False)
    assert history(found["crashes"])[1:] == [("worker_lost", True)] * 2
    for number in range(5):
        session = found[f"beside-{number}"]
        assert session["status"] == "completed"
        assert {charged for _, charged in history(session)} <= {False}


@BOTH
async def test_an_agent_that_blocks_past_its_time_fails_alone(tmp_path: Path, level: str) -> None:
    async with executor_at(level, tmp_path) as executor:
        blocking = task("blocks", seconds=600, timeout_seconds=1, retry_attempts=0, task_id="blocks")
        found = await sessions_after(executor, [task("naps", seconds=0.5, task_id="beside"), blocking])
    assert (found["blocks"]["status"], history(found["blocks"])) == ("failed", [("timeout", True)])
    assert found["beside"]["status"] == "completed"
    assert {charged for _, charged in history(found["beside"])} <= {False}


@BOTH
async def test_a_cancelled_execution_leaves_another_ones_attempts_in_the_same_worker_alone(
    tmp_path: Path, level: str
) -> None:
    started = asyncio.Event()
    async with executor_at(level, tmp_path) as executor:
        executor.subscribe(lambda event: started.set() if event.type is EventType.TASK_STARTED else None)
        one = await executor.submit_batch_tasks([task("naps", seconds=600)])
        async with asyncio.timeout(20):
            await started.wait()
        other = await executor.submit_batch_tasks([task("naps", seconds=0.5)])
        assert await executor.cancel_execution(one)
        stopped, gone_on = body_of(await executor.wait(one)), body_of(await executor.wait(other))
    assert stopped["overall_status"] == "cancelled"
    (session,) = gone_on["agent_execution_sessions"]
    assert (session["status"], session["attempt"]) == ("completed", 1)


async def test_a_concurrency_beyond_the_coroutines_is_refused_with_their_key(tmp_path: Path) -> None:
    from parallel_agents.core.errors import ConcurrencyError

    async with executor_at("coroutine", tmp_path) as executor:
        with pytest.raises(ConcurrencyError, match=r"1 to 80.*max_coroutines"):
            await executor.submit_batch_tasks([task("naps", seconds=0)], max_concurrent=81)
        execution_id = await executor.submit_batch_tasks([task("naps", seconds=600)])
        with pytest.raises(ConcurrencyError, match="max_coroutines"):
            await executor.change_concurrency(execution_id, 81)
        assert await executor.change_concurrency(execution_id, 80)
        assert await executor.cancel_execution(execution_id)
