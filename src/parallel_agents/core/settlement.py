"""A settlement: what is written about a task when an attempt has ended."""

from __future__ import annotations

import msgspec

from parallel_agents.core.outcome import CallTotals, ErrorRecord, Usage
from parallel_agents.core.states import Trigger


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """One fenced write: it lands only while the task is running this very attempt.

    `trigger` names the move of the transition table. `outcome` is the tag of the outcome (`succeeded`, `failed`, …).
    `due_at` (seconds since the epoch) goes with a scheduled retry; a retry without it waits for the final round.
    `output` is a msgpack map. `kept_workdir` is a directory that was left
    for the user. `duration_ms` runs from the first instruction to the report, waiting left out.
    """

    key: int
    attempt: int
    trigger: Trigger
    at: float
    outcome: str
    error: ErrorRecord | None = None
    due_at: float | None = None
    final_round: bool = False
    lost_worker: bool = False
    output: bytes | None = None
    result_status: str | None = None
    result_reason: str | None = None
    fallback: str = "none"
    duration_ms: float | None = None
    usage: Usage = Usage()
    kept_workdir: str | None = None
    calls: CallTotals = msgspec.field(default_factory=CallTotals)
