"""Lanes that close under an engine: the real gateway, a simulated provider on real HTTP, a journal in memory."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import msgspec
import pytest

from parallel_agents.core.events import Event, EventType
from parallel_agents.core.execution import AgentRecord, ExecutionRecord
from parallel_agents.core.settings import Settings
from parallel_agents.core.task import Task, TaskRecord
from parallel_agents.engine.engine import Engine
from parallel_agents.journal import SqliteJournal
from parallel_agents.models.gateway import ModelGateway
from parallel_agents.simulator import Options, running

AGENTS = Path(__file__).parents[1] / "workers" / "agents_under_test.py"
ONE, OTHER = "openai:one", "anthropic:other"
FIRST, SECOND = "exec-0000000000000001", "exec-0000000000000002"


class Bench(Protocol):
    """See conftest."""

    engine: Engine
    gateway: ModelGateway
    journal: SqliteJournal
    settings: Settings
    events: list[Event]

    def tasks(self, execution_id: str) -> list[TaskRecord]: ...

    def states(self, execution_id: str) -> list[str]: ...

    async def until(self, happened: Callable[[], bool]) -> None: ...


class Provider:
    """The simulated provider from outside."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    @property
    def environ(self) -> dict[str, str]:
        return {
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": "k",
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "k",
        }

    async def behave(self, **change: object) -> None:
        async with self._session.post(f"{self.url}/behaviour", data=json.dumps(change)) as answer:
            assert answer.status == 200, await answer.text()

    async def closes(self, matching: str = "", kind: str = "quota", **more: object) -> None:
        await self.behave(faults=[{"kind": kind, "count": 1000, "matching": matching, **more}])

    async def opens(self) -> None:
        await self.behave(clear_faults=True)

    async def stats(self) -> dict[str, Any]:
        async with self._session.get(f"{self.url}/stats") as answer:
            return await answer.json()


@asynccontextmanager
async def _provider() -> AsyncGenerator[Provider]:
    async with running(Options()) as url, aiohttp.ClientSession() as session:
        yield Provider(url, session)


@pytest.fixture
async def provider() -> AsyncGenerator[Provider]:
    async with _provider() as made:
        yield made


MakeBench = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
async def bench(make_bench: MakeBench, provider: Provider) -> AsyncGenerator[Bench]:
    async with make_bench(environ=provider.environ) as made:
        yield made


def agent(name: str, model: str | None, *, function: str = "asks", fallback: str | None = None) -> AgentRecord:
    return AgentRecord(name=name, target=f"{AGENTS}:{function}", model=model, fallback_model=fallback)


async def submit(bench: Bench, *agents: AgentRecord, each: int = 4, execution_id: str = FIRST, at_once: int = 2) -> str:
    """Submit `each` tasks of every agent, those of the first before those of the second."""
    record = ExecutionRecord(
        execution_id=execution_id,
        submitted_at=time.time(),  # noqa: TID251 - a test's own wiring
        max_concurrent=at_once,
        model=agents[0].model,
        source=None,
        vault_root=None,
        settings=msgspec.json.encode(bench.settings),
        agents=agents,
    )
    named = [(one.name, f"{one.name} {number}") for one in agents for number in range(each)]
    tasks = [
        Task(
            task_id=f"task-{position}",
            position=position,
            agent_name=name,
            input_data=msgspec.msgpack.encode({"text": text}),
            priority="normal",
            rank=2,
            timeout_s=30.0,
            retry_attempts=0,
            memory_mb=256,
        )
        for position, (name, text) in enumerate(named)
    ]
    await bench.engine.submit(record, tasks)
    return execution_id


def charged(bench: Bench, execution_id: str = FIRST) -> list[int]:
    return [task.charged for task in bench.tasks(execution_id)]


def kinds(bench: Bench, execution_id: str = FIRST) -> list[EventType]:
    wanted = {EventType.EXECUTION_PAUSED, EventType.EXECUTION_RESUMED}
    return [event.type for event in bench.events if event.type in wanted and event.execution_id == execution_id]


def record_of(bench: Bench, execution_id: str = FIRST) -> ExecutionRecord:
    record = bench.journal.read_now(lambda reader: reader.execution(execution_id))
    assert record is not None
    return record


async def open_lanes(bench: Bench, *models: str) -> None:
    """What a lane does by itself once its probe was answered."""
    await bench.gateway.start(models)


async def test_an_execution_pauses_once_nothing_of_it_can_start_and_says_why_and_until_when(
    bench: Bench, provider: Provider
) -> None:
    await provider.closes(retry_after_s=3600)
    before = time.time()  # noqa: TID251 - compared with what the journal says
    await bench.engine.wait(await submit(bench, agent("a", ONE)))
    record = record_of(bench)
    assert record.paused is not None
    assert record.paused.startswith("quota: openai:one")
    assert record.resume_at == pytest.approx(before + 3600, abs=30)
    assert bench.states(FIRST) == ["pending"] * 4
    assert set(charged(bench)) == {0}
    (paused,) = [event for event in bench.events if event.type is EventType.EXECUTION_PAUSED]
    assert paused.data["reason"] == record.paused
    assert str(paused.data["resume_at"]).endswith("Z")
    assert (await provider.stats())["requests"] <= 2


@pytest.mark.parametrize(("kind", "word"), [("billing", "billing"), ("auth", "auth"), ("model_gone", "model")])
async def test_the_reason_begins_with_one_word_for_what_it_is(
    bench: Bench, provider: Provider, kind: str, word: str
) -> None:
    await provider.closes(kind=kind)
    await bench.engine.wait(await submit(bench, agent("a", ONE)))
    assert str(record_of(bench).paused).partition(":")[0] == word


