"""The agents of `measure_scale.py`: they do nothing, take a moment, or wait for a file."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from parallel_agents import Context

POLL_S = 0.005


async def noop(context: Context) -> dict[str, int]:
    """Do nothing."""
    return {"attempt": context.attempt}


async def naps(context: Context) -> dict[str, int]:
    """Take `seconds`."""
    await asyncio.sleep(float(context.input["seconds"]))
    return {"attempt": context.attempt}


async def holds(context: Context) -> dict[str, int]:
    """Keep a place until the file `until` is there."""
    await asyncio.to_thread(_wait_for, Path(str(context.input["until"])))
    return {"attempt": context.attempt}


def _wait_for(gate: Path) -> None:
    while not gate.exists():
        time.sleep(POLL_S)
