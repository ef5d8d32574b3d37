"""Agents that hand in tasks of their own and wait for them: no pool is stalled, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.api import agents_that_delegate
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.settings import (
    AgentSettings,
    AiomultiprocessSettings,
    ContextIsolation,
    IsolationLevel,
    ParallelProcessing,
    ProcessPool,
    Settings,
    TaskQueue,
)

AGENTS = Path(agents_that_delegate.__file__)
NAMES = [
    "leaf",
    "sums",
    "digs",
    "spreads",
    "tells",
    "two_at_a_time",
    "asks_for_nonsense",
    "dies_once",
    "waits_for_a_file",
    "waits_for_those_who_wait",
]


def settings_of(*, most: int = 10, workers: int = 10, level: IsolationLevel = "process", **more: Any) -> Settings:
    return Settings(
        parallel_processing=ParallelProcessing(
            max_concurrent_limit=most,
            default_max_concurrent=min(most, 8),
            process_pool=ProcessPool(worker_processes=1),
            context_isolation=ContextIsolation(isolation_level=level, **more.pop("isolation", {})),
            task_queue=TaskQueue(task_retry_attempts=1, task_retry_delay_seconds=0.0, **more.pop("queue", {})),
            **more,
        ),
        aiomultiprocess_settings=AiomultiprocessSettings(max_workers=max(workers, most)),
    )


@asynccontextmanager
async def an_executor(folder: Path, settings: Settings) -> AsyncGenerator[ParallelAgentExecutor]:
    async with ParallelAgentExecutor(settings=settings, journal=folder / "日志.sqlite3", environ={}) as executor:
        for name in NAMES:
            executor.register_agent(name, f"{AGENTS}:{name}")
        async with asyncio.timeout(60):
            yield executor


def one(agent: str, **given: Any) -> dict[str, Any]:
    return {"agent_name": agent, "input_data": given}


async def ran(executor: ParallelAgentExecutor, tasks: list[dict[str, Any]], at_once: int | None = None) -> Any:
    return body_of(await executor.wait(await executor.submit_batch_tasks(tasks, at_once)))


def outputs(body: dict[str, Any]) -> list[Any]:
    """Of the tasks that were submitted."""
    return [
        session["result"] and session["result"]["output_data"]
        for session in body["agent_execution_sessions"]
        if "parent_task_id" not in session
    ]


class Gauge:
    """Counts the attempts that have begun, by agent."""

    def __init__(self) -> None:
        self.started: Counter[str] = Counter()

    def hear(self, event: Event) -> None:
        if event.type is EventType.TASK_STARTED:
            self.started[str(event.data["agent"])] += 1


@pytest.mark.parametrize("level", ["process", "thread", "coroutine"])
@pytest.mark.parametrize("at_once", [1, 3])
async def test_tasks_of_tasks_run_though_every_place_is_taken_by_one_that_waits(
    tmp_path: Path, level: IsolationLevel, at_once: int
) -> None:
    async with an_executor(tmp_path, settings_of(most=at_once, workers=at_once, level=level)) as executor:
        body = await ran(executor, [one("sums", numbers=[base, base + 1, base + 2]) for base in range(4)], at_once)

    assert body["overall_status"] == "completed"
    assert [output["sum"] for output in outputs(body)] == [3, 6, 9, 12]
    children = [session for session in body["agent_execution_sessions"] if "parent_task_id" in session]
    parents = [session["task_id"] for session in body["agent_execution_sessions"][:4]]
    assert Counter(child["parent_task_id"] for child in children) == dict.fromkeys(parents, 3)
    assert body["task_queue"]["total_tasks"] == 16


async def test_a_task_may_dig_twenty_deep_with_one_place(tmp_path: Path) -> None:
    async with an_executor(tmp_path, settings_of(most=1)) as executor:
        body = await ran(executor, [one("digs", left=20)], 1)

    assert outputs(body) == [{"depth": 20}]
    assert body["task_queue"]["completed_tasks"] == 21


async def test_one_that_digs_for_ever_is_refused_in_the_end(tmp_path: Path) -> None:
    async with an_executor(tmp_path, settings_of(most=2, level="coroutine", max_coroutines=2)) as executor:
        body = await ran(executor, [one("digs", left=1000)], 2)

    assert body["overall_status"] == "failed"
    messages = {
        line["message"]
        for session in body["agent_execution_sessions"]
        for line in session["error_handling"]["error_history"]
    }
    assert messages == {"tasks hand in others at most 64 deep"}


async def test_a_tree_of_tasks_whose_agent_may_run_once_at_a_time_comes_to_its_end(tmp_path: Path) -> None:
    settings = settings_of(most=4, agent_configs={"spreads": AgentSettings(max_concurrent=1)})
    async with an_executor(tmp_path, settings) as executor:
        body = await ran(executor, [one("spreads", left=2, which=which) for which in range(3)], 4)

    assert outputs(body) == [{"leaves": 9}] * 3


async def test_an_input_that_fills_the_way_does_not_hold_up_what_its_task_waits_for(tmp_path: Path) -> None:
    settings = settings_of(most=2, isolation={"shared_memory_size_mb": 0.0001})
    async with an_executor(tmp_path, settings) as executor:
        body = await ran(executor, [one("sums", numbers=[1, 2], ballast="甲" * 5000)], 2)

    assert [output["sum"] for output in outputs(body)] == [3]


async def test_of_many_that_will_wait_fewer_than_twice_as_many_have_begun_as_may_run(tmp_path: Path) -> None:
    waiting: set[str] = set()
    most_waiting = 0

    async with an_executor(tmp_path, settings_of(most=2)) as executor:

        def hear(event: Event) -> None:
            nonlocal most_waiting
            if event.type is EventType.TASK_STARTED and event.data["agent"] == "sums":
                waiting.add(str(event.task_id))
                most_waiting = max(most_waiting, len(waiting))
            if event.type is EventType.TASK_COMPLETED:
                waiting.discard(str(event.task_id))

        executor.subscribe(hear)
        body = await ran(executor, [one("sums", numbers=[number]) for number in range(20)], 2)

    assert [output["sum"] for output in outputs(body)] == list(range(20))
    assert most_waiting < 4


async def test_the_one_who_waits_is_told_how_each_ended(tmp_path: Path) -> None:
    async with an_executor(tmp_path, settings_of()) as executor:
        body = await ran(executor, [one("tells")])

    assert outputs(body) == [{"good": ["completed", 1], "bad": ["failed", "leaf 2 fails", None]}]
    assert body["overall_status"] == "completed_with_errors"


async def test_an_agent_may_hand_in_twice_at_once(tmp_path: Path) -> None:
    async with an_executor(tmp_path, settings_of(most=1)) as executor:
        body = await ran(executor, [one("two_at_a_time")], 1)

    assert outputs(body) == [{"numbers": [1, 2]}]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"agent_name": "nobody", "input_data": {}}, "'nobody'"),
        ({"agent_name": "leaf", "input": {}}, "'input'"),
        ({"agent_name": "leaf", "input_data": {}, "task_id": "mine"}, "has no task_id of its own"),
        ({"agent_name": "leaf", "input_data": {}, "depends_on": ["x"]}, "has no depends_on of its own"),
    ],
)
async def test_a_wrong_task_fails_the_one_that_handed_it_in_and_is_not_tried_again(
    tmp_path: Path, task: dict[str, Any], words: str
) -> None:
    async with an_executor(tmp_path, settings_of()) as executor:
        body = await ran(executor, [one("asks_for_nonsense", task=task)])

    (session,) = body["agent_execution_sessions"]
    (line,) = session["error_handling"]["error_history"]
    assert line["class"] == "item"
    assert words in line["message"]


async def test_what_was_done_for_a_task_is_not_done_again_when_its_worker_dies(tmp_path: Path) -> None:
    gauge = Gauge()
    async with an_executor(tmp_path, settings_of()) as executor:
        executor.subscribe(gauge.hear)
        body = await ran(executor, [one("dies_once")])

    assert body["overall_status"] == "completed"
    assert gauge.started == {"dies_once": 2, "leaf": 3}
    assert body["task_queue"]["total_tasks"] == 4


def until(executor: ParallelAgentExecutor, happened: Callable[[Event], bool]) -> asyncio.Event:
    heard = asyncio.Event()
    executor.subscribe(lambda event: heard.set() if happened(event) else None)
    return heard


async def test_a_pause_takes_those_back_that_wait_for_what_does_not_start(tmp_path: Path) -> None:
    opened = tmp_path / "open"
    async with an_executor(tmp_path, settings_of(most=1)) as executor:
        below_runs = until(
            executor, lambda event: event.type is EventType.TASK_PROGRESS and event.data["message"] == "waiting"
        )
        execution_id = await executor.submit_batch_tasks([one("waits_for_those_who_wait", path=str(opened))], 1)
        await below_runs.wait()
        assert await executor.pause_execution(execution_id)
        opened.touch()
        await executor.join(execution_id)
        status = body_of(await executor.get_execution_status(execution_id))
        assert (status["overall_status"], status["task_queue"]["completed_tasks"]) == ("paused", 2)
        await executor.resume_execution(execution_id)
        body = body_of(await executor.wait(execution_id))

    assert body["overall_status"] == "completed"
    (output,) = outputs(body)
    assert (output["first"]["number"], output["statuses"]) == (7, ["completed", "completed"])
    first, *below = body["agent_execution_sessions"]
    assert [line["charged"] for line in first["error_handling"]["error_history"]] == [False]
    assert [session["attempt"] for session in below] == [1, 1, 1]


async def test_another_engine_goes_on_with_what_one_left_in_the_middle(tmp_path: Path) -> None:
    opened = tmp_path / "open"
    async with an_executor(tmp_path, settings_of(most=3)) as executor:
        below_runs = until(
            executor, lambda event: event.type is EventType.TASK_PROGRESS and event.data["message"] == "waiting"
        )
        execution_id = await executor.submit_batch_tasks([one("waits_for_those_who_wait", path=str(opened))], 3)
        await below_runs.wait()
    opened.touch()

    gauge = Gauge()
    async with an_executor(tmp_path, settings_of(most=3)) as executor:
        executor.subscribe(gauge.hear)
        await executor.resume_execution(execution_id)
        body = body_of(await executor.wait(execution_id))

    assert body["overall_status"] == "completed"
    assert body["task_queue"]["total_tasks"] == 4
    assert gauge.started == {"waits_for_those_who_wait": 1, "waits_for_a_file": 2}


async def test_a_cancel_ends_those_that_wait_and_what_they_wait_for(tmp_path: Path) -> None:
    async with an_executor(tmp_path, settings_of(most=2)) as executor:
        below_runs = until(
            executor, lambda event: event.type is EventType.TASK_PROGRESS and event.data["message"] == "waiting"
        )
        task = one("waits_for_those_who_wait", path=str(tmp_path / "never"))
        execution_id = await executor.submit_batch_tasks([task], 2)
        await below_runs.wait()
        assert await executor.cancel_execution(execution_id)
        body = body_of(await executor.get_execution_results(execution_id))

    assert body["overall_status"] == "cancelled"
    assert (body["task_queue"]["cancelled_tasks"], body["task_queue"]["completed_tasks"]) == (3, 1)