async def test_tasks_of_other_models_and_of_none_go_past_those_that_a_lane_holds_back(
    bench: Bench, provider: Provider
) -> None:
    await provider.closes(matching="held")
    free = agent("free", OTHER), agent("none", None, function="echo")
    await bench.engine.wait(await submit(bench, agent("held", ONE), *free))
    by_agent = {task.task.agent_name: task.state.value for task in bench.tasks(FIRST)}
    assert by_agent == {"held": "pending", "free": "completed", "none": "completed"}
    assert kinds(bench) == [EventType.EXECUTION_PAUSED]
    assert str(record_of(bench).paused).startswith("quota: openai:one")


async def test_many_tasks_that_are_held_back_do_not_fill_the_window(make_bench: MakeBench, provider: Provider) -> None:
    await provider.closes(matching="held")
    async with make_bench(environ=provider.environ, max_queue_size=10) as bench:
        await bench.engine.wait(await submit(bench, agent("held", ONE), agent("free", OTHER), each=30))
        states = [task.state.value for task in bench.tasks(FIRST)]
        assert states == ["pending"] * 30 + ["completed"] * 30


async def test_it_goes_on_by_itself_when_the_lane_opens_and_nothing_is_asked_twice(
    bench: Bench, provider: Provider
) -> None:
    await provider.closes()
    await bench.engine.wait(await submit(bench, agent("a", ONE), each=6))
    assert kinds(bench) == [EventType.EXECUTION_PAUSED]
    await provider.opens()
    await open_lanes(bench, ONE)
    await bench.engine.wait(FIRST, through_pauses=True)
    assert bench.states(FIRST) == ["completed"] * 6
    assert kinds(bench) == [EventType.EXECUTION_PAUSED, EventType.EXECUTION_RESUMED]
    assert (record_of(bench).paused, record_of(bench).resume_at) == (None, None)
    assert set(charged(bench)) == {1}
    assert (await provider.stats())["answered"] == 6


async def test_it_goes_on_by_itself_at_the_time_that_the_provider_gave(bench: Bench, provider: Provider) -> None:
    await provider.behave(faults=[{"kind": "quota", "count": 1, "retry_after_s": 0.05}])
    await bench.engine.wait(await submit(bench, agent("a", ONE), each=3, at_once=1), through_pauses=True)
    assert bench.states(FIRST) == ["completed"] * 3


async def test_all_executions_on_a_lane_pause_and_all_wake(bench: Bench, provider: Provider) -> None:
    await provider.closes()
    for execution_id in (FIRST, SECOND):
        await submit(bench, agent("a", ONE), execution_id=execution_id)
    for execution_id in (FIRST, SECOND):
        await bench.engine.wait(execution_id)
        assert str(record_of(bench, execution_id).paused).startswith("quota")
    await provider.opens()
    await open_lanes(bench, ONE)
    for execution_id in (FIRST, SECOND):
        await bench.engine.wait(execution_id, through_pauses=True)
        assert bench.states(execution_id) == ["completed"] * 4


async def test_a_pause_by_the_user_is_never_lifted_by_a_lane(bench: Bench, provider: Provider) -> None:
    await provider.closes()
    await bench.engine.wait(await submit(bench, agent("a", ONE)))
    assert await bench.engine.pause(FIRST)
    await bench.engine.wait(FIRST, through_pauses=True)
    await provider.opens()
    await open_lanes(bench, ONE)
    await submit(bench, agent("a", ONE), execution_id=SECOND)
    await bench.engine.wait(SECOND)
    assert bench.states(SECOND) == ["completed"] * 4
    assert (bench.states(FIRST), record_of(bench).paused) == (["pending"] * 4, "user")
    assert await bench.engine.unpause(FIRST)
    await bench.engine.wait(FIRST)
    assert bench.states(FIRST) == ["completed"] * 4


async def test_who_goes_on_while_the_lane_is_still_closed_asks_once_and_pauses_again(
    bench: Bench, provider: Provider
) -> None:
    await provider.closes()
    await bench.engine.wait(await submit(bench, agent("a", ONE), each=10, at_once=4))
    asked = (await provider.stats())["requests"]
    assert await bench.engine.unpause(FIRST)
    await bench.until(lambda: kinds(bench).count(EventType.EXECUTION_PAUSED) == 2)
    assert (await provider.stats())["requests"] == asked + 1


async def test_a_paused_execution_can_be_cancelled(bench: Bench, provider: Provider) -> None:
    await provider.closes()
    await bench.engine.wait(await submit(bench, agent("a", ONE)))
    assert await bench.engine.cancel(FIRST)
    await bench.engine.wait(FIRST, through_pauses=True)
    assert bench.states(FIRST) == ["cancelled"] * 4


async def test_the_fallback_answers_while_the_lane_of_the_first_model_is_closed(
    bench: Bench, provider: Provider
) -> None:
    # The fault is of the one model: what the other is asked holds the same words.
    await provider.behave(faults=[{"kind": "quota", "count": 1}])
    await bench.engine.wait(await submit(bench, agent("a", ONE, fallback=OTHER), at_once=1))
    assert bench.states(FIRST) == ["completed"] * 4
    models = [[attempt.model for attempt in task.attempts] for task in bench.tasks(FIRST)]
    assert models == [[ONE, OTHER], [OTHER], [OTHER], [OTHER]]
    assert kinds(bench) == []


async def test_it_pauses_when_the_lane_of_the_fallback_is_closed_too(bench: Bench, provider: Provider) -> None:
    await provider.closes()
    await bench.engine.wait(await submit(bench, agent("a", ONE, fallback=OTHER), at_once=1))
    assert bench.states(FIRST) == ["pending"] * 4
    assert set(charged(bench)) == {0}
    assert (await provider.stats())["requests"] == 2
