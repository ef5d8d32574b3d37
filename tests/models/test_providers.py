"""Every provider behind the gateway, through its official client, against the simulated provider."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

import jsonschema
import pytest

from parallel_agents.core.errors import AttemptError, ItemError, LaneClosedError, TransientError
from parallel_agents.models import ModelGateway
from parallel_agents.ports.models import Caller, Message, ModelRequest, OutputSchema

KEY = "sk-planted-5f1c0e"
MODELS = ("openai:sim", "anthropic:sim")
QUESTION = ModelRequest(messages=(Message("user", "什么是逆否命题？"),), system="回答问题。")
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["sub_questions"],
    "properties": {
        "sub_questions": {
            "type": "array",
            "minItems": 3,
            "maxItems": 7,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["text", "type", "difficulty", "guidance"],
                "properties": {
                    "text": {"type": "string"},
                    "type": {"enum": ["定义型", "实例型", "对比型", "探索型"]},
                    "difficulty": {"const": "基础"},
                    "guidance": {"type": "string", "pattern": "^(|💡 提示：.+)$"},
                },
            },
        }
    },
}


class Attempt(Caller, Protocol):
    """See conftest."""

    waits: list[bool]
    is_held: asyncio.Event


class Scene(Protocol):
    """See conftest."""

    async def stats(self) -> dict[str, Any]: ...

    async def behave(self, **change: object) -> None: ...

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> None: ...

    def attempt(self, model: str, *, key: int | None = None, number: int = 1) -> Attempt: ...

    def gateway(self, *models: str, timeout_s: float = 20.0) -> AbstractAsyncContextManager[ModelGateway]: ...


every_provider = pytest.mark.parametrize("model", MODELS)


@every_provider
async def test_an_answer_comes_with_the_providers_own_figures(scene: Scene, model: str) -> None:
    attempt = scene.attempt(model)
    async with scene.gateway(model) as gateway:
        response = await gateway.call(QUESTION, attempt)
    assert "模拟" in response.text
    assert (response.model, response.is_language_model, response.replayed) == (model, True, False)
    assert response.finish_reason in {"stop", "end_turn"}
    # 13 Chinese characters and marks, and one line break between the turns.
    assert response.input_tokens == 14
    assert response.output_tokens is not None
    totals = attempt.totals
    assert (totals.calls, totals.replayed, totals.model) == (1, 0, model)
    assert (totals.input_tokens, totals.output_tokens) == (response.input_tokens, response.output_tokens)
    assert totals.generation_ms == pytest.approx(response.duration_ms)
    assert totals.generation_ms > 0
    assert attempt.waits == []


@every_provider
async def test_a_schema_is_asked_for_and_the_answer_fits_it(scene: Scene, model: str) -> None:
    async with scene.gateway(model) as gateway:
        request = ModelRequest(messages=QUESTION.messages, output=OutputSchema("sub questions", SCHEMA))
        response = await gateway.call(request, scene.attempt(model))
    answer = json.loads(response.text)
    jsonschema.validate(answer, SCHEMA)
    questions = answer["sub_questions"]
    assert len({question["text"] for question in questions}) == len(questions)
    assert len({question["type"] for question in questions}) >= 3


@every_provider
async def test_an_answer_cut_by_max_tokens_says_so(scene: Scene, model: str) -> None:
    async with scene.gateway(model) as gateway:
        request = ModelRequest(messages=QUESTION.messages, max_tokens=5)
        response = await gateway.call(request, scene.attempt(model))
    assert response.finish_reason in {"length", "max_tokens"}
    assert response.output_tokens == 5


@every_provider
async def test_a_rate_limit_holds_the_whole_lane_and_reaches_no_agent(scene: Scene, model: str) -> None:
    await scene.behave(faults=[{"kind": "rate_limit", "retry_after_s": 0.3}])
    first, second = scene.attempt(model), scene.attempt(model)
    async with scene.gateway(model) as gateway, asyncio.TaskGroup() as group:
        group.create_task(gateway.call(QUESTION, first))
        await first.is_held.wait()
        await gateway.call(QUESTION, second)
    for attempt in (first, second):
        assert attempt.waits == [True, False]
        assert attempt.totals.calls == 1
    assert first.totals.waited_ms >= 290
    seen = await scene.stats()
    assert seen["by_status"] == {"429": 1, "200": 2}


@every_provider
async def test_a_long_pause_closes_the_lane_until_then(scene: Scene, model: str) -> None:
    await scene.behave(faults=[{"kind": "rate_limit", "retry_after_s": 3600}])
    before = datetime.now(UTC).timestamp()
    async with scene.gateway(model) as gateway:
        with pytest.raises(LaneClosedError, match="3600 s") as caught:
            await gateway.call(QUESTION, scene.attempt(model))
    assert caught.value.resume_at is not None
    assert 3600 <= caught.value.resume_at - before < 3660


@every_provider
@pytest.mark.parametrize("kind", ["error", "overloaded", "malformed", "empty", "cut"])
async def test_a_passing_fault_is_tried_again(scene: Scene, model: str, kind: str) -> None:
    await scene.behave(faults=[{"kind": kind}])
    attempt = scene.attempt(model)
    async with scene.gateway(model) as gateway:
        response = await gateway.call(QUESTION, attempt)
    assert "模拟" in response.text
    assert (await scene.stats())["requests"] == 2
    assert attempt.totals.calls == 1
    # Between the tries it waited, and that is not work.
    assert attempt.waits == [True, False]
    assert attempt.totals.waited_ms >= 240


@every_provider
@pytest.mark.parametrize(
    ("kind", "says"),
    [("error", "HTTP 500"), ("malformed", "cannot be read"), ("empty", "cannot be read"), ("cut", "disconnected")],
)
async def test_a_lasting_fault_fails_after_three_tries(scene: Scene, model: str, kind: str, says: str) -> None:
    await scene.behave(faults=[{"kind": kind, "count": 9}])
    async with scene.gateway(model) as gateway:
        with pytest.raises(TransientError, match=says):
            await gateway.call(QUESTION, scene.attempt(model))
    assert (await scene.stats())["requests"] == 3


@every_provider
async def test_a_provider_that_never_answers_is_given_up(scene: Scene, model: str) -> None:
    await scene.behave(faults=[{"kind": "hang", "count": 9}])
    async with scene.gateway(model, timeout_s=0.2) as gateway:
        with pytest.raises(TransientError, match="timeout_seconds"):
            await gateway.call(QUESTION, scene.attempt(model))
    await scene.until(lambda seen: seen["cancelled"] == 3 and seen["in_flight"] == 0)


@every_provider
@pytest.mark.parametrize("kind", ["auth", "forbidden", "billing", "quota", "model_gone"])
async def test_a_lane_that_cannot_serve_closes_for_everybody(scene: Scene, model: str, kind: str) -> None:
    await scene.behave(faults=[{"kind": kind}])
    async with scene.gateway(model) as gateway:
        for _ in range(2):
            with pytest.raises(LaneClosedError, match=model):
                await gateway.call(QUESTION, scene.attempt(model))
        assert (await scene.stats())["requests"] == 1
        await gateway.start([model])
        assert (await gateway.call(QUESTION, scene.attempt(model))).text


@every_provider
@pytest.mark.parametrize("kind", ["invalid", "too_large"])
async def test_a_refused_request_is_not_sent_again(scene: Scene, model: str, kind: str) -> None:
    await scene.behave(faults=[{"kind": kind, "message": "simulated: the prompt is wrong"}])
    async with scene.gateway(model) as gateway:
        with pytest.raises(ItemError, match="the prompt is wrong"):
            await gateway.call(QUESTION, scene.attempt(model))
        assert (await gateway.call(QUESTION, scene.attempt(model))).text
    assert (await scene.stats())["requests"] == 2


@every_provider
@pytest.mark.parametrize("kind", ["auth", "error", "invalid"])
async def test_a_key_that_the_provider_echoes_is_shown_nowhere(
    scene: Scene, model: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.behave(faults=[{"kind": kind, "count": 9, "message": f"Incorrect API key provided: {KEY}"}])
    with caplog.at_level(logging.DEBUG):
        async with scene.gateway(model) as gateway:
            with pytest.raises(AttemptError) as caught:
                await gateway.call(QUESTION, scene.attempt(model))
    told = "".join(traceback.format_exception(caught.value))
    assert r"Incorrect API key provided: [key]" in told
    assert KEY not in told
    assert KEY not in caplog.text
