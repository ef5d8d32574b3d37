"""Runs one attempt of an agent and turns whatever happens into an outcome."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from parallel_agents.core.errors import ItemError, UnscoredError
from parallel_agents.core.outcome import Failed, MemoryExceeded, Outcome, Succeeded, Usage, error_record
from parallel_agents.ports.context import Context
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers import memory
from parallel_agents.workers.loading import load_agent

_encode = msgspec.msgpack.Encoder().encode


async def outcome_of(assignment: Assignment, context: Context, peak_mb: float | None = None) -> Outcome:
    """Run the agent. Every ending is an outcome, also `sys.exit`, an interrupt and a result that cannot be kept."""
    try:
        agent = load_agent(assignment.target)
        return Succeeded(output=packed(await agent(context), assignment.target))
    except UnscoredError as error:
        return Succeeded(output=b"\x80", status="unscored", reason=str(error))
    except MemoryError:
        return MemoryExceeded(limit_mb=assignment.memory_mb, peak_mb=peak_mb)
    except BaseException as error:  # nothing that an agent raises may end the worker
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        return Failed(error=error_record(error, traceback.format_exc()))


async def measured(assignment: Assignment, context: Context, thread_id: str) -> tuple[Outcome, Usage]:
    """Run the agent within its memory budget and measure what it used."""
    measures_peak = memory.forget_peak()
    baseline, cpu = memory.peak_mb(), time.process_time()
    with memory.data_budget(assignment.memory_mb):
        outcome = await outcome_of(assignment, context)
    peak = memory.peak_mb()
    above = max(0.0, peak - baseline) if measures_peak and peak is not None and baseline is not None else None
    if isinstance(outcome, MemoryExceeded):
        outcome = msgspec.structs.replace(outcome, peak_mb=above)
    cpu_ms = (time.process_time() - cpu) * 1000
    return outcome, Usage(cpu_ms=cpu_ms, peak_memory_mb=above, thread_id=thread_id)


def packed(result: object, target: str) -> bytes:
    """Pack what an agent returned.

    Raises:
        ItemError: it is not a mapping, or holds what msgpack cannot carry.
    """
    if not isinstance(result, Mapping):
        raise ItemError(f"the agent {target!r} returned {type(result).__name__}; an agent returns a mapping")
    try:
        return _encode(dict(cast("Mapping[Any, Any]", result)))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        hint = "Return text, numbers, booleans, None, lists and mappings."
        raise ItemError(f"the agent {target!r} returned what cannot be kept: {error}. {hint}") from error
