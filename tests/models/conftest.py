from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from tests.models.parts import KEY, Attempt, DictLedger

from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.models import CallLedger, ModelGateway
from parallel_agents.simulator import Options, running


class Scene:
    """A simulated provider, and gateways that call it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.ledger = DictLedger()
        self._session = session
        self._keys = itertools.count(1)

    async def stats(self) -> dict[str, Any]:
        async with self._session.get(f"{self.url}/stats") as answer:
            return await answer.json()

    async def behave(self, **change: object) -> None:
        async with self._session.post(f"{self.url}/behaviour", data=json.dumps(change)) as answer:
            assert answer.status == 200, await answer.text()

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition(stats := await self.stats()):
            assert time.monotonic() < deadline, stats

    def attempt(self, model: str, *, key: int | None = None, number: int = 1) -> Attempt:
        return Attempt(model, next(self._keys) if key is None else key, number)

    @asynccontextmanager
    async def gateway(
        self, *models: str, ledger: CallLedger | None = None, timeout_s: float = 20.0
    ) -> AsyncGenerator[ModelGateway]:
        chosen = ModelSettings(timeout_seconds=timeout_s)
        gateway = ModelGateway(
            Settings(models={"openai": chosen, "anthropic": chosen}),
            ledger or self.ledger,
            now=lambda: datetime.now(UTC).timestamp(),
            random=lambda: 0.0,
            environ={
                "OPENAI_BASE_URL": f"{self.url}/v1",
                "OPENAI_API_KEY": KEY,
                "ANTHROPIC_BASE_URL": self.url,
                "ANTHROPIC_API_KEY": KEY,
            },
        )
        await gateway.start(models)
        try:
            yield gateway
        finally:
            await gateway.aclose()


@pytest.fixture
async def scene() -> AsyncGenerator[Scene]:
    async with running(Options()) as url, aiohttp.ClientSession() as session:
        yield Scene(url, session)
