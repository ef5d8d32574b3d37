from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.task import ReadyTask, Task
from parallel_agents.engine.attempt import RunningAttempt
from parallel_agents.engine.flow import MB, Flow
from parallel_agents.engine.queue import TaskQueueManager
from parallel_agents.engine.slowness import SlowWatch


class HandClock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def ready(key: int) -> ReadyTask:
    task = Task(
        task_id=f"task-{key}",
        position=key,
        agent_name="echo",
        input_data=msgspec.msgpack.encode({}),
        priority="normal",
        rank=2,
        timeout_s=60.0,
        retry_attempts=0,
        memory_mb=64,
    )
    return ReadyTask(key=key, execution_id="exec-1", task=task, attempt=0, charged=0, losses=0, final_round=False)


def working(key: int, clock: Callable[[], float]) -> RunningAttempt:
    attempt = RunningAttempt(ready(key), AgentRecord(name="echo", target="m:f"), b"", clock, model=None)
    attempt.clock.start()
    return attempt


class Alerts:
    """What a watch told, and a way to wait for it."""

    def __init__(self) -> None:
        self.told: list[tuple[int, float]] = []
        self._more = asyncio.Event()

    def __call__(self, attempt: RunningAttempt, threshold_s: float) -> None:
        self.told.append((attempt.key, threshold_s))
        self._more.set()

    async def until(self, number: int) -> None:
        async with asyncio.timeout(10):
            while len(self.told) < number:
                self._more.clear()
                await self._more.wait()


def test_no_more_is_handed_over_than_may_wait_for_a_worker() -> None:
    flow = Flow(max_unstarted=2, max_mb=1)
    flow.handed_over(1, 10)
    assert flow.has_room
    flow.handed_over(2, 10)
    assert not flow.has_room
    flow.began(1)
    assert flow.has_room


def test_an_attempt_that_ended_without_a_worker_waits_for_none() -> None:
    flow = Flow(max_unstarted=1, max_mb=1)
    flow.handed_over(1, 10)
    flow.ended(1, 0)
    assert flow.has_room


def test_inputs_weigh_until_the_attempt_ends_and_results_until_they_are_written_down() -> None:
    flow = Flow(max_unstarted=9, max_mb=1)
    flow.handed_over(1, MB)
    assert not flow.has_room
    flow.ended(1, 10)
    assert flow.has_room
    flow.handed_over(2, 10)
    flow.ended(2, MB)
    assert not flow.has_room
    flow.settled(2)
    flow.settled(1)
    assert flow.has_room


def test_an_input_above_the_bound_runs_alone() -> None:
    flow = Flow(max_unstarted=9, max_mb=0.5)
    assert flow.has_room
    flow.handed_over(1, 3 * MB)
    assert not flow.has_room
    flow.ended(1, 0)
    flow.settled(1)
    assert flow.has_room


async def test_waiting_for_a_model_is_not_running_long() -> None:
    now, alerts = HandClock(), Alerts()
    watch = SlowWatch(alerts, 0.02)
    waits, works = working(1, now), working(2, now)
    waits.clock.call_began()
    waits.clock.waiting(True)
    watch.began(waits)
    watch.began(works)
    now.seconds += 500
    await alerts.until(1)
    assert alerts.told == [(2, 0.02)]
    waits.clock.waiting(False)
    now.seconds += 500
    await alerts.until(2)
    assert alerts.told == [(2, 0.02), (1, 0.02)]
    watch.ended(waits)
    watch.ended(works)


async def test_an_attempt_that_has_ended_is_told_of_no_more() -> None:
    now, alerts = HandClock(), Alerts()
    watch = SlowWatch(alerts, 0.01)
    gone, stays = working(1, now), working(2, now)
    watch.began(gone)
    watch.ended(gone)
    watch.began(stays)
    now.seconds += 500
    await alerts.until(1)
    assert alerts.told == [(2, 0.01)]
    watch.ended(stays)


async def test_no_threshold_watches_nothing_and_leaves_no_timer() -> None:
    now, alerts = HandClock(), Alerts()
    watch = SlowWatch(alerts, 0.01)
    first, second = working(1, now), working(2, now)
    watch.began(first)
    watch.change(None)
    now.seconds += 500
    other = SlowWatch(alerts, 0.02)
    other.began(second)
    await alerts.until(1)
    assert alerts.told == [(2, 0.02)]
    watch.change(1.0)
    assert alerts.told == [(2, 0.02), (1, 1.0)]
    watch.ended(first)
    other.ended(second)


def test_a_queue_that_holds_tasks_keeps_its_order() -> None:
    queue = TaskQueueManager("fifo")
    queue.put(ready(1))
    with pytest.raises(ValueError, match="cannot change its order"):
        queue.reorder("lifo")
    queue.forget("exec-1")
    queue.reorder("lifo")
    queue.put(ready(2))
    queue.put(ready(3))
    taken = queue.take(lambda _execution, _agent, _depth: True)
    assert taken is not None
    assert taken.key == 3
