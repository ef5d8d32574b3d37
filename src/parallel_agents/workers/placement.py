"""Which of the workers that have room gets the next attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar

Balance = Literal["least_busy", "round_robin", "weighted"]
_NEWS = 0.2


class Candidate(Protocol):
    """A worker, as far as the choice goes by it.

    `load`: attempts that it has. `rested_at`: when it last became free of them. `given_at`: the number of the last one
    that it was given, counted over the pool, 0 for none. `pace_s`: how long they take of late, None before the first.
    """

    load: int
    rested_at: float
    given_at: int
    pace_s: float | None


C = TypeVar("C", bound=Candidate)


def choose(balance: Balance, candidates: Sequence[C]) -> C | None:
    """Choose one; None where there is none."""
    if not candidates:
        return None
    match balance:
        case "least_busy":
            # Of those without an attempt the one that rested last: its memory is warm, and the others grow old and end.
            return min(candidates, key=lambda worker: (worker.load, -worker.rested_at))
        case "round_robin":
            return min(candidates, key=lambda worker: worker.given_at)
        case "weighted":
            return _soonest_done(candidates)


def paced(before_s: float | None, took_s: float) -> float:
    """The pace of a worker after an attempt that took so long: the last ten or so count."""
    return took_s if before_s is None else before_s + (took_s - before_s) * _NEWS


def _soonest_done(candidates: Sequence[C]) -> C:
    """The one that would have done what it has, and one more, first. Whose pace is unknown is taken for average."""
    known = [worker.pace_s for worker in candidates if worker.pace_s is not None]
    average = sum(known) / len(known) if known else 1.0

    def takes_s(worker: C) -> tuple[float, int]:
        return (worker.load + 1) * (average if worker.pace_s is None else worker.pace_s), worker.given_at

    return min(candidates, key=takes_s)
