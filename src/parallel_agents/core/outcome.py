"""How an attempt can end: a closed union, and what was measured while it ran."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from parallel_agents.core import errors


class ErrorClass(StrEnum):
    """What kind of failure it was; decides whether the task is tried again."""

    ITEM = "item"
    TRANSIENT = "transient"
    RATE_LIMITED = "rate_limited"
    TERMINAL = "terminal"
    CONTRACT = "contract"
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory_limit"
    WORKER_LOST = "worker_lost"
    ENGINE_LOST = "engine_lost"


PERMANENT = frozenset({ErrorClass.ITEM, ErrorClass.CONTRACT})


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One failure in words that survive a process boundary.

    `raw` keeps the whole model answer where that did not fit its contract.
    """

    error_class: ErrorClass
    type: str
    message: str
    traceback: str | None = None
    raw: str | None = None


class Succeeded(msgspec.Struct, frozen=True, tag="succeeded"):
    """The agent returned. `output` is a msgpack map; `unscored` carries its reason and an empty map."""

    output: bytes
    status: Literal["success", "unscored"] = "success"
    reason: str | None = None


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The agent raised."""

    error: ErrorRecord


class TimedOut(msgspec.Struct, frozen=True, tag="timed_out"):
    """The attempt was stopped after `limit_s` seconds of working time."""

    limit_s: float


class MemoryExceeded(msgspec.Struct, frozen=True, tag="memory_exceeded"):
    """The attempt passed its budget, in MB above the worker's baseline. `peak_mb` is None when not seen."""

    limit_mb: float
    peak_mb: float | None


class WorkerLost(msgspec.Struct, frozen=True, tag="worker_lost"):
    """The worker died under the attempt: `how` says by which signal or exit code."""

    how: str


class Interrupted(msgspec.Struct, frozen=True, tag="interrupted"):
    """The attempt was taken back through no fault of its own. `resume_at`: seconds since the epoch."""

    reason: Literal["shutdown", "bystander", "lane_closed", "paused", "budget"]
    detail: str = ""
    resume_at: float | None = None


class Cancelled(msgspec.Struct, frozen=True, tag="cancelled"):
    """The user cancelled the execution or the task."""


Outcome: TypeAlias = Succeeded | Failed | TimedOut | MemoryExceeded | WorkerLost | Interrupted | Cancelled


class WorkerIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Where an attempt runs. `baseline_mb` is the worker's own memory before the attempt (resident, MB)."""

    pid: int
    thread_id: str | None = None
    node: str | None = None
    baseline_mb: float | None = None
    effective: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker measured of one attempt; None where it could not be observed.

    `peak_memory_mb` is the peak above the worker's baseline. Durations are in milliseconds. `effective` are the
    guarantees of what the attempt started where they are others than its worker's.
    """

    cpu_ms: float | None = None
    peak_memory_mb: float | None = None
    thread_id: str | None = None
    effective: dict[str, str] = {}


class CallTotals(msgspec.Struct, kw_only=True):
    """Model calls of one attempt, as the gateway saw them. Token counts are None until a provider gave one.

    `replayed` counts calls answered from the ledger, that is without asking the provider again. `finish_reason` is what
    the provider said of the last answer. `cost_usd` is what the answers cost whose cost is known; `unpriced` counts the
    requests that may have cost something that is not in it.
    """

    calls: int = 0
    replayed: int = 0
    generation_ms: float = 0.0
    waited_ms: float = 0.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cost_usd: float | None = None
    unpriced: int = 0
    model: str | None = None
    is_language_model: bool | None = None
    finish_reason: str | None = None


def classify(error: BaseException) -> ErrorClass:
    """Class an exception that an agent or a model call raised.

    An exception that says nothing about itself may be a passing fault, so it is tried again.
    """
    match error:
        case errors.ContractError():
            return ErrorClass.CONTRACT
        case errors.ItemError():
            return ErrorClass.ITEM
        case errors.RateLimitedError():
            return ErrorClass.RATE_LIMITED
        case errors.LaneClosedError() | errors.BudgetSpentError():
            return ErrorClass.TERMINAL
        case MemoryError():
            return ErrorClass.MEMORY_LIMIT
        case _:
            return ErrorClass.TRANSIENT


def error_record(error: BaseException, traceback: str | None = None) -> ErrorRecord:
    """Describe an exception so that it can be journaled."""
    return ErrorRecord(
        error_class=classify(error),
        type=type(error).__name__,
        message=str(error) or type(error).__name__,
        traceback=traceback,
        raw=error.raw if isinstance(error, errors.ContractError) else None,
    )


def describe(outcome: Outcome) -> ErrorRecord | None:
    """Say what went wrong; None where nothing did."""
    match outcome:
        case Succeeded() | Cancelled():
            return None
        case Failed(error):
            return error
        case TimedOut(limit_s):
            message = f"stopped after {limit_s:g} s of working time (agent_configs.NAME.timeout_seconds)"
            return ErrorRecord(error_class=ErrorClass.TIMEOUT, type="TimedOut", message=message)
        case MemoryExceeded(limit_mb, peak_mb):
            seen = "" if peak_mb is None else f", {peak_mb:.0f} MB seen"
            message = f"passed its budget of {limit_mb:g} MB{seen} (agent_configs.NAME.context_size_mb)"
            return ErrorRecord(error_class=ErrorClass.MEMORY_LIMIT, type="MemoryExceeded", message=message)
        case WorkerLost(how):
            return ErrorRecord(error_class=ErrorClass.WORKER_LOST, type="WorkerLost", message=f"its worker died: {how}")
        case Interrupted(reason, detail):
            kind = ErrorClass.TERMINAL if reason in ("lane_closed", "budget") else ErrorClass.TRANSIENT
            return ErrorRecord(error_class=kind, type="Interrupted", message=detail or reason)
