"""Batches whose tasks come in while others of them run: the producer waits, nothing is lost, and the end is the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.documents import body_of

from parallel_agents import ExecutionClosedError, ParallelAgentExecutor, QueueFullError
from parallel_agents.core.errors import InputError, TaskError
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.settings import ParallelProcessing, Settings, TaskQueue

AGENTS = Path(__file__).with_name("my_agents.py")
MOST = 6
SMALL = Settings(parallel_processing=ParallelProcessing(task_queue=TaskQueue(max_queue_size=MOST)))


def make(folder: Path, settings: Settings = SMALL) -> ParallelAgentExecutor:
    executor = ParallelAgentExecutor(settings=settings, journal=folder / "journal.sqlite3", environ={})
    executor.register_agent("shout", f"{AGENTS}:shout")
    executor.register_agent("waits", f"{AGENTS}:waits")
    return executor


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncGenerator[ParallelAgentExecutor]:
    async with make(tmp_path) as made:
        yield made


def task(number: int, agent: str = "shout", **more: Any) -> dict[str, Any]:
    return {"agent_name": agent, "input_data": {"text": f"text {number}"}, **more}


async def test_a_stream_goes_through_and_its_producer_is_never_far_ahead(executor: ParallelAgentExecutor) -> None:
    ended = 0
    ahead: list[int] = []

    def hear(event: Event) -> None:
        nonlocal ended
        ended += event.type is EventType.TASK_COMPLETED

    executor.subscribe(hear)

    async def produce() -> AsyncIterator[dict[str, Any]]:
        for number in range(100):
            ahead.append(number - ended)
            yield task(number)

    execution_id = await executor.submit_batch_tasks(produce(), max_concurrent=3)
    body = body_of(await executor.wait(execution_id))
    assert body["overall_status"] == "completed"
    outputs = [session["result"]["output_data"]["text"] for session in body["agent_execution_sessions"]]
    assert outputs == [f"TEXT {number}" for number in range(100)]
    # The one that is handed in next is not among those that are in.
    assert max(ahead) <= MOST + 1
    assert max(ahead) > 1


async def test_a_better_task_that_comes_in_later_starts_before_those_that_wait(tmp_path: Path) -> None:
    most, gate = 20, tmp_path / "gate"
    settings = Settings(parallel_processing=ParallelProcessing(task_queue=TaskQueue(max_queue_size=most)))
    started: list[str | None] = []
    async with make(tmp_path, settings) as executor:
        executor.register_agent("gate", f"{AGENTS}:waits_for_a_file")
        is_shut = asyncio.Event()

        def hear(event: Event) -> None:
            if event.type is EventType.TASK_STARTED:
                started.append(event.task_id)
                is_shut.set()

        executor.subscribe(hear)
        async with executor.open_batch(max_concurrent=1) as batch:
            await batch.submit({"agent_name": "gate", "input_data": {"path": str(gate)}, "task_id": "gate"})
            await is_shut.wait()
            for number in range(most - 2):
                await batch.submit(task(number, task_id=f"low-{number}", priority="low"))
            # The engine reads in the same line as we do: after this it has read what is there.
            while (await executor.executions.counts(batch.execution_id)).total < most - 1:
                pass
            await executor.executions.counts(batch.execution_id)
            await batch.submit(task(0, task_id="urgent", priority="urgent"))
        await asyncio.to_thread(gate.touch)
        await executor.wait(batch.execution_id)

    assert started == ["gate", "urgent", *(f"low-{number}" for number in range(most - 2))]


async def test_a_full_batch_refuses_who_does_not_wait_and_takes_who_does(executor: ParallelAgentExecutor) -> None:
    async with executor.open_batch(max_concurrent=2) as batch:
        for number in range(MOST):
            batch.submit_nowait(task(number, "waits"))
        with pytest.raises(QueueFullError, match="max_queue_size") as raised:
            batch.submit_nowait(task(MOST, "waits"))
        assert (raised.value.size, raised.value.limit) == (MOST, MOST)
        assert await executor.cancel_execution(batch.execution_id)
    body = body_of(await executor.get_execution_results(batch.execution_id))
    assert body["task_queue"]["cancelled_tasks"] == body["task_queue"]["total_tasks"] == MOST


async def test_an_open_batch_has_not_ended_though_all_that_came_in_has(executor: ParallelAgentExecutor) -> None:
    done = asyncio.Event()
    executor.subscribe(lambda event: done.set() if event.type is EventType.TASK_COMPLETED else None)
    async with executor.open_batch() as batch:
        empty = body_of(await executor.get_execution_status(batch.execution_id))
        assert (empty["overall_status"], empty["task_queue"]["total_tasks"]) == ("pending", 0)
        await batch.submit(task(0))
        async with asyncio.timeout(20):
            await done.wait()
        between = body_of(await executor.get_execution_status(batch.execution_id))
        assert (between["overall_status"], between["task_queue"]["completed_tasks"]) == ("running", 1)
        await batch.submit(task(1))
    body = body_of(await executor.wait(batch.execution_id))
    assert (body["overall_status"], body["task_queue"]["completed_tasks"]) == ("completed", 2)


async def test_a_wrong_task_is_refused_by_its_place_and_those_before_it_run(executor: ParallelAgentExecutor) -> None:
    async def produce() -> AsyncIterator[dict[str, Any]]:
        yield task(0)
        yield task(1)
        yield {"agent_name": "shout", "input_dat": {}}

    with pytest.raises(TaskError, match=r"task 3.*input_dat"):
        await executor.submit_batch_tasks(produce())
    (status,) = await executor.list_executions()
    body = body_of(await executor.wait(body_of(status)["execution_id"]))
    assert (body["overall_status"], body["task_queue"]["completed_tasks"]) == ("completed", 2)


async def test_an_id_that_comes_twice_is_told_and_neither_dropped_nor_doubled(executor: ParallelAgentExecutor) -> None:
    batch = executor.open_batch()

    async def hand_in() -> None:
        async with batch:
            await batch.submit(task(0, task_id="same"))
            await batch.submit(task(1, task_id="same"))

    with pytest.raises(TaskError, match="'same' is the id of an earlier task"):
        await hand_in()
    body = body_of(await executor.wait(batch.execution_id))
    assert [session["result"]["output_data"]["text"] for session in body["agent_execution_sessions"]] == ["TEXT 0"]


async def test_a_cancelled_batch_wakes_a_producer_that_waits(executor: ParallelAgentExecutor) -> None:
    async with executor.open_batch(max_concurrent=2) as batch:
        for number in range(MOST):
            await batch.submit(task(number, "waits"))
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(refused(batch.submit(task(MOST, "waits"))))
            await asyncio.sleep(0)
            assert not waiting.done()
            assert await executor.cancel_execution(batch.execution_id)
        await refused(batch.submit(task(MOST + 1)))
    body = body_of(await executor.get_execution_results(batch.execution_id))
    assert (body["overall_status"], body["task_queue"]["cancelled_tasks"]) == ("cancelled", MOST)


async def refused(submitting: Any) -> None:
    with pytest.raises(ExecutionClosedError):
        await submitting


async def test_what_came_in_before_the_engine_stopped_is_finished_by_the_next(tmp_path: Path) -> None:
    async with make(tmp_path) as first:
        batch = first.open_batch(max_concurrent=2)
        await batch.__aenter__()
        for number in range(MOST):
            await batch.submit(task(number, "shout" if number % 2 else "waits"))
        await first.interrupt()
        await refused(batch.submit(task(99)))
        await batch.__aexit__(None, None, None)
    async with make(tmp_path) as second:
        second.register_agent("unused", f"{AGENTS}:shout")
        body = body_of(await second.get_execution_results(batch.execution_id))
        assert body["overall_status"] == "paused"
        assert body["task_queue"]["total_tasks"] == MOST
        assert await second.resume_execution(batch.execution_id)
        assert await second.cancel_execution(batch.execution_id)
        assert not await second.resume_execution(batch.execution_id)


async def test_a_wrong_concurrency_opens_nothing(executor: ParallelAgentExecutor) -> None:
    with pytest.raises(InputError, match="max_concurrent_limit"):
        await executor.open_batch(max_concurrent=99).__aenter__()
    assert await executor.list_executions() == []


async def test_agents_that_come_later_are_known_to_a_resume(tmp_path: Path) -> None:
    async with make(tmp_path, msgspec.structs.replace(SMALL)) as executor:
        async with executor.open_batch() as batch:
            await batch.submit(task(0))
            await batch.submit(task(1, "waits"))
        record = await executor.executions.record(batch.execution_id)
        assert {agent.name for agent in record.agents} == {"shout", "waits"}
        assert await executor.cancel_execution(batch.execution_id)
