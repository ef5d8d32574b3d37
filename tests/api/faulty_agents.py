"""An agent whose faults can be foretold."""

from __future__ import annotations

import asyncio
import hashlib

from parallel_agents import Context, TransientError


def is_faulty(seed: int, number: int, attempt: int) -> bool:
    """One in five, the same for the same three numbers."""
    return hashlib.sha256(f"{seed}/{number}/{attempt}".encode()).digest()[0] < 256 // 5


async def faulty(context: Context) -> dict[str, int]:
    """Fails as is drawn from seed, task and attempt."""
    seed, number = int(str(context.input["seed"])), int(str(context.input["number"]))
    if is_faulty(seed, number, context.attempt):
        raise TransientError(f"drawn in attempt {context.attempt}")
    return {"attempt": context.attempt}


async def naps(context: Context) -> dict[str, int]:
    """Takes a moment."""
    await asyncio.sleep(0.02)
    return {}
