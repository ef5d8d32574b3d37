"""An agent that asks its model once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parallel_agents import Context


async def asks(context: Context) -> Mapping[str, Any]:
    """Ask what the input says."""
    return {"text": (await context.model.complete(context.input["text"])).text}
