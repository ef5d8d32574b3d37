"""The agent of a chaos run: two calls with a pause between, sometimes a program left running, sometimes poison."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Any

from parallel_agents.chaos.work import first_prompt, output_of, second_prompt
from parallel_agents.ports.context import Context

LEFT_RUNNING = ("sleep", "300")


async def run(context: Context) -> Mapping[str, Any]:
    """Ask twice; the second question follows from the first answer."""
    task = context.input
    first = await context.model.complete(first_prompt(task["seed"], task["number"]))
    if task["leaves_a_program"]:
        await asyncio.create_subprocess_exec(*LEFT_RUNNING)
    await asyncio.sleep(task["pause_s"])
    if task["is_poison"]:
        os.kill(os.getpid(), signal.SIGKILL)
    second = await context.model.complete(second_prompt(first.text))
    await asyncio.sleep(task["pause_s"])
    return output_of(task["number"], first.text, second.text)
