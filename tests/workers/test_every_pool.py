"""What every pool does, whatever its workers are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
import pytest

from parallel_agents.core.errors import ItemError, LaneClosedError, TransientError
from parallel_agents.core.outcome import ErrorClass, Failed, Interrupted, Succeeded, WorkerIdentity
from parallel_agents.ports.models import ModelRequest, ModelResponse
from parallel_agents.ports.workers import Assignment, WorkerPool


class Ear(Protocol):
    """See conftest."""

    worker: WorkerIdentity | None
    heard: list[tuple[float | None, str]]
    requests: list[bytes]

    def started(self, worker: WorkerIdentity) -> None: ...

    async def call(self, request: bytes) -> bytes: ...

    def received(self) -> None: ...

    def progress(self, fraction: float | None, message: str) -> None: ...

    async def delegate(self, request: bytes) -> bytes: ...

    async def until(self, happened: Callable[[], bool]) -> None: ...


MakeEar = Callable[..., Ear]
MakeAssignment = Callable[..., Assignment]


def output(outcome: object) -> Any:
    assert isinstance(outcome, Succeeded), outcome
    return msgspec.msgpack.decode(outcome.output)


def failure(outcome: object) -> tuple[ErrorClass, str]:
    assert isinstance(outcome, Failed), outcome
    return outcome.error.error_class, outcome.error.message


def answering(text: str) -> Callable[[bytes], Awaitable[bytes]]:
    async def answer(request: bytes) -> bytes:
        asked = msgspec.msgpack.decode(request, type=ModelRequest)
        said = f"{text} {asked.messages[0].content}"
        return msgspec.msgpack.encode(ModelResponse(text=said, model="m", is_language_model=True))

    return answer


def failing(error: Exception) -> Callable[[bytes], Awaitable[bytes]]:
    async def answer(_request: bytes) -> bytes:
        raise error

    return answer


async def test_an_agent_gets_its_input_and_its_result_comes_back(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    link = ear()
    report = await any_pool.run(assignment("echo", 文="中文", n=[1, None, 2.5]), link)
    assert output(report.outcome)["input"] == {"文": "中文", "n": [1, None, 2.5]}
    assert link.worker is not None
    assert output(report.outcome)["pid"] == link.worker.pid


@pytest.mark.parametrize(
    ("agent", "kind", "words"),
    [
        ("raises", ErrorClass.TRANSIENT, "no good: x"),
        ("gives_up", ErrorClass.ITEM, "never"),
        ("exits_politely", ErrorClass.TRANSIENT, "3"),
        ("returns_a_list", ErrorClass.ITEM, "returned list"),
        ("returns_an_object", ErrorClass.ITEM, "cannot be kept"),
        ("not_async", ErrorClass.ITEM, "not an `async def`"),
        ("not_there", ErrorClass.ITEM, "no such name"),
    ],
)
async def test_every_way_to_fail_is_an_outcome(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar, agent: str, kind: ErrorClass, words: str
) -> None:
    report = await any_pool.run(assignment(agent, text="x"), ear())
    found, message = failure(report.outcome)
    assert found is kind
    assert words in message
    assert output((await any_pool.run(assignment("echo"), ear())).outcome)["input"] == {}


async def test_an_unscored_result_has_a_reason_and_no_output(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    report = await any_pool.run(assignment("unscored"), ear())
    assert report.outcome == Succeeded(output=b"\x80", status="unscored", reason="cannot judge")


async def test_a_model_call_is_answered_by_the_engine(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    report = await any_pool.run(assignment("asks", text="什么是命题？"), ear(answering("answer to")))
    assert output(report.outcome) == {"answer": "answer to 什么是命题？"}


async def test_an_agent_can_catch_the_error_of_a_call(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    report = await any_pool.run(assignment("catches_a_model_error"), ear(failing(ItemError("refused"))))
    assert output(report.outcome) == {"caught": "refused"}


async def test_an_error_that_is_not_caught_keeps_its_class(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    report = await any_pool.run(assignment("asks", text="x"), ear(failing(TransientError("busy"))))
    assert failure(report.outcome) == (ErrorClass.TRANSIENT, "busy")


async def test_a_closed_lane_takes_the_attempt_back_even_from_an_agent_that_catches_everything(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    closed = LaneClosedError("openai:x", "quota is used up", 12.5)
    async with asyncio.timeout(20):
        report = await any_pool.run(assignment("ignores_everything_a_call_raises"), ear(failing(closed)))
    assert isinstance(report.outcome, Interrupted)
    assert (report.outcome.reason, report.outcome.resume_at) == ("lane_closed", 12.5)
    assert "quota" in report.outcome.detail


async def test_progress_is_passed_on_within_its_bounds(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    link = ear()
    await any_pool.run(assignment("reports"), link)
    assert link.heard == [(0.5, "half"), (1.0, "more than all")]


async def test_five_megabytes_come_back_whole(any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar) -> None:
    report = await any_pool.run(assignment("returns_much", bytes=5_000_000), ear())
    assert len(output(report.outcome)["text"].encode()) == 4_999_998


async def test_a_cancelled_run_is_over_when_it_returns(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    link = ear()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(any_pool.run(assignment("hangs"), link))
        await link.until(lambda: bool(link.heard))
        running.cancel()
    assert running.cancelled()
    assert output((await any_pool.run(assignment("echo"), ear())).outcome)["attempt"] == 1


async def test_many_attempts_at_once_get_their_own_results(
    any_pool: WorkerPool, assignment: MakeAssignment, ear: MakeEar
) -> None:
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(any_pool.run(assignment("echo", n=number), ear())) for number in range(100)]
    assert [output(run.result().outcome)["input"]["n"] for run in runs] == list(range(100))
