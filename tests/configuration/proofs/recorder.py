"""A server with OpenAI's protocol that keeps what it was asked; its first answer comes late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

LATE_S = 1.0
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 0,
    "model": "recorded",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "that"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 4,
        "completion_tokens": 2,
        "total_tokens": 6,
        "prompt_tokens_details": {"cached_tokens": 3},
    },
}


@asynccontextmanager
async def recording_provider(requests: list[dict[str, Any]]) -> AsyncGenerator[int]:
    """Serve while the context lasts; gives the port."""

    async def answer(request: web.Request) -> web.Response:
        is_first = not requests
        requests.append(
            {
                "path": request.path,
                "authorization": request.headers.get("Authorization"),
                "body": await request.json(),
            }
        )
        if is_first:
            await asyncio.sleep(LATE_S)
        return web.json_response(ANSWER)

    app = web.Application()
    app.add_routes([web.post("/{tail:.*}", answer)])
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
