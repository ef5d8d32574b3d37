"""Batches whose outcome can be worked out beforehand: what journal, status and events say of them is just that."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.api.faulty_agents import is_faulty
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.settings import ParallelProcessing, Settings, TaskQueue

AGENTS = Path(__file__).with_name("faulty_agents.py")
RETRIES = 3
SEED = 6
"""Of its 400 tasks two fail, as the test makes sure."""


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncGenerator[ParallelAgentExecutor]:
    queue = TaskQueue(task_retry_attempts=RETRIES, task_retry_delay_seconds=0)
    settings = Settings(parallel_processing=ParallelProcessing(task_queue=queue))
    async with ParallelAgentExecutor(settings=settings, journal=tmp_path / "j.sqlite3", environ={}) as made:
        made.register_agent("faulty", f"{AGENTS}:faulty")
        made.register_agent("naps", f"{AGENTS}:naps")
        yield made


def attempts_of(number: int) -> int:
    """How many attempts a task takes; one more than the retries where all of them fail."""
    faults = (is_faulty(SEED, number, attempt) for attempt in range(1, RETRIES + 2))
    return next((attempt for attempt, fault in enumerate(faults, start=1) if not fault), RETRIES + 2)


async def test_exactly_the_tasks_fail_whose_every_attempt_was_drawn_to(executor: ParallelAgentExecutor) -> None:
    numbers = range(400)
    needed = {f"t{number}": attempts_of(number) for number in numbers}
    doomed = {task_id for task_id, attempts in needed.items() if attempts > RETRIES + 1}
    assert len(doomed) == 2
    told: Counter[tuple[str | None, EventType]] = Counter()
    executor.subscribe(lambda event: told.update([(event.task_id, event.type)]))
    tasks = [
        {"agent_name": "faulty", "task_id": f"t{number}", "input_data": {"seed": SEED, "number": number}}
        for number in numbers
    ]
    execution_id = await executor.submit_batch_tasks(tasks, max_concurrent=8)
    body = body_of(await executor.wait(execution_id))
    sessions = {session["task_id"]: session for session in body["agent_execution_sessions"]}
    assert {task_id for task_id, session in sessions.items() if session["status"] == "failed"} == doomed
    for task_id, session in sessions.items():
        made = min(needed[task_id], RETRIES + 1)
        assert session["attempt"] == made
        faults = made if task_id in doomed else made - 1
        assert len(session["error_handling"]["error_history"]) == faults
        assert told[task_id, EventType.TASK_STARTED] == made
        assert told[task_id, EventType.TASK_RETRYING] == made - 1
        assert told[task_id, EventType.TASK_FAILED if task_id in doomed else EventType.TASK_COMPLETED] == 1
    journaled = Counter([event["type"] for event in await every_event(executor, execution_id)])
    assert journaled["task.started"] == sum(min(attempts, RETRIES + 1) for attempts in needed.values())
    assert (journaled["task.completed"], journaled["task.failed"]) == (398, 2)
    assert body["task_queue"]["completed_tasks"] / 400 > 0.95


async def every_event(executor: ParallelAgentExecutor, execution_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := await executor.executions.events(execution_id, after=found[-1]["sequence"] if found else 0):
        found += page
    return found


async def test_an_urgent_batch_goes_before_all_that_wait_of_a_large_one(executor: ParallelAgentExecutor) -> None:
    starts: list[str] = []
    at_once = 4

    def hear(event: Event) -> None:
        if event.type is EventType.TASK_STARTED:
            starts.append(str(event.task_id))

    executor.subscribe(hear)
    large: list[dict[str, Any]] = [
        {"agent_name": "naps", "task_id": f"large-{n}", "input_data": {}} for n in range(2000)
    ]
    urgent: list[dict[str, Any]] = [
        {"agent_name": "naps", "task_id": f"urgent-{n}", "input_data": {}, "priority": "urgent"} for n in range(10)
    ]
    one = await executor.submit_batch_tasks(large, max_concurrent=at_once)
    other = await executor.submit_batch_tasks(urgent, max_concurrent=at_once)
    before = len(starts)
    await executor.join(other)
    after = starts[before:]
    last = max(place for place, task_id in enumerate(after) if task_id.startswith("urgent"))
    # What the pool had already, and what the other slots take meanwhile: ten are the limit of all together.
    assert last < 10 + 10 + at_once
    assert body_of(await executor.get_execution_status(one))["task_queue"]["pending_tasks"] > 1900
    assert await executor.cancel_execution(one)


async def test_by_default_no_more_than_ten_processes_run_attempts(tmp_path: Path) -> None:
    running: set[int] = set()
    most = 0
    by_task: dict[str | None, int] = {}

    def hear(event: Event) -> None:
        nonlocal most
        if event.type is EventType.TASK_STARTED:
            by_task[event.task_id] = int(str(event.data["worker_pid"]))
            running.add(by_task[event.task_id])
            most = max(most, len(running))
        elif event.type is EventType.TASK_COMPLETED:
            running.discard(by_task.get(event.task_id, 0))

    async with ParallelAgentExecutor(settings=Settings(), journal=tmp_path / "j.sqlite3", environ={}) as executor:
        executor.register_agent("naps", f"{AGENTS}:naps")
        executor.subscribe(hear)
        naps: list[dict[str, Any]] = [{"agent_name": "naps", "input_data": {}}] * 60
        batches = [await executor.submit_batch_tasks(naps, max_concurrent=10) for _ in range(2)]
        for execution_id in batches:
            assert body_of(await executor.wait(execution_id))["overall_status"] == "completed"
    assert 2 <= most <= 10
