"""Errors that cross the channel: an error of the attempt tree becomes a value, and the same error again."""

from __future__ import annotations

from typing import Literal

import msgspec

from parallel_agents.core.errors import (
    AttemptError,
    ContractError,
    ItemError,
    RateLimitedError,
    TransientError,
    UnscoredError,
)

Kind = Literal["item", "contract", "transient", "rate_limited", "unscored", "attempt"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to raise an `AttemptError` again on the other side of a channel."""

    kind: Kind
    message: str
    problems: tuple[str, ...] = ()
    raw: str = ""
    retry_after_s: float | None = None


def from_error(error: AttemptError) -> Fault:
    """Describe an error; a subclass that is not of this package travels as its nearest known class."""
    match error:
        case ContractError():
            return Fault(kind="contract", message=str(error), problems=error.problems, raw=error.raw)
        case RateLimitedError():
            return Fault(kind="rate_limited", message=str(error), retry_after_s=error.retry_after_s)
        case ItemError():
            return Fault(kind="item", message=str(error))
        case TransientError():
            return Fault(kind="transient", message=str(error))
        case UnscoredError():
            return Fault(kind="unscored", message=str(error))
        case _:
            return Fault(kind="attempt", message=str(error))


def to_error(fault: Fault) -> AttemptError:
    """Make the error that a fault describes."""
    match fault.kind:
        case "contract":
            return ContractError(fault.problems, fault.raw)
        case "rate_limited":
            return RateLimitedError(fault.message, fault.retry_after_s)
        case "item":
            return ItemError(fault.message)
        case "transient":
            return TransientError(fault.message)
        case "unscored":
            return UnscoredError(fault.message)
        case "attempt":
            return AttemptError(fault.message)
