"""Agents that hand something on, given to the executor as `path:function`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from parallel_agents import Context


async def splits(context: Context) -> Mapping[str, Any]:
    """Gives the words of its text, once the file that it needs is there."""
    needed = context.input.get("needs")
    if needed is not None and not os.path.exists(str(needed)):  # noqa: PTH110, ASYNC240 - one look, in a worker
        raise ValueError(f"{needed} is not there")
    return {"words": [{"word": word, "length": len(word)} for word in str(context.input["text"]).split()]}


async def repeats(context: Context) -> Mapping[str, Any]:
    """Gives back what it was given."""
    return {"got": dict(context.input)}
