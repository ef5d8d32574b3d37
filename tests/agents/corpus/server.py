"""A server of chat completions on the loopback interface that answers each task as a test says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

Answering = Callable[[str], str]
"""From the text of a request's first user message to the text of its answer."""


@asynccontextmanager
async def answering(answer: Answering, models: list[str] | None = None) -> AsyncGenerator[str]:
    """Serve; yields the address for a client. The model of each request is appended to `models`."""

    async def respond(request: web.Request) -> web.Response:
        body = await request.json()
        question = next(message["content"] for message in body["messages"] if message["role"] == "user")
        if models is not None:
            models.append(body["model"])
        message = {"role": "assistant", "content": answer(question)}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return web.json_response(
            {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice]}
        )

    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/v1/chat/completions", respond)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/v1"))
