"""Nobody pays twice: the ledger, joining, abandoning, and what is counted for whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from parallel_agents.core.errors import ItemError, JournalError, TransientError
from parallel_agents.core.execution import AgentRecord, ExecutionRecord
from parallel_agents.core.settings import Settings
from parallel_agents.core.task import Task
from parallel_agents.journal import SqliteJournal
from parallel_agents.models import CallLedger, ModelGateway
from parallel_agents.ports.models import Caller, Message, ModelRequest

MODEL = "openai:sim"
QUESTION = ModelRequest(messages=(Message("user", "什么是逆否命题？"),))
OTHER = ModelRequest(messages=(Message("user", "什么是否命题？"),))


class Attempt(Caller, Protocol):
    """See conftest."""

    waits: list[bool]
    is_held: asyncio.Event


class Ledger(CallLedger, Protocol):
    """See conftest."""

    calls: dict[tuple[int, str, int], bytes]
    is_slow: bool
    has_written: asyncio.Event

    def flush(self) -> None: ...


class Scene(Protocol):
    """See conftest."""

    ledger: Ledger

    async def stats(self) -> dict[str, Any]: ...

    async def behave(self, **change: object) -> None: ...

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> None: ...

    def attempt(self, model: str, *, key: int | None = None, number: int = 1) -> Attempt: ...

    def gateway(self, *models: str, ledger: CallLedger | None = None) -> AbstractAsyncContextManager[ModelGateway]: ...


async def test_the_next_attempt_is_served_from_the_ledger(scene: Scene) -> None:
    first, second = scene.attempt(MODEL, key=7), scene.attempt(MODEL, key=7, number=2)
    async with scene.gateway(MODEL) as gateway:
        made = await gateway.call(QUESTION, first)
        again = await gateway.call(QUESTION, second)
    assert (again.text, again.replayed, made.replayed) == (made.text, True, False)
    assert (second.totals.calls, second.totals.replayed) == (0, 1)
    # The first attempt has the tokens on its account already.
    assert second.totals.input_tokens is None
    assert list((await scene.stats())["by_prompt"].values()) == [1]


async def test_another_task_asks_for_itself(scene: Scene) -> None:
    async with scene.gateway(MODEL) as gateway:
        await gateway.call(QUESTION, scene.attempt(MODEL, key=1))
        await gateway.call(QUESTION, scene.attempt(MODEL, key=2))
    assert (await scene.stats())["requests"] == 2


async def test_the_same_question_twice_in_one_attempt_is_two_calls(scene: Scene) -> None:
    attempt = scene.attempt(MODEL)
    async with scene.gateway(MODEL) as gateway:
        for _ in range(2):
            assert not (await gateway.call(QUESTION, attempt)).replayed
    assert attempt.totals.calls == 2
    assert (await scene.stats())["requests"] == 2


async def test_an_answer_is_durable_before_it_is_handed_over(scene: Scene) -> None:
    scene.ledger.is_slow = True
    async with scene.gateway(MODEL) as gateway, asyncio.TaskGroup() as group:
        call = group.create_task(gateway.call(QUESTION, scene.attempt(MODEL)))
        await scene.ledger.has_written.wait()
        assert (await scene.stats())["answered"] == 1
        assert not call.done()
        scene.ledger.flush()
        assert (await call).text


async def test_a_dead_workers_call_goes_on_and_the_next_attempt_joins_it(scene: Scene) -> None:
    await scene.behave(latency_s=0.5)
    lost, next_one = scene.attempt(MODEL, key=3), scene.attempt(MODEL, key=3, number=2)
    async with scene.gateway(MODEL) as gateway, asyncio.TaskGroup() as group:
        waiter = group.create_task(gateway.call(QUESTION, lost))
        await scene.until(lambda seen: seen["in_flight"] == 1)
        waiter.cancel()
        response = await gateway.call(QUESTION, next_one)
    assert response.replayed
    assert (lost.totals.calls, next_one.totals.calls, next_one.totals.replayed) == (1, 0, 1)
    # Nobody else has had them.
    assert next_one.totals.output_tokens == response.output_tokens
    assert next_one.totals.generation_ms >= 490
    seen = await scene.stats()
    assert (seen["requests"], seen["cancelled"]) == (1, 0)


async def test_an_answer_that_lands_with_nobody_waiting_is_kept_and_counted_once(scene: Scene) -> None:
    await scene.behave(latency_s=0.2)
    attempts = [scene.attempt(MODEL, key=3, number=number) for number in (1, 2, 3)]
    async with scene.gateway(MODEL) as gateway, asyncio.TaskGroup() as group:
        waiter = group.create_task(gateway.call(QUESTION, attempts[0]))
        await scene.until(lambda seen: seen["in_flight"] == 1)
        waiter.cancel()
        await scene.ledger.has_written.wait()
        response = await gateway.call(QUESTION, attempts[1])
        await gateway.call(QUESTION, attempts[2])
    counted = [attempt.totals.output_tokens for attempt in attempts]
    assert counted == [None, response.output_tokens, None]
    assert (await scene.stats())["requests"] == 1


async def test_a_restarted_engine_pays_for_nothing_again_and_counts_what_was_paid(scene: Scene) -> None:
    async with scene.gateway(MODEL) as gateway:
        made = await gateway.call(QUESTION, scene.attempt(MODEL, key=9))
    after = scene.attempt(MODEL, key=9, number=2)
    async with scene.gateway(MODEL) as restarted:
        again = await restarted.call(QUESTION, after)
    assert again.text == made.text
    assert (after.totals.calls, after.totals.replayed) == (0, 1)
    assert after.totals.output_tokens == made.output_tokens
    assert (await scene.stats())["requests"] == 1


async def test_abandoning_a_task_drops_its_calls_and_no_other(scene: Scene) -> None:
    await scene.behave(latency_s=0.5)
    stopped, other = scene.attempt(MODEL, key=1), scene.attempt(MODEL, key=2)
    async with scene.gateway(MODEL) as gateway, asyncio.TaskGroup() as group:
        dropped = group.create_task(_outcome(gateway, stopped))
        kept = group.create_task(_outcome(gateway, other))
        await scene.until(lambda seen: seen["in_flight"] == 2)
        await gateway.abandon(1)
        assert isinstance(await dropped, TransientError)
        assert await kept is None
        await scene.until(lambda seen: seen["cancelled"] == 1)
    assert [key for key, _, _ in scene.ledger.calls] == [2]


async def test_an_abandoned_call_does_not_answer_the_next_attempt(scene: Scene) -> None:
    await scene.behave(faults=[{"kind": "hang"}])
    async with scene.gateway(MODEL) as gateway, asyncio.TaskGroup() as group:
        hung = group.create_task(gateway.call(QUESTION, scene.attempt(MODEL, key=5)))
        await scene.until(lambda seen: seen["in_flight"] == 1)
        hung.cancel()
        await gateway.abandon(5)
        fresh = await gateway.call(QUESTION, scene.attempt(MODEL, key=5, number=2))
    assert not fresh.replayed


async def test_abandoning_what_is_not_there_does_nothing(scene: Scene) -> None:
    async with scene.gateway(MODEL) as gateway:
        await gateway.abandon(404)
        assert (await gateway.call(QUESTION, scene.attempt(MODEL))).text


async def test_closing_drops_what_is_in_flight_from_any_task(scene: Scene) -> None:
    await scene.behave(latency_s=30)
    async with scene.gateway(MODEL) as gateway, asyncio.TaskGroup() as group:
        call = group.create_task(_outcome(gateway, scene.attempt(MODEL)))
        await scene.until(lambda seen: seen["in_flight"] == 1)
        group.create_task(gateway.aclose())
        assert isinstance(await call, TransientError)
        await gateway.aclose()
        with pytest.raises(RuntimeError, match="not running"):
            await gateway.call(QUESTION, scene.attempt(MODEL))


async def test_closing_before_starting_does_nothing(scene: Scene) -> None:
    gateway = ModelGateway(Settings(), scene.ledger, now=lambda: 1.0, random=lambda: 0.0, environ={})
    await gateway.aclose()


async def test_one_failing_call_takes_no_other_down(scene: Scene) -> None:
    await scene.behave(latency_s=0.2, faults=[{"kind": "invalid", "matching": "否命题？"}])
    async with scene.gateway(MODEL) as gateway, asyncio.TaskGroup() as group:
        good = group.create_task(gateway.call(ModelRequest(messages=(Message("user", "集合"),)), scene.attempt(MODEL)))
        bad = group.create_task(_outcome(gateway, scene.attempt(MODEL), OTHER))
        assert isinstance(await bad, ItemError)
        assert (await good).text


async def test_an_answer_that_cannot_be_kept_is_not_handed_over(scene: Scene, tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    journal.start()
    try:
        async with scene.gateway(MODEL, ledger=journal) as gateway:
            # No such task: the journal refuses the row.
            with pytest.raises(JournalError):
                await gateway.call(QUESTION, scene.attempt(MODEL, key=12345))
    finally:
        await journal.aclose()


async def test_the_real_journal_serves_a_later_process(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    texts: list[str] = []
    for number in (1, 2):
        journal = SqliteJournal(path)
        journal.start()
        try:
            if number == 1:
                await journal.submit(*_one_task())
            key = journal.read_now(lambda reader: reader.tasks("exec-0000000000000001"))[0].key
            async with scene.gateway(MODEL, ledger=journal) as gateway:
                response = await gateway.call(QUESTION, scene.attempt(MODEL, key=key, number=number))
                texts.append(response.text)
        finally:
            await journal.aclose()
    assert texts[0] == texts[1]
    assert (await scene.stats())["requests"] == 1


async def _outcome(gateway: ModelGateway, attempt: Attempt, request: ModelRequest = QUESTION) -> Exception | None:
    try:
        await gateway.call(request, attempt)
    except Exception as error:
        return error
    return None


def _one_task() -> tuple[ExecutionRecord, list[Task]]:
    at = time.time()  # noqa: TID251 - a test's own wiring
    agent = AgentRecord(name="a", target="m:run", model=MODEL)
    task = Task(
        task_id="task-0000000000000001",
        position=0,
        agent_name="a",
        input_data=b"\x80",
        priority="normal",
        rank=2,
        timeout_s=30,
        retry_attempts=3,
        memory_mb=64,
    )
    record = ExecutionRecord(
        execution_id="exec-0000000000000001",
        submitted_at=at,
        model=MODEL,
        max_concurrent=1,
        source=None,
        vault_root=None,
        settings=b"{}",
        agents=(agent,),
    )
    return record, [task]
