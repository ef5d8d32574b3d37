"""Runs one attempt of an agent and turns whatever happens into an outcome."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from parallel_agents.core.errors import ItemError, UnscoredError
from parallel_agents.core.outcome import (
    ErrorClass,
    ErrorRecord,
    Failed,
    MemoryExceeded,
    Outcome,
    Succeeded,
    Usage,
    error_record,
)
from parallel_agents.ports.context import Context
from parallel_agents.ports.workers import Assignment
from parallel_agents.processes.achieved import noting
from parallel_agents.workers import memory
from parallel_agents.workers.loading import load_agent

_encode = msgspec.msgpack.Encoder().encode


async def outcome_of(assignment: Assignment, context: Context, peak_mb: float | None = None) -> Outcome:
    """Run the agent. Every ending is an outcome, also `sys.exit`, an interrupt and a result that cannot be kept."""
    try:
        agent = load_agent(assignment.target)
        return Succeeded(output=packed(await agent(context), assignment.target))
    except BaseException as error:  # nothing that an agent raises may end the worker
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        return failure_of(error, assignment, peak_mb)


def failure_of(error: BaseException, assignment: Assignment, peak_mb: float | None = None) -> Outcome:
    """Turn what an agent raised into an outcome; a group counts as the weightiest of its errors."""
    found = cause_of(error)
    if isinstance(found, MemoryError):
        return MemoryExceeded(limit_mb=assignment.memory_mb, peak_mb=peak_mb)
    if isinstance(found, UnscoredError):
        return Succeeded(output=b"\x80", status="unscored", reason=_printable(str(found)))
    return Failed(error=_record(found, error))


def cause_of(error: BaseException) -> BaseException:
    """The error that decides: out of memory, else one that makes another try useless, else the first."""
    leaves = list(_leaves(error))
    for kind in (MemoryError, ItemError):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0]


async def measured(assignment: Assignment, context: Context, thread_id: str) -> tuple[Outcome, Usage]:
    """Run the agent within its memory budget and measure what it used, programs that it waited for included."""
    measures_peak = memory.forget_peak()
    baseline, cpu = memory.peak_mb(), memory.cpu_s()
    with memory.data_budget(assignment.memory_mb), noting() as achieved:
        outcome = await outcome_of(assignment, context)
    peak = memory.peak_mb()
    above = max(0.0, peak - baseline) if measures_peak and peak is not None and baseline is not None else None
    if isinstance(outcome, MemoryExceeded):
        outcome = msgspec.structs.replace(outcome, peak_mb=above)
    cpu_ms = (memory.cpu_s() - cpu) * 1000
    return outcome, Usage(cpu_ms=cpu_ms, peak_memory_mb=above, thread_id=thread_id, effective=dict(achieved))


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


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        for inner in group.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _record(found: BaseException, raised: BaseException) -> ErrorRecord:
    try:
        whole = "".join(traceback.format_exception(raised))
        record = error_record(found, whole)
    except Exception:  # its own `__str__` raised; the class is all that can be told
        kind = type(found).__name__
        message = f"{kind} (its message cannot be shown)"
        return ErrorRecord(error_class=ErrorClass.TRANSIENT, type=kind, message=message)
    return msgspec.structs.replace(
        record,
        message=_printable(record.message),
        traceback=_printable(whole),
        raw=None if record.raw is None else _printable(record.raw),
    )


def _printable(text: str) -> str:
    # Half of a surrogate pair, as a model's JSON may hold, cannot be encoded; it must not cost the outcome.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
