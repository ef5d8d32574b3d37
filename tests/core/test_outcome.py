"""How failures are classed and put into words."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from parallel_agents.core import errors
from parallel_agents.core.outcome import (
    PERMANENT,
    Cancelled,
    ErrorClass,
    ErrorRecord,
    Failed,
    Interrupted,
    MemoryExceeded,
    Outcome,
    Succeeded,
    TimedOut,
    WorkerLost,
    classify,
    describe,
    error_record,
)

RECORD = ErrorRecord(error_class=ErrorClass.ITEM, type="ItemError", message="no", raw="the answer")
OUTCOMES: list[Outcome] = [
    Succeeded(b"\x81\xa1a\x01"),
    Succeeded(b"\x80", status="unscored", reason="cannot judge"),
    Failed(RECORD),
    TimedOut(60.0),
    MemoryExceeded(64.0, 70.5),
    MemoryExceeded(64.0, None),
    WorkerLost("killed by SIGKILL"),
    Interrupted("lane_closed", "quota", 1.5),
    Cancelled(),
]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.ContractError(("no text",), "raw"), ErrorClass.CONTRACT),
        (errors.ItemError("never"), ErrorClass.ITEM),
        (errors.RateLimitedError("slow down", 2.0), ErrorClass.RATE_LIMITED),
        (errors.TransientError("later"), ErrorClass.TRANSIENT),
        (errors.LaneClosedError("openai", "no quota"), ErrorClass.TERMINAL),
        (MemoryError(), ErrorClass.MEMORY_LIMIT),
        (ValueError("a bug, or bad luck"), ErrorClass.TRANSIENT),
        (TimeoutError(), ErrorClass.TRANSIENT),
        (asyncio.CancelledError(), ErrorClass.TRANSIENT),
        (SystemExit(3), ErrorClass.TRANSIENT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_an_exception_is_classed_by_what_it_says_of_itself(error: BaseException, expected: ErrorClass) -> None:
    assert classify(error) is expected


def test_only_what_the_input_itself_causes_is_permanent() -> None:
    assert {ErrorClass.ITEM, ErrorClass.CONTRACT} == PERMANENT


def test_a_record_keeps_type_message_and_traceback() -> None:
    record = error_record(ValueError("no such thing"), "Traceback …")
    assert record == ErrorRecord(
        error_class=ErrorClass.TRANSIENT, type="ValueError", message="no such thing", traceback="Traceback …"
    )


def test_an_exception_without_words_is_told_by_its_name() -> None:
    assert error_record(KeyboardInterrupt()).message == "KeyboardInterrupt"


def test_an_answer_that_broke_its_contract_is_kept_whole() -> None:
    record = error_record(errors.ContractError(("text is missing", "type is unknown"), "{…}"))
    assert record.raw == "{…}"
    assert "text is missing; type is unknown" in record.message


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_every_outcome_survives_msgpack(outcome: Outcome) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(outcome), type=Outcome) == outcome


@pytest.mark.parametrize(
    ("outcome", "error_class", "words"),
    [
        (Failed(RECORD), ErrorClass.ITEM, ["no"]),
        (TimedOut(60.0), ErrorClass.TIMEOUT, ["60 s", "timeout_seconds"]),
        (MemoryExceeded(64.0, 70.4), ErrorClass.MEMORY_LIMIT, ["64 MB", "70 MB", "context_size_mb"]),
        (WorkerLost("killed by SIGKILL"), ErrorClass.WORKER_LOST, ["SIGKILL"]),
        (Interrupted("lane_closed", "no quota left"), ErrorClass.TERMINAL, ["no quota left"]),
        (Interrupted("shutdown"), ErrorClass.TRANSIENT, ["shutdown"]),
    ],
    ids=["failed", "timed out", "memory", "worker lost", "lane closed", "shutdown"],
)
def test_what_went_wrong_is_told_with_its_figures(outcome: Outcome, error_class: ErrorClass, words: list[str]) -> None:
    record = describe(outcome)
    assert record is not None
    assert record.error_class is error_class
    assert [word for word in words if word not in record.message] == []


def test_a_peak_that_nobody_saw_is_not_told() -> None:
    record = describe(MemoryExceeded(64.0, None))
    assert record is not None
    assert "seen" not in record.message


@pytest.mark.parametrize("outcome", [Succeeded(b"\x80"), Cancelled()])
def test_where_nothing_went_wrong_nothing_is_told(outcome: Outcome) -> None:
    assert describe(outcome) is None
