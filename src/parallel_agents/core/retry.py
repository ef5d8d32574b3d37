"""What follows from an outcome: the one place that decides between another try and the end."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from parallel_agents.core.outcome import (
    PERMANENT,
    Cancelled,
    Failed,
    Interrupted,
    MemoryExceeded,
    Outcome,
    Succeeded,
    TimedOut,
    WorkerLost,
)
from parallel_agents.core.states import Trigger

Fallback: TypeAlias = Literal["fail", "skip", "retry"]

MAX_DELAY_S = 300.0
ENGINE_LOSS_LIMIT = 3


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a task stands while an attempt runs; `charged` counts that attempt, `losses` does not."""

    charged: int
    losses: int
    final_round: bool = False


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`retry_attempts: 3` means three retries: four attempts in all."""

    retry_attempts: int
    delay_s: float
    fallback: Fallback = "fail"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a task after an attempt.

    `delay_s` is the pause of a scheduled retry; None with `final_round` means: after everything else is done.
    """

    trigger: Trigger
    delay_s: float | None = None
    lost_worker: bool = False
    final_round: bool = False


def decide(outcome: Outcome, standing: Standing, policy: RetryPolicy, jitter: float) -> Verdict:
    """Decide what follows from `outcome`. `jitter` is a random number in [0, 1)."""
    match outcome:
        case Succeeded():
            return Verdict(trigger=Trigger.SUCCEEDED)
        case Cancelled():
            return Verdict(trigger=Trigger.CANCELLED)
        case Interrupted():
            return Verdict(trigger=Trigger.INTERRUPTED)
        case WorkerLost():
            poisoned = standing.losses + 1 > policy.retry_attempts
            return Verdict(trigger=Trigger.POISONED if poisoned else Trigger.WORKER_LOST, lost_worker=True)
        case Failed(error) if error.error_class in PERMANENT:
            return _after_the_last(standing, policy, permanent=True)
        case Failed() | TimedOut() | MemoryExceeded():
            if standing.final_round or standing.charged > policy.retry_attempts:
                return _after_the_last(standing, policy, permanent=False)
            return Verdict(trigger=Trigger.RETRY_SCHEDULED, delay_s=backoff_s(standing.charged, policy.delay_s, jitter))


def backoff_s(retry: int, base_s: float, jitter: float) -> float:
    """Pause before retry number `retry` (from 1): exponential, capped, between half and the whole of the step."""
    # A float holds no more than about a thousand doublings.
    step = min(MAX_DELAY_S, base_s * 2.0 ** min(1000, max(0, retry - 1)))
    return step * (0.5 + 0.5 * jitter)


def after_engine_loss(engine_losses: int) -> Trigger:
    """Decide for a task found running under a dead engine; `engine_losses` counts this one."""
    return Trigger.POISONED if engine_losses >= ENGINE_LOSS_LIMIT else Trigger.ENGINE_LOST


def _after_the_last(standing: Standing, policy: RetryPolicy, *, permanent: bool) -> Verdict:
    if policy.fallback == "skip":
        return Verdict(trigger=Trigger.SKIPPED)
    if policy.fallback == "retry" and not permanent and not standing.final_round:
        return Verdict(trigger=Trigger.RETRY_SCHEDULED, final_round=True)
    return Verdict(trigger=Trigger.GAVE_UP)
