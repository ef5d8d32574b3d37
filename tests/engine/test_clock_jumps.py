"""The wall clock jumps by hours while tasks run and wait: nothing waits for hours, nothing lasts less than no time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest

from parallel_agents.core.events import Event, EventType
from parallel_agents.core.metrics import Timing
from parallel_agents.core.retry import MAX_DELAY_S
from parallel_agents.engine.engine import Engine
from parallel_agents.engine.steadyclock import SteadyClock
from parallel_agents.journal import SqliteJournal

HOURS = 2 * 3600.0
EXECUTION = "exec-0000000000000001"


class Bench(Protocol):
    """What `make_bench` gives; see conftest."""

    engine: Engine
    journal: SqliteJournal
    events: list[Event]

    async def submit(self, function: str, inputs: list[dict[str, Any]], **options: Any) -> str: ...

    def tasks(self, execution_id: str) -> list[Any]: ...

    def states(self, execution_id: str) -> list[str]: ...

    async def until(self, happened: Callable[[], bool]) -> None: ...


MakeBench = Callable[..., AbstractAsyncContextManager[Bench]]


class JumpingClock:
    """The machine's clocks, of which a test sets the wall clock and lets the other run ahead."""

    def __init__(self) -> None:
        self.set_by_s = 0.0
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s + self.set_by_s  # noqa: TID251 - a test's own wiring

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.mark.parametrize("jump_s", [-HOURS, HOURS], ids=["back", "forward"])
async def test_a_waiting_task_is_due_after_its_pause_whatever_the_wall_clock_does(
    make_bench: MakeBench, jump_s: float
) -> None:
    clock = JumpingClock()
    async with make_bench(clock=clock, task_retry_delay_seconds=0.5) as bench:
        execution_id = await bench.submit("raises", [{"text": "x"}], retry_attempts=1)
        await bench.until(lambda: any(event.type is EventType.TASK_RETRYING for event in bench.events))
        clock.set_by_s += jump_s
        async with asyncio.timeout(10):
            await bench.engine.wait(execution_id)
        (task,) = bench.tasks(execution_id)
        assert (task.state.value, task.attempt) == ("failed", 2)
        assert all(0 <= attempt.duration_ms < 10_000 for attempt in task.attempts)
        changes = bench.journal.read_now(lambda reader: reader.history(execution_id))
        assert [change.trigger for change in changes] == [
            "submitted",
            "started",
            "retry_scheduled",
            "due",
            "started",
            "gave_up",
        ]
        assert [change.sequence for change in changes] == sorted(change.sequence for change in changes)
        # The times are those of the wall clock, as anybody would have read them.
        assert (changes[3].at - changes[2].at) * jump_s > 0
        timing = Timing(0.0, 8, clock.now())
        timing.add(task)
        figures = timing.throughput()
        assert (figures.average_task_completion_time_ms is None) == (jump_s < 0)
        assert (timing.efficiency().concurrency_utilization or 0) >= 0


async def test_an_engine_that_takes_over_after_the_clock_was_set_back_waits_no_longer_than_a_pause(
    make_bench: MakeBench,
) -> None:
    clock = JumpingClock()
    async with make_bench(clock=clock, task_retry_delay_seconds=200) as bench:
        await bench.submit("raises", [{"text": "x"}], retry_attempts=1)
        await bench.until(lambda: any(event.type is EventType.TASK_RETRYING for event in bench.events))
        bench.engine.drain()
        journal = bench.journal
    journal.disown(EXECUTION)
    clock.set_by_s -= HOURS
    async with make_bench(clock=clock) as second:
        await second.engine.adopt(EXECUTION)
        assert second.states(EXECUTION) == ["waiting"]
        clock.ahead_s += MAX_DELAY_S + 1
        # Something else happens, and the engine looks again.
        other = await second.submit("echo", [{}], execution_id="exec-0000000000000002")
        await second.engine.wait(other)
        async with asyncio.timeout(10):
            await second.engine.wait(EXECUTION)
        assert second.states(EXECUTION) == ["failed"]


def test_a_steady_clock_follows_no_jump_and_catches_up_only_with_what_is_too_far_off() -> None:
    clock = JumpingClock()
    steady = SteadyClock(clock)
    begun = steady.now()
    clock.set_by_s += HOURS
    assert 0 <= steady.now() - begun < 60
    steady.catch_up(None)
    steady.catch_up(begun + MAX_DELAY_S - 1)
    assert 0 <= steady.now() - begun < 60
    steady.catch_up(begun + HOURS)
    assert 0 <= steady.now() - (begun + HOURS - MAX_DELAY_S) < 60
