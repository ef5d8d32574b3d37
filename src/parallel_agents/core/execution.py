"""An execution: tasks submitted together, and the status that follows from their states."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from parallel_agents.core.budget import Budget
from parallel_agents.core.errors import AgentError
from parallel_agents.core.settings import Level
from parallel_agents.core.states import State

BY_USER = "user"
"""The reason of a pause that somebody asked for."""
BY_BUDGET = "budget"
"""The first word of the reason of a pause because the budget is used up."""


class Status(StrEnum):
    """What the outside sees of an execution; derived, never stored."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({Status.COMPLETED, Status.COMPLETED_WITH_ERRORS, Status.FAILED, Status.CANCELLED})


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks are in each state."""

    pending: int = 0
    running: int = 0
    waiting: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """All tasks."""
        return self.unfinished + self.settled

    @property
    def unfinished(self) -> int:
        """Tasks that can still change by themselves."""
        return self.pending + self.running + self.waiting

    @property
    def settled(self) -> int:
        """Tasks that have ended."""
        return self.completed + self.failed + self.skipped + self.cancelled

    @classmethod
    def of(cls, by_state: dict[State, int]) -> Counts:
        """Build from counts by state; a state that is not named has none."""
        return cls(**{state.value: number for state, number in by_state.items()})


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as it was when the execution was submitted, so that a resume runs the same one.

    `target` is an import string (`module:function` or `path/to/file.py:function`); `spec` is the text of the spec file
    and `model` the model chosen for it, both None where the agent has none. `isolation` is the level of its own that it
    runs at, None for the configured one. `changed_concurrency` is the most of its attempts at once where somebody
    changed that while the execution was there. `fallback_model` is what it calls while the lane of `model` is closed.
    """

    name: str
    target: str
    spec: str | None = None
    spec_path: str | None = None
    model: str | None = None
    context_tokens: int | None = None
    max_concurrent: int | None = None
    isolation: Level | None = None
    changed_concurrency: int | None = None
    fallback_model: str | None = None


def models_of(agents: Iterable[AgentRecord]) -> list[str]:
    """Every model that these agents may call, in order."""
    return sorted({name for agent in agents for name in (agent.model, agent.fallback_model) if name is not None})


def with_concurrency(agents: Iterable[AgentRecord], name: str, at_most: int) -> tuple[AgentRecord, ...]:
    """These agents, the one of this name with another bound. Raises `AgentError` where there is none."""
    listed = tuple(agents)
    if all(agent.name != name for agent in listed):
        raise AgentError(name, "has no task in this execution", hint=f"It has {', '.join(one.name for one in listed)}.")
    return tuple(
        msgspec.structs.replace(agent, changed_concurrency=at_most) if agent.name == name else agent for agent in listed
    )


def is_of_a_lane(reason: str | None) -> bool:
    """Tell whether a pause for this reason ends by itself, once the provider takes calls again."""
    return reason is not None and reason.partition(":")[0] not in {BY_USER, BY_BUDGET}


class ExecutionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One execution as the journal holds it. Times are seconds since the epoch.

    `settings` is the JSON of the settings that it was submitted under; `paused` a reason or None; `stopped` is set when
    `continue_on_error: false` ended it; `resources` is a msgpack map of sampled figures or None.
    `max_concurrent` is as it was submitted, `changed_concurrency` as it was changed later;
    `is_open` tells that tasks may still come in. `resume_at` is when a pause is over that ends by itself, None where
    nobody knows, or none does.
    """

    execution_id: str
    submitted_at: float
    max_concurrent: int
    model: str | None
    source: str | None
    vault_root: str | None
    settings: bytes
    agents: tuple[AgentRecord, ...]
    ended_at: float | None = None
    cancel_requested: bool = False
    paused: str | None = None
    stopped: bool = False
    resources: bytes | None = None
    file_paths: tuple[str, ...] = ()
    changed_concurrency: int | None = None
    is_open: bool = False
    resume_at: float | None = None
    budget: Budget | None = None

    @property
    def concurrency(self) -> int:
        """Most attempts of it at once, as it is now."""
        return self.max_concurrent if self.changed_concurrency is None else self.changed_concurrency


def overall_status(
    counts: Counts,
    *,
    cancel_requested: bool = False,
    stopped: bool = False,
    paused: str | None = None,
    is_open: bool = False,
) -> Status:
    """Derive the status of an execution from its counts and flags.

    While tasks may still come in (`is_open`) it has not ended. `skipped` tasks alone leave it completed; nothing
    completed beside a failure is `failed`.
    """
    if counts.unfinished or is_open:
        if paused is not None and not counts.running:
            return Status.PAUSED
        return Status.RUNNING if counts.running or counts.settled or counts.waiting else Status.PENDING
    if cancel_requested and counts.cancelled:
        return Status.CANCELLED
    if stopped or (counts.failed and not counts.completed):
        return Status.FAILED
    if counts.failed:
        return Status.COMPLETED_WITH_ERRORS
    return Status.COMPLETED if counts.completed or counts.skipped or not counts.cancelled else Status.CANCELLED
