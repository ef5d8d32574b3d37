"""Tasks that depend on others of their batch: in order, failure passed on, and brought back by a retry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.errors import TaskError
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.settings import ErrorHandling, ParallelProcessing, Settings, TaskQueue

AGENTS = Path(__file__).with_name("my_agents.py")
SETTINGS = Settings(
    parallel_processing=ParallelProcessing(task_queue=TaskQueue(task_retry_attempts=0, task_retry_delay_seconds=0.0))
)


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncGenerator[ParallelAgentExecutor]:
    async with make(tmp_path) as made:
        yield made


def make(folder: Path, settings: Settings = SETTINGS) -> ParallelAgentExecutor:
    executor = ParallelAgentExecutor(settings=settings, journal=folder / "journal.sqlite3", environ={})
    executor.register_agent("shout", f"{AGENTS}:shout")
    executor.register_agent("works_if", f"{AGENTS}:works_if_there_is_a_file")
    return executor


def shout(name: str, *depends_on: str, **more: Any) -> dict[str, Any]:
    return {
        "agent_name": "shout",
        "input_data": {"text": name},
        "task_id": name,
        "depends_on": list(depends_on),
        **more,
    }


def works_if(name: str, path: Path, *depends_on: str) -> dict[str, Any]:
    given = {"path": str(path)}
    return {"agent_name": "works_if", "input_data": given, "task_id": name, "depends_on": list(depends_on)}


def sessions_by_name(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {session["task_id"]: session for session in body["agent_execution_sessions"]}


def statuses(body: dict[str, Any]) -> dict[str, str]:
    return {name: session["status"] for name, session in sessions_by_name(body).items()}


async def test_nothing_starts_before_all_that_it_depends_on_is_completed(executor: ParallelAgentExecutor) -> None:
    # The last of all comes first and is urgent: what it waits for decides all the same.
    diamond = [
        shout("roof", "left", "right", priority="urgent"),
        shout("left", "ground"),
        shout("right", "ground", priority="high"),
        shout("ground", priority="low"),
    ]
    events: list[Event] = []
    executor.subscribe(events.append)

    execution_id = await executor.submit_batch_tasks(diamond, max_concurrent=4)
    body = body_of(await executor.wait(execution_id))

    assert body["overall_status"] == "completed"
    assert sessions_by_name(body)["roof"]["depends_on"] == ["left", "right"]
    assert "depends_on" not in sessions_by_name(body)["ground"]
    ended = [event.task_id for event in events if event.type is EventType.TASK_COMPLETED]
    assert (ended[0], ended[-1]) == ("ground", "roof")
    began = {event.task_id: at for at, event in enumerate(events) if event.type is EventType.TASK_STARTED}
    done = {event.task_id: at for at, event in enumerate(events) if event.type is EventType.TASK_COMPLETED}
    assert all(began[task["task_id"]] > done[name] for task in diamond for name in task["depends_on"])


async def test_a_failure_is_passed_on_and_a_retry_brings_everything_back(
    executor: ParallelAgentExecutor, tmp_path: Path
) -> None:
    switch = tmp_path / "开关.txt"
    tasks = [works_if("root", switch), shout("leaf", "root"), shout("leaf of leaf", "leaf"), shout("free")]
    events: list[Event] = []
    executor.subscribe(events.append)

    execution_id = await executor.submit_batch_tasks(tasks)
    body = body_of(await executor.wait(execution_id))

    assert body["overall_status"] == "completed_with_errors"
    assert statuses(body) == {"root": "failed", "leaf": "skipped", "leaf of leaf": "skipped", "free": "completed"}
    leaf = sessions_by_name(body)["leaf of leaf"]
    assert leaf["error_handling"]["not_run_because"] == "task 'root', which it depends on, did not succeed"
    assert (leaf["attempt"], leaf["result"]) == (0, None)
    skipped = {event.task_id: event.data["message"] for event in events if event.type is EventType.TASK_SKIPPED}
    assert skipped == {"leaf": "there is no file yet", "leaf of leaf": "there is no file yet"}

    switch.touch()
    assert await executor.retry_execution(execution_id, ["leaf of leaf"]) == 3
    body = body_of(await executor.wait(execution_id))

    assert body["overall_status"] == "completed"
    assert [session["attempt"] for session in body["agent_execution_sessions"]] == [2, 1, 1, 1]


async def test_a_retry_does_not_bring_back_what_something_else_still_holds(
    executor: ParallelAgentExecutor, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    tasks = [works_if("one", one), works_if("other", other), shout("of one", "one"), shout("of both", "one", "other")]
    execution_id = await executor.submit_batch_tasks(tasks)
    await executor.join(execution_id)

    one.touch()
    assert await executor.retry_execution(execution_id, ["one"]) == 2
    body = body_of(await executor.wait(execution_id))

    assert statuses(body) == {"one": "completed", "other": "failed", "of one": "completed", "of both": "skipped"}


async def test_the_final_round_of_a_task_comes_before_what_depends_on_it_is_given_up(tmp_path: Path) -> None:
    settings = Settings(
        parallel_processing=ParallelProcessing(
            task_queue=TaskQueue(task_retry_attempts=0), error_handling=ErrorHandling(fallback_strategy="retry")
        )
    )
    switch = tmp_path / "switch"
    async with make(tmp_path, settings) as executor:
        executor.subscribe(lambda event: switch.touch() if event.type is EventType.TASK_COMPLETED else None)
        tasks = [works_if("root", switch), shout("leaf", "root"), shout("free")]
        body = body_of(await executor.wait(await executor.submit_batch_tasks(tasks, max_concurrent=1)))

    assert body["overall_status"] == "completed"
    assert [session["attempt"] for session in body["agent_execution_sessions"]] == [2, 1, 1]


async def test_a_task_may_come_in_later_and_depend_on_what_came_before(
    executor: ParallelAgentExecutor, tmp_path: Path
) -> None:
    failed = executor_hears(executor, EventType.TASK_FAILED)
    async with executor.open_batch() as batch:
        await batch.submit(shout("first"))
        await batch.submit(shout("second", "first"))
        await batch.submit(works_if("fails", tmp_path / "never"))
        await failed()
        await batch.submit(shout("too late", "fails"))
    body = body_of(await executor.wait(batch.execution_id))

    assert statuses(body) == {"first": "completed", "second": "completed", "fails": "failed", "too late": "skipped"}


async def test_a_task_that_comes_in_later_cannot_depend_on_what_is_not_there(executor: ParallelAgentExecutor) -> None:
    batch = executor.open_batch()

    async def hand_in() -> None:
        async with batch:
            await batch.submit(shout("first"))
            await batch.submit(shout("second", "third"))

    with pytest.raises(TaskError, match="'third' is no task of this execution") as raised:
        await hand_in()
    assert raised.value.key == "depends_on"
    body = body_of(await executor.wait(batch.execution_id))
    assert statuses(body) == {"first": "completed"}


def executor_hears(executor: ParallelAgentExecutor, kind: EventType) -> Any:
    heard = asyncio.Event()
    executor.subscribe(lambda event: heard.set() if event.type is kind else None)
    return heard.wait
