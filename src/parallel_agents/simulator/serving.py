"""Serving a simulated provider: the entry that needs no HTTP library until it is called."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from parallel_agents.core.errors import InputError
from parallel_agents.simulator.options import Options, checked


async def serve(options: Options, on_ready: Callable[[str], None]) -> None:
    """Serve until cancelled. `on_ready` gets the address, as `http://127.0.0.1:41234`, once it takes requests.

    OpenAI's protocol stands under that address with `/v1`, Anthropic's under the address itself.

    Raises:
        InputError: the `llm` extra is not installed, or the address cannot be listened on.
    """
    async with running(options) as url:
        on_ready(url)
        await asyncio.Event().wait()


@asynccontextmanager
async def running(options: Options) -> AsyncGenerator[str]:
    """Serve while the context lasts; gives the address. Raises as `serve`."""
    checked(options)
    if importlib.util.find_spec("aiohttp") is None:
        raise InputError("simulate-provider needs aiohttp. Run: pip install -e '.[llm]' in a checkout")
    from parallel_agents.simulator.server import SimulatedProvider

    provider = SimulatedProvider(options)
    try:
        yield await provider.start()
    finally:
        await provider.aclose()
