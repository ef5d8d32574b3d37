from __future__ import annotations

import asyncio

import msgspec
import pytest

from parallel_agents.core.settings import AiomultiprocessSettings, ContextIsolation, ParallelProcessing, Settings
from parallel_agents.engine.limits import Limits, limits_of
from parallel_agents.engine.workclock import WorkClock


class HandClock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_the_smallest_of_the_caps_counts() -> None:
    limits = Limits(overall=3)
    limits.cap_execution("e1", 2)
    limits.cap_agent("slow", 1)
    limits.acquire("e1", "slow")
    assert not limits.admits("e1", "slow")
    assert limits.admits("e1", "fast")
    limits.acquire("e1", "fast")
    assert not limits.admits("e1", "fast")
    assert limits.admits("e2", "fast")
    limits.acquire("e2", "fast")
    assert not limits.admits("e2", "fast")
    limits.release("e1", "slow")
    assert limits.admits("e2", "slow")


def test_an_agents_cap_holds_over_all_executions() -> None:
    limits = Limits(overall=10)
    limits.cap_agent("scoring", 1)
    limits.acquire("e1", "scoring")
    assert not limits.admits("e2", "scoring")


def test_each_level_has_a_cap_whether_it_is_an_agents_own_or_the_configured_one() -> None:
    processing = ParallelProcessing(
        max_concurrent_limit=8, max_coroutines=6, context_isolation=ContextIsolation(isolation_level="coroutine")
    )
    workers = AiomultiprocessSettings(max_workers=2)
    limits = limits_of(Settings(parallel_processing=processing, aiomultiprocess_settings=workers))
    for _ in range(2):
        assert limits.admits("e", "heavy", "process")
        limits.acquire("e", "heavy", "process")
    assert not limits.admits("e", "heavy", "process")
    assert not limits.was_full
    assert limits.admits("e", "light")
    limits.release("e", "heavy", "process")
    assert limits.admits("e", "other", "process")
    raised = msgspec.structs.replace(processing, max_coroutines=1)
    limits.change(Settings(parallel_processing=raised, aiomultiprocess_settings=workers))
    assert not limits.admits("e", "light")


def test_an_agent_that_names_the_configured_level_counts_with_those_that_name_none() -> None:
    isolation = ContextIsolation(isolation_level="coroutine")
    processing = ParallelProcessing(max_coroutines=500, max_concurrent_limit=1, context_isolation=isolation)
    limits = limits_of(Settings(parallel_processing=processing))
    limits.acquire("e", "a", "thread")
    assert not limits.admits("e", "b", "thread")
    limits.change(
        Settings(
            parallel_processing=msgspec.structs.replace(
                processing, context_isolation=ContextIsolation(isolation_level="thread")
            )
        )
    )
    assert not limits.admits("e", "b")
    limits.release("e", "a")
    assert limits.admits("e", "b", "thread")


async def test_waiting_for_a_lane_is_neither_work_nor_counted_against_the_limit() -> None:
    now = HandClock()
    clock = WorkClock(10.0, now)
    async with clock:
        clock.start()
        now.seconds += 2
        clock.call_began()
        clock.waiting(True)
        now.seconds += 500
        clock.waiting(False)
        now.seconds += 3
        clock.call_ended()
    assert clock.worked_s == pytest.approx(5.0)
    assert clock.waited_s == pytest.approx(500.0)
    assert not clock.expired


async def test_a_call_at_work_keeps_the_clock_going_while_another_waits() -> None:
    now = HandClock()
    clock = WorkClock(10.0, now)
    async with clock:
        clock.start()
        clock.call_began()
        clock.call_began()
        clock.waiting(True)
        now.seconds += 4
    assert clock.worked_s == pytest.approx(4.0)
    assert clock.waited_s == 0.0


async def test_a_clock_that_is_held_stands_still_from_a_start_that_comes_later() -> None:
    now = HandClock()
    clock = WorkClock(10.0, now)
    clock.hold(True)
    async with clock:
        clock.start()
        now.seconds += 500
        clock.call_began()
        clock.call_ended()
        now.seconds += 500
        clock.hold(False)
        now.seconds += 3
    assert clock.worked_s == pytest.approx(3.0)
    assert clock.waited_s == pytest.approx(1000.0)
    assert not clock.expired


async def endless(clock: WorkClock) -> None:
    async with clock:
        clock.start()
        await asyncio.Event().wait()


async def test_the_scope_ends_at_the_limit() -> None:
    clock = WorkClock(0.0, HandClock())
    with pytest.raises(TimeoutError):
        await endless(clock)
    assert clock.expired


async def test_a_stop_before_the_scope_was_entered_is_not_lost() -> None:
    clock = WorkClock(1000.0, HandClock())
    clock.stop()
    with pytest.raises(TimeoutError):
        await endless(clock)


async def stopped_while_a_call_waits(clock: WorkClock) -> None:
    async with clock:
        clock.start()
        clock.call_began()
        clock.waiting(True)
        clock.stop()
        clock.waiting(False)
        clock.call_ended()
        await asyncio.Event().wait()


async def test_a_stop_stands_even_when_a_waiting_call_goes_on_afterwards() -> None:
    with pytest.raises(TimeoutError):
        await stopped_while_a_call_waits(WorkClock(1000.0, HandClock()))


async def test_an_attempt_that_never_began_has_no_working_time() -> None:
    assert WorkClock(1.0, HandClock()).worked_s is None


async def held_and_stopped(clock: WorkClock) -> None:
    async with clock:
        clock.start()
        clock.hold(True)
        clock.stop()
        await asyncio.Event().wait()


async def test_a_stop_ends_a_held_clock_too() -> None:
    with pytest.raises(TimeoutError):
        await held_and_stopped(WorkClock(1000.0, HandClock()))
