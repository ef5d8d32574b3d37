"""Plain HTTP to a simulated provider, with the headers of its answers."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from parallel_agents.simulator import Options, running


class Reply(msgspec.Struct, frozen=True):
    """An answer of any status; `body` is None where it is no JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Caller:
    """One client with a key of its own."""

    def __init__(self, url: str, session: aiohttp.ClientSession, key: str = "k") -> None:
        self.url = url
        self.session = session
        self.key = key

    async def openai(self, text: str = "hello", *, system: str = "", model: str = "m", **more: Any) -> Reply:
        """Ask in OpenAI's protocol."""
        messages = [{"role": "user", "content": text}]
        if system:
            messages.insert(0, {"role": "system", "content": system})
        return await self.post("/v1/chat/completions", {"model": model, "messages": messages, **more})

    async def anthropic(self, text: str = "hello", *, model: str = "m", **more: Any) -> Reply:
        """Ask in Anthropic's protocol."""
        body = {"model": model, "max_tokens": 4000, "messages": [{"role": "user", "content": text}], **more}
        return await self.post("/v1/messages", body)

    async def post(self, path: str, body: Any) -> Reply:
        """Post JSON."""
        sent = {"authorization": f"Bearer {self.key}"}
        async with self.session.post(self.url + path, data=json.dumps(body), headers=sent) as answer:
            text = await answer.text()
            try:
                value = json.loads(text)
            except ValueError:
                value = None
            return Reply(answer.status, answer.headers, value)

    async def stats(self) -> Any:
        """Fetch what it counted."""
        async with self.session.get(f"{self.url}/stats") as answer:
            return await answer.json()


@asynccontextmanager
async def provider(**options: Any) -> AsyncGenerator[Caller]:
    """Serve a provider while the context lasts."""
    connector = aiohttp.TCPConnector(limit=0)
    async with running(Options(**options)) as url, aiohttp.ClientSession(connector=connector) as session:
        yield Caller(url, session)
