"""Calls with one long prefix: the first warms the provider's prompt cache, the others hold until it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest
from tests.models.parts import DictLedger

from parallel_agents.core.errors import ItemError
from parallel_agents.core.outcome import CallTotals
from parallel_agents.core.settings import Settings
from parallel_agents.models import ModelGateway, providers
from parallel_agents.models.flights import Flight
from parallel_agents.models.spending import Spending
from parallel_agents.models.warming import Warming, is_long
from parallel_agents.ports.models import Caller, Message, ModelRequest

SYSTEM = "Explain it patiently, with an example. " * 150
MODELS = ["openai:sim", "anthropic:sim"]


class Attempt(Caller, Protocol):
    """See conftest."""

    waits: list[bool]


class Scene(Protocol):
    """See conftest."""

    url: str

    async def stats(self) -> dict[str, Any]: ...

    async def behave(self, **change: object) -> None: ...

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> None: ...

    def attempt(self, model: str, *, key: int | None = None, number: int = 1) -> Attempt: ...

    def gateway(self, *models: str) -> AbstractAsyncContextManager[ModelGateway]: ...


def asking(text: str, system: str = SYSTEM) -> ModelRequest:
    """Make a request with a long prefix."""
    return ModelRequest(messages=(Message("user", text),), system=system)


async def _eight_at_once(count: int, ask: Callable[[int], Any]) -> None:
    places = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with places:
            await ask(number)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))


@pytest.mark.parametrize("model", MODELS)
async def test_of_twenty_calls_eight_at_once_nineteen_find_their_prefix_in_the_cache(scene: Scene, model: str) -> None:
    await scene.behave(latency_s=0.3)
    attempts = [scene.attempt(model) for _ in range(20)]
    async with scene.gateway(model) as gateway:
        await _eight_at_once(20, lambda number: gateway.call(asking(f"{number}"), attempts[number]))
    seen = await scene.stats()
    one = (await _size_of_the_prefix(scene, model)) or 0
    assert one >= 1024
    assert seen["cached_input_tokens"] == 19 * one
    assert attempts[0].totals.waited_ms == 0
    # The seven beside the first stood still meanwhile, and were told so.
    assert [attempt.waits[:2] for attempt in attempts[1:8]] == [[True, False]] * 7


@pytest.mark.parametrize("model", MODELS)
async def test_without_warming_those_at_once_with_the_first_pay_in_full(scene: Scene, model: str) -> None:
    await scene.behave(latency_s=0.3)
    environ = {
        "OPENAI_BASE_URL": f"{scene.url}/v1",
        "OPENAI_API_KEY": "k",
        "ANTHROPIC_BASE_URL": scene.url,
        "ANTHROPIC_API_KEY": "k",
    }
    provider = await asyncio.to_thread(providers.build, model, Settings(), environ, lambda: 0.0)
    try:
        await _eight_at_once(20, lambda number: provider.complete(asking(f"{number}")))
    finally:
        await provider.aclose()
    seen = await scene.stats()
    one = (await _size_of_the_prefix(scene, model)) or 0
    assert seen["cached_input_tokens"] <= 12 * one


async def _size_of_the_prefix(scene: Scene, model: str) -> int:
    """Ask once more, and tell how many tokens were found."""
    before = (await scene.stats())["cached_input_tokens"]
    async with scene.gateway(model) as gateway:
        await gateway.call(asking("once more"), scene.attempt(model, key=10_000))
    return (await scene.stats())["cached_input_tokens"] - before


async def test_calls_with_a_short_prefix_are_never_held(scene: Scene) -> None:
    await scene.behave(latency_s=0.3)
    attempts = [scene.attempt("openai:sim") for _ in range(8)]
    async with scene.gateway("openai:sim") as gateway:
        await _eight_at_once(8, lambda number: gateway.call(asking(f"{number}", "short"), attempts[number]))
    assert (await scene.stats())["peak_in_flight"] == 8
    assert not any(attempt.waits for attempt in attempts)


async def test_a_warmer_that_fails_hands_its_part_on(scene: Scene) -> None:
    await scene.behave(latency_s=0.2, faults=[{"kind": "invalid", "matching": "bad"}])
    async with scene.gateway("openai:sim") as gateway:
        async with asyncio.TaskGroup() as group:
            bad = group.create_task(_caught(gateway.call(asking("bad"), scene.attempt("openai:sim"))))
            rest = [
                group.create_task(gateway.call(asking(f"{number}"), scene.attempt("openai:sim"))) for number in range(6)
            ]
        assert isinstance(bad.result(), ItemError)
        assert all(task.result().text for task in rest)
        seen = await scene.stats()
        assert seen["cached_input_tokens"] == 5 * await _size_of_the_prefix(scene, "openai:sim")


async def _caught(call: Any) -> Exception | None:
    try:
        await call
    except ItemError as error:
        return error
    return None


async def test_a_warmer_that_is_stopped_hands_its_part_on(scene: Scene) -> None:
    await scene.behave(faults=[{"kind": "hang", "matching": "first"}])
    async with scene.gateway("openai:sim") as gateway, asyncio.TaskGroup() as group:
        first = scene.attempt("openai:sim")
        hung = group.create_task(_gone(gateway.call(asking("first"), first)))
        await scene.until(lambda stats: stats["in_flight"] == 1)
        second = group.create_task(gateway.call(asking("second"), scene.attempt("openai:sim")))
        await gateway.abandon(first.key)
        assert (await second).text
        assert await hung


async def _gone(call: Any) -> str:
    with pytest.raises(Exception, match="dropped") as caught:
        await call
    return str(caught.value)


async def test_after_its_time_nobody_waits_for_a_slow_warmer_and_a_cold_prefix_is_warmed_again() -> None:
    now = 0.0
    warming = Warming(lambda: now, hold_s=0.01, forgotten_after_s=300)
    order: list[str] = []
    slow_ends = asyncio.Event()

    async def call(name: str, until: asyncio.Event | None = None) -> None:
        flight = _flight()
        async with warming.turn(asking(name), flight):
            flight.departs()
            order.append(name)
            if until is not None:
                await until.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(call("slow", slow_ends))
        await group.create_task(call("other"))
        assert order == ["slow", "other"]
        slow_ends.set()
    now = 299.0
    await call("within five minutes")
    now = 598.0
    still = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(call("warm", still))
        await group.create_task(call("beside it"))
        still.set()
    now = 1000.0
    ends = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(call("cold", ends))
        held = group.create_task(call("held"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert order[-1] == "cold"
        ends.set()
        await held
    assert order[-1] == "held"


def test_what_is_long_counts_the_schema_too() -> None:
    assert is_long(asking("x"))
    assert not is_long(asking("x " * 9000, "short"))


def _flight() -> Flight:
    spending = Spending(DictLedger(), origin="test", now=lambda: 1.0)
    return Flight((1, "h", 0), "openai:sim", _Nobody(), spending.toll("exec-1", 1))


class _Nobody:
    """A caller of whom nothing is asked."""

    key = 1
    execution_id = "exec-1"
    attempt = 1
    model = "openai:sim"

    def __init__(self) -> None:
        self.totals = CallTotals()

    def next_ordinal(self, request_hash: str) -> int:
        return 0

    def waiting(self, is_waiting: bool) -> None:
        raise AssertionError(f"nobody was told that it waits: {is_waiting}")
