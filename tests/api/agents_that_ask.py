"""Agents that ask a model, given to the executor as `path:function`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parallel_agents import Context


async def asks(context: Context) -> Mapping[str, Any]:
    """Asks what its input says."""
    answer = await context.model.complete(f"what is {context.input['of']}?")
    return {"text": answer.text}


async def hands_in(context: Context) -> Mapping[str, Any]:
    """Lets another one ask."""
    (result,) = await context.delegate([{"agent_name": "asks", "input_data": {"of": context.input["of"]}}])
    return {"status": result.status, "output": result.output}
