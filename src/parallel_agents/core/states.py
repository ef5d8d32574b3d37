"""The life of a task: one table that the schema, the docs and the tests are held against."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from parallel_agents.core.errors import IllegalTransitionError


class State(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


SETTLED = frozenset({State.COMPLETED, State.FAILED, State.SKIPPED, State.CANCELLED})


class Trigger(StrEnum):
    """What moves a task."""

    SUBMITTED = "submitted"
    REUSED = "reused"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    RETRY_SCHEDULED = "retry_scheduled"
    GAVE_UP = "gave_up"
    SKIPPED = "skipped"
    WORKER_LOST = "worker_lost"
    ENGINE_LOST = "engine_lost"
    POISONED = "poisoned"
    INTERRUPTED = "interrupted"
    DUE = "due"
    DEPENDENCY_FAILED = "dependency_failed"
    NOT_NEEDED = "not_needed"
    INPUT_FAILED = "input_failed"
    CANCELLED = "cancelled"
    RETRIED = "retried"
    RENEWED = "renewed"


Charge = Literal["none", "add", "refund", "reset"]


class Transition(msgspec.Struct, frozen=True):
    """One legal move. `charge` says what it does to the count of charged attempts."""

    source: State | None
    trigger: Trigger
    target: State
    charge: Charge = "none"
    cause: str = ""


TRANSITIONS: tuple[Transition, ...] = (
    Transition(None, Trigger.SUBMITTED, State.PENDING, cause="the task was journaled"),
    Transition(State.PENDING, Trigger.REUSED, State.COMPLETED, cause="the same was asked before; it has that result"),
    Transition(State.PENDING, Trigger.STARTED, State.RUNNING, "add", "a worker took it; its attempt number grows"),
    Transition(State.RUNNING, Trigger.SUCCEEDED, State.COMPLETED, cause="its result was accepted"),
    Transition(
        State.RUNNING, Trigger.RETRY_SCHEDULED, State.WAITING, cause="failed, timed out or over memory; retries left"
    ),
    Transition(State.RUNNING, Trigger.GAVE_UP, State.FAILED, cause="failed for good, fallback `fail`"),
    Transition(State.RUNNING, Trigger.SKIPPED, State.SKIPPED, cause="failed for good, fallback `skip`"),
    Transition(State.RUNNING, Trigger.WORKER_LOST, State.PENDING, cause="its worker died; it goes again at once"),
    Transition(State.RUNNING, Trigger.ENGINE_LOST, State.PENDING, "refund", "the engine died; found at restart"),
    Transition(State.RUNNING, Trigger.POISONED, State.FAILED, cause="it took too many workers or engines down"),
    Transition(
        State.RUNNING, Trigger.INTERRUPTED, State.PENDING, "refund", "shutdown, bystander of a dead worker, lane closed"
    ),
    Transition(State.WAITING, Trigger.DUE, State.PENDING, cause="its pause is over"),
    Transition(
        State.PENDING, Trigger.DEPENDENCY_FAILED, State.SKIPPED, cause="a task that it depends on did not succeed"
    ),
    Transition(
        State.PENDING, Trigger.NOT_NEEDED, State.SKIPPED, cause="its condition does not hold, or its list is empty"
    ),
    Transition(
        State.PENDING, Trigger.INPUT_FAILED, State.FAILED, cause="no input could be made of the results before it"
    ),
    Transition(State.PENDING, Trigger.CANCELLED, State.CANCELLED, cause="cancelled before it ran"),
    Transition(State.WAITING, Trigger.CANCELLED, State.CANCELLED, cause="cancelled while it waited"),
    Transition(State.RUNNING, Trigger.CANCELLED, State.CANCELLED, cause="cancelled while it ran"),
    Transition(State.FAILED, Trigger.RETRIED, State.PENDING, "reset", "the user asked for another try"),
    Transition(State.SKIPPED, Trigger.RETRIED, State.PENDING, "reset", "the user asked for another try"),
    Transition(State.CANCELLED, Trigger.RETRIED, State.PENDING, "reset", "the user asked for another try"),
    Transition(
        State.COMPLETED, Trigger.RENEWED, State.PENDING, "reset", "the user asked anew for what was a reused result"
    ),
)

ENDING = frozenset(step.trigger for step in TRANSITIONS if step.target in SETTLED)
"""What ends a task."""

_MOVES = {(move.source, move.trigger): move for move in TRANSITIONS}


def move(state: State | None, trigger: Trigger) -> Transition:
    """Find the move that `trigger` makes from `state`.

    Raises:
        IllegalTransitionError: the table has no such move.
    """
    try:
        return _MOVES[state, trigger]
    except KeyError:
        raise IllegalTransitionError(state, trigger) from None


def sources(trigger: Trigger) -> tuple[State, ...]:
    """List the states from which `trigger` is legal, the start of a life (None) left out."""
    return tuple(row.source for row in TRANSITIONS if row.trigger is trigger and row.source is not None)


def charged_after(charged: int, charge: Charge) -> int:
    """Apply a charge to the count of charged attempts. A refund never goes below 0."""
    match charge:
        case "none":
            return charged
        case "add":
            return charged + 1
        case "refund":
            return max(0, charged - 1)
        case "reset":
            return 0
