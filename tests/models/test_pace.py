"""Many calls through the gateway to a provider with limits, on a simulated clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Any

import pytest
from tests.models.parts import Attempt, DictLedger
from tests.models.simulated_provider import ENVIRON, MODEL, Engine, Server, clock, gateway_to, question
from tests.models.simulated_time import epoch, simulated

from parallel_agents.core.errors import LaneClosedError, TransientError
from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.models import ModelGateway

TASKS = 600


@pytest.mark.parametrize(
    ("latency_s", "retry_after_s", "ideal_s"),
    [(0.2, None, 29.2), (0.2, 1.0, 29.2), (0.1, 1.0, 29.1), (0.3, 0.5, TASKS / 5 * 0.325)],
)
def test_600_tasks_go_as_fast_as_the_limits_allow_and_hardly_a_request_is_refused(
    latency_s: float, retry_after_s: float | None, ideal_s: float
) -> None:
    """1,200 requests a minute, 20 of them at once at most, and 5 in flight."""
    server = Server(
        requests_per_minute=1200, at_once=5, latency_s=latency_s, jitter_s=0.05, retry_after_s=retry_after_s
    )

    async def play() -> None:
        async with gateway_to(server) as gateway:
            engine = Engine(gateway)
            assert await engine.run(TASKS) <= 1.08 * ideal_s
            assert gateway.lanes()[0].requests_per_minute == 1200
        assert server.statuses.count(200) == TASKS
        assert len(server.refused) < 0.02 * len(server.statuses)
        assert server.came_back_early() == []
        # No more attempts than calls that may leave, and the two that wait ahead.
        assert engine.peak <= 10

    simulated(play())


@pytest.mark.parametrize("latency_s", [0.3, 1.0])
def test_where_only_the_pace_is_limited_no_request_is_refused(latency_s: float) -> None:
    server = Server(requests_per_minute=1200, latency_s=latency_s, jitter_s=0.1)

    async def play() -> None:
        async with gateway_to(server) as gateway:
            await Engine(gateway).run(TASKS)
        assert server.refused == []

    simulated(play())


@pytest.mark.parametrize(
    "keys", [{"requests_per_minute": 60}, {"max_concurrent": 2}, {"output_tokens_per_minute": 2400}]
)
def test_configured_limits_are_kept(keys: dict[str, int]) -> None:
    server = Server(latency_s=0.5, output_tokens=40)

    async def play() -> None:
        async with gateway_to(server, **keys) as gateway:
            took_s = await Engine(gateway).run(40)
        if "max_concurrent" in keys:
            assert server.peak == 2
        else:
            # One a second, but for what goes at once in the beginning and what was estimated too high or too low.
            assert 25 <= took_s <= 55

    simulated(play())


def test_waiting_for_a_full_lane_is_no_work() -> None:
    """Answers take 60 s and two go at once: the last of eight waits three minutes, and its clock stands still."""
    server = Server(latency_s=60, at_once=2)

    async def play() -> None:
        async with gateway_to(server, max_concurrent=2) as gateway:
            attempts = [Attempt(MODEL, number, 1) for number in range(8)]
            async with asyncio.TaskGroup() as group:
                for attempt in attempts:
                    group.create_task(gateway.call(question(f"task {attempt.key}"), attempt))
        for number, attempt in enumerate(attempts):
            assert attempt.totals.generation_ms == pytest.approx(60_000)
            assert attempt.totals.waited_ms == pytest.approx(number // 2 * 60_000)
            assert attempt.waits == ([True, False] if number > 1 else [])

    simulated(play())


def test_a_quota_that_is_gone_is_asked_after_by_one_call_at_a_time_and_goes_on_when_it_is_back() -> None:
    server = Server(latency_s=1, quota=30)

    async def play() -> None:
        async with gateway_to(server) as gateway:
            changed = asyncio.Event()
            gateway.watch(changed.set)
            answered = await together(gateway, range(50))
            assert sum(answered) == 30
            asked, closed = len(server.times), gateway.closed(MODEL)
            assert closed is not None
            assert "quota" in closed.reason
            assert not await one(gateway, 99)
            assert len(server.times) == asked
            for looked in range(1, 3):
                await until_open(gateway, changed)
                # Those that come together: one asks, the others hear what it heard.
                assert not any(await together(gateway, range(50, 60)))
                assert len(server.times) == asked + looked
            server.quota = 1000
            await until_open(gateway, changed)
            assert all(await together(gateway, range(50, 100)))
        assert clock() - 1000 < 300

    simulated(play())


async def one(gateway: ModelGateway, number: int) -> bool:
    try:
        await gateway.call(question(f"task {number}"), Attempt(MODEL, number, 1))
    except (LaneClosedError, TransientError):
        return False
    return True


async def together(gateway: ModelGateway, numbers: Iterable[int]) -> list[bool]:
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(one(gateway, number)) for number in numbers]
    return [call.result() for call in calls]


async def until_open(gateway: ModelGateway, changed: asyncio.Event) -> None:
    while gateway.closed(MODEL) is not None:
        changed.clear()
        await changed.wait()


def test_after_a_resume_one_call_goes_first() -> None:
    server = Server(latency_s=5)

    async def play() -> None:
        async with gateway_to(server) as gateway:
            gateway.probe_first(MODEL)
            assert [gateway.may_start(MODEL, running) for running in (0, 1)] == [True, False]
            async with asyncio.TaskGroup() as group:
                for number in range(4):
                    group.create_task(one(gateway, number))
                await asyncio.sleep(1)
                assert server.in_flight == 1
        assert server.statuses == [200] * 4

    simulated(play())


def test_a_provider_that_is_down_is_left_alone_and_then_asked_by_one_call() -> None:
    server = Server(latency_s=1, is_down=True)

    async def play() -> None:
        async with gateway_to(server) as gateway:
            changed = asyncio.Event()
            gateway.watch(changed.set)
            await together(gateway, range(6))
            closed = gateway.closed(MODEL)
            assert closed is not None
            assert "the provider fails" in closed.reason
            asked = len(server.times)
            await until_open(gateway, changed)
            assert not await one(gateway, 7)
            assert len(server.times) == asked + 1
            server.is_down = False
            await until_open(gateway, changed)
            assert await one(gateway, 7)

    simulated(play())


def test_two_names_of_one_model_and_account_share_a_lane_and_other_accounts_do_not() -> None:
    async def play() -> None:
        names = ["openai:simulated", "openai: simulated", "openai:other"]
        chosen: dict[str, Any] = {"openai:other": ModelSettings(max_concurrent=3)}
        gateway = ModelGateway(
            Settings(models=chosen),
            DictLedger(),
            now=epoch,
            random=random.Random(0).random,
            environ=ENVIRON,
            build=lambda model, settings, environ, now: Server(lane=model),
        )
        await gateway.start(names)
        assert [(state.name, state.limit) for state in gateway.lanes()] == [
            ("openai:simulated", 8),
            ("openai:other", 3),
        ]
        await gateway.aclose()

    simulated(play())
