"""What a provider says of its cache of prompts comes with the answer, and what the answer cost."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import pytest
from aiohttp import web

from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.models import CallLedger, ModelGateway
from parallel_agents.ports.models import Caller, Message, ModelRequest

OPENAI: dict[str, Any] = {
    "id": "1",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 110,
        "prompt_tokens_details": {"cached_tokens": 60},
    },
}
ANTHROPIC: dict[str, Any] = {
    "id": "1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "a"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 25,
        "output_tokens": 10,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 15,
    },
}


class Scene(Protocol):
    """See conftest."""

    ledger: CallLedger

    def attempt(self, model: str, *, key: int | None = None, number: int = 1) -> Caller: ...

    def gateway(self, *models: str) -> AbstractAsyncContextManager[ModelGateway]: ...


@asynccontextmanager
async def answering(answer: dict[str, Any]) -> AsyncGenerator[str]:
    async def respond(_request: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.add_routes([web.post("/{tail:.*}", respond)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("model", "answer", "written", "cost"),
    [
        ("openai:m", OPENAI, None, (40 * 2 + 60 * 0.5 + 10 * 8) / 1e6),
        ("anthropic:m", ANTHROPIC, 15, (25 * 2 + 60 * 0.5 + 15 * 3 + 10 * 8) / 1e6),
    ],
)
async def test_cached_tokens_and_cost_come_with_the_answer(
    scene: Scene, model: str, answer: dict[str, Any], written: int | None, cost: float
) -> None:
    prices = ModelSettings(
        input_usd_per_million=2.0,
        output_usd_per_million=8.0,
        cached_input_usd_per_million=0.5,
        cache_write_usd_per_million=3.0,
    )
    async with answering(answer) as url:
        gateway = ModelGateway(
            Settings(models={model: prices}),
            scene.ledger,
            now=lambda: 1.8e9,
            random=lambda: 0.0,
            environ={"OPENAI_BASE_URL": url, "ANTHROPIC_BASE_URL": url},
        )
        await gateway.start([model])
        first, second = scene.attempt(model, key=1), scene.attempt(model, key=1, number=2)
        made = await gateway.call(ModelRequest(messages=(Message("user", "q"),)), first)
        kept = await gateway.call(ModelRequest(messages=(Message("user", "q"),)), second)
        await gateway.aclose()
    assert (made.input_tokens, made.cached_input_tokens, made.cache_write_tokens) == (100, 60, written)
    assert made.cost_usd == pytest.approx(cost)
    assert kept.cost_usd == made.cost_usd, "what an answer cost is kept with it"
    assert (first.totals.cached_input_tokens, first.totals.cost_usd, first.totals.unpriced) == (60, made.cost_usd, 0)
    assert second.totals.cost_usd is None, "it is paid once"
