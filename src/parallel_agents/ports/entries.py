"""What goes into a journal and comes out of it, besides tasks and executions."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from parallel_agents.core.budget import Amount
from parallel_agents.core.chains import Done
from parallel_agents.core.states import State
from parallel_agents.core.task import Task

Order = Literal["priority", "fifo", "lifo"]
Verb = Literal["cancel", "pause", "resume", "retry", "concurrency"]
Arguments: TypeAlias = dict[str, str | int | float | bool | list[str] | None]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something another process asks the owner to do. `answer` is None until the owner has acknowledged it."""

    command_id: int
    execution_id: str
    verb: Verb
    arguments: Arguments
    asked_at: float
    answer: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a task's history. `source` is None for a submission; a discarded late result has source = target."""

    sequence: int
    execution_id: str
    task_id: str
    attempt: int
    at: float
    trigger: str
    source: State | None
    target: State
    detail: str | None


class Released(msgspec.Struct, frozen=True):
    """How many tasks became due, and when the next one does (seconds since the epoch; None: none waits)."""

    moved: int
    next_due_at: float | None


class Landing(msgspec.Struct, frozen=True):
    """Whether a settlement landed, and what it did to the tasks that depend on its own.

    `skipped` are the ids of those that can never run now; `freed` tells that some wait for one thing less.
    """

    landed: bool
    skipped: tuple[str, ...] = ()
    freed: bool = False


LandingState = Literal["begun", "done", "dropped", "undone"]


class CanvasLanding(msgspec.Struct, frozen=True, kw_only=True):
    """What was put on one canvas for an execution. Times are seconds since the epoch, counts of the whole canvas.

    `added` and `reversal` are msgpack maps, as is `checked`: what was found when the canvas was read back, None where
    it was not. It is `begun` before the canvas is touched, `dropped` where it then was not. `landing_id` is 0 and the
    state `begun` until the journal has it.
    """

    execution_id: str
    canvas_path: str
    begun_at: float
    added: bytes
    reversal: bytes
    nodes_before: int
    nodes_after: int
    edges_before: int
    edges_after: int
    landing_id: int = 0
    state: LandingState = "begun"
    moved_at: float | None = None
    checked: bytes | None = None


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """A task that another one handed in. `is_new` where it was not there before, `is_reused` where it ended at once."""

    key: int
    task_id: str
    state: State
    is_new: bool
    is_reused: bool = False


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of tasks that were added and ended at once: skipped, since what they depend on has failed; or `reused`."""

    skipped: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()


class Unbound(msgspec.Struct, frozen=True, kw_only=True):
    """A task that waits for nothing but its input; `binding` is a msgpack map of a `core.chains.Binding`."""

    key: int
    task: Task
    binding: bytes
    done: list[Done]


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a task got its input; ids of the tasks that were added beside it, and of those with an earlier result."""

    landed: bool
    added: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """How an execution is asked for. With `reuses`, results of earlier tasks with the same fingerprint serve.

    The same `batch` (a digest) under the same `idempotency_key` is the same execution; both are None, or none is.
    """

    reuses: bool = False
    idempotency_key: str | None = None
    batch: bytes | None = None


PLAIN = Request()
"""A request that reuses nothing and has no key."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may cost something: what it can cost at most, noted before it is sent. `at` is then."""

    charge_id: str
    execution_id: str
    key: int
    model: str
    most: Amount
    at: float


class Adopted(msgspec.Struct, frozen=True):
    """Tasks found running under a dead engine: taken back, or failed because they took too many engines down."""

    taken_back: int
    poisoned: int
