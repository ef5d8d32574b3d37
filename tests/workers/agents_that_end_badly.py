"""Agents for the tests of supervision: they die at chosen moments, or spoil the line to the engine."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallel_agents.ports.context import Context

Answer = Mapping[str, Any]


async def returns_and_is_killed(context: Context) -> Answer:
    subprocess.Popen(["/bin/sh", "-c", f"sleep 0.5; kill -9 {os.getpid()}"])  # noqa: ASYNC220
    context.progress(None, "returning")
    return {"kept": True}


async def writes_garbage_to_every_socket(context: Context) -> Answer:
    for entry in list(Path("/proc/self/fd").iterdir()):  # noqa: ASYNC240 - nobody else is on this loop
        try:
            if stat.S_ISSOCK(entry.stat().st_mode):
                os.write(int(entry.name), b"\xff" * 64)
        except OSError:
            continue
    await asyncio.Event().wait()
    return {}


async def closes_every_descriptor(context: Context) -> Answer:
    os.closerange(3, 1024)
    await asyncio.Event().wait()
    return {}


async def asks(context: Context) -> Answer:
    answer = await context.model.complete("x")
    return {"text": answer.text}
