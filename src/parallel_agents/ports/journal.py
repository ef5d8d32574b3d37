"""The durable record: what survives a crash, and who may write it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol, TypeVar

from parallel_agents.core.budget import Amount, Budget, Spent
from parallel_agents.core.execution import AgentRecord, Counts, ExecutionRecord
from parallel_agents.core.outcome import WorkerIdentity
from parallel_agents.core.settlement import Settlement
from parallel_agents.core.states import State, Trigger
from parallel_agents.core.task import ReadyTask, Task, TaskRecord
from parallel_agents.ports.entries import (
    PLAIN,
    Adopted,
    Appended,
    Arguments,
    Bound,
    CanvasLanding,
    Change,
    Charge,
    Command,
    Handed,
    Landing,
    LandingState,
    Order,
    Released,
    Request,
    Unbound,
    Verb,
)

T = TypeVar("T")


class Reader(Protocol):
    """Reads of what is committed. Plain calls, each short; safe from one thread at a time."""

    def execution(self, execution_id: str) -> ExecutionRecord | None:
        """Return one execution, None where there is none."""
        ...

    def executions(self) -> list[ExecutionRecord]:
        """Return all executions, newest first."""
        ...

    def counts(self, execution_id: str) -> Counts:
        """Count the tasks of an execution by state."""
        ...

    def tasks(
        self, execution_id: str, *, states: Collection[State] | None = None, after: int = -1, limit: int = -1
    ) -> list[TaskRecord]:
        """Return tasks with their attempts in the submitted order, from position `after` + 1; -1 is no limit."""
        ...

    def ready(
        self,
        execution_id: str,
        *,
        exclude: Collection[int],
        limit: int,
        order: Order,
        without: Collection[str] = (),
    ) -> list[ReadyTask]:
        """Return up to `limit` pending tasks whose key is not in `exclude`, the next to run first.

        None of the agents `without`.
        """
        ...

    def ready_among(self, keys: Collection[int]) -> list[ReadyTask]:
        """Return those of these tasks that are pending and wait for no other."""
        ...

    def tasks_of(self, keys: Collection[int]) -> list[TaskRecord]:
        """Return these tasks with their attempts, by key."""
        ...

    def has_open_bindings(self, execution_id: str) -> bool:
        """Tell whether any pending task is still to get its input."""
        ...

    def unbound(self, execution_id: str, limit: int) -> list[Unbound]:
        """Return up to `limit` pending tasks that wait for nothing but their input, in the submitted order."""
        ...

    def agents_to_run(self, execution_id: str) -> frozenset[str]:
        """Return the agents that have tasks which can start now, or by themselves at a time that is known."""
        ...

    def has_pending(self, execution_id: str) -> bool:
        """Tell whether any task is pending."""
        ...

    def next_due_at(self, execution_id: str) -> float | None:
        """Return when the next waiting task is due, None where none waits for a time."""
        ...

    def highest_open_priority(self, execution_id: str) -> str | None:
        """Return the highest priority among tasks not yet settled."""
        ...

    def discarded(self, execution_id: str) -> int:
        """Count the late results that were refused."""
        ...

    def count_reused(self, execution_id: str) -> int:
        """Count the tasks that have the result of an earlier one."""
        ...

    def answered(self, fingerprints: Collection[bytes]) -> frozenset[bytes]:
        """Return those of these fingerprints that have a result to give."""
        ...

    def requested(self, idempotency_key: str) -> tuple[str, bytes] | None:
        """Return the execution with this idempotency key and the digest of its batch, None where there is none."""
        ...

    def history(self, execution_id: str, *, after: int = 0, limit: int = -1) -> list[Change]:
        """Return changes in the order they were committed, from sequence `after` + 1."""
        ...

    def find_call(self, key: int, request_hash: str, ordinal: int) -> bytes | None:
        """Return the journaled answer to this call of this task, None where there is none."""
        ...

    def open_commands(self, execution_ids: Collection[str]) -> list[Command]:
        """Return the commands for these executions that nobody has acknowledged, oldest first."""
        ...

    def landings(self, execution_id: str) -> list[CanvasLanding]:
        """Return what was put on canvases for an execution, in the order in which it was begun."""
        ...

    def spent(self, execution_id: str) -> Spent:
        """Add up what the requests of an execution have cost, and at most will; only of one that has a budget."""
        ...

    def command(self, command_id: int) -> Command | None:
        """Return one command, None where there is none."""
        ...


class Journal(Protocol):
    """Writes in the order they were called, many to a commit.

    Every write is queued by the call itself and durable once its future is done; it need not be awaited. A write that
    fails on its own (a broken rule) changes nothing and fails only its own future. When the disk fails, every write
    not yet committed fails with `JournalError`, and so does every later one.
    """

    path: str

    def start(self) -> None:
        """Open (and create or migrate) the journal. Raises `JournalError`."""
        ...

    async def aclose(self) -> None:
        """Commit what is queued, release every ownership and close. Safe to call twice."""
        ...

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Run `query` off the event loop."""
        ...

    def read_now(self, query: Callable[[Reader], T]) -> T:
        """Run `query` in the calling thread."""
        ...

    def submit(
        self, execution: ExecutionRecord, tasks: Iterable[Task], request: Request = PLAIN
    ) -> asyncio.Future[tuple[str, ...]]:
        """Add an execution with all its tasks, or nothing; fails with `KeyTakenError` where its key is another one's.

        Where it reuses results, a task that was answered before is completed at once; gives the ids of those.
        """
        ...

    def append(self, execution_id: str, tasks: Iterable[Task], at: float) -> asyncio.Future[Appended]:
        """Add tasks to an execution that is open; fails with `TaskError` where an id is taken or a dependency unknown.

        Their positions follow those that are there.
        """
        ...

    def hand_in(self, execution_id: str, tasks: Iterable[Task], at: float) -> asyncio.Future[tuple[Handed, ...]]:
        """Add those of the tasks whose ids the execution does not have yet, and tell how each of them stands.

        Their positions follow those that are there.
        """
        ...

    def bind(self, key: int, tasks: Sequence[Task], at: float) -> asyncio.Future[Bound]:
        """Give a pending task its input: that of the first of `tasks` (at least one).

        The others are added behind those that are there, and whatever depends on it depends on them too. Does not land
        where it has its input already, or is not pending any more.
        """
        ...

    def drop(self, key: int, trigger: Trigger, reason: str, at: float) -> asyncio.Future[Landing]:
        """End a pending task that gets no input, by `not_needed` or `input_failed`; what depends on it is skipped."""
        ...

    def change_agents(self, execution_id: str, agents: Sequence[AgentRecord]) -> asyncio.Future[None]:
        """Note the agents of an execution, once another one has come in."""
        ...

    def close_intake(self, execution_id: str) -> asyncio.Future[None]:
        """Note that no more tasks come in."""
        ...

    def begin(self, key: int, attempt: int, worker: WorkerIdentity, at: float) -> asyncio.Future[bool]:
        """Move a pending task to running as attempt number `attempt` (one more than its last). Tells if it landed."""
        ...

    def settle(self, settlement: Settlement) -> asyncio.Future[Landing]:
        """Write how an attempt ended, fenced: `task`, `attempt` and `running` must all still hold.

        Tells whether it landed. One that does not land leaves a `result_discarded` line in the history. With a success,
        tasks that waited for nothing else can start; with a failure for good, those that depend on it are skipped.
        """
        ...

    def release_due(self, execution_id: str, now: float, at: float | None = None) -> asyncio.Future[Released]:
        """Move waiting tasks that are due by `now` to pending; `at` is the time of the move, by default the same."""
        ...

    def release_final_round(self, execution_id: str, at: float) -> asyncio.Future[int]:
        """Move the tasks that wait for the final round to pending; returns how many."""
        ...

    def adopt(self, execution_id: str, at: float) -> asyncio.Future[Adopted]:
        """Take over after a dead engine: every running task goes back to pending or, the third time, to failed.

        Requests that it had under way are settled in full.
        """
        ...

    def cancel(self, execution_id: str, at: float, *, stopped: bool = False) -> asyncio.Future[int]:
        """Cancel every pending and waiting task; running ones are the owner's to stop. Returns how many.

        Marks the execution as cancelled by the user or, with `stopped`, as stopped by an error.
        """
        ...

    def retry(self, execution_id: str, task_ids: Sequence[str] | None, at: float) -> asyncio.Future[int]:
        """Move failed, skipped and cancelled tasks (all, or those named) back to pending; returns how many.

        What a named one depends on goes with it, and what was skipped because it had failed.
        Charges and losses start from 0 again, and the marks of `cancel` and `end` are taken off.
        """
        ...

    def pause(
        self, execution_id: str, reason: str | None, at: float, *, resume_at: float | None = None
    ) -> asyncio.Future[None]:
        """Note why an execution is paused, and when that is over as far as it is known; None takes the note off."""
        ...

    def change_concurrency(self, execution_id: str, at_most: int) -> asyncio.Future[None]:
        """Note how many attempts of an execution may run at once from now on."""
        ...

    def end(self, execution_id: str, at: float, resources: bytes | None) -> asyncio.Future[None]:
        """Note when an execution came to its end and what was sampled while it ran (a msgpack map)."""
        ...

    def add_files(self, execution_id: str, paths: Sequence[str]) -> asyncio.Future[None]:
        """Note files that were written for an execution."""
        ...

    def begin_landing(self, landing: CanvasLanding) -> asyncio.Future[int]:
        """Note what is about to be put on a canvas; returns its id."""
        ...

    def move_landing(self, landing_id: int, state: LandingState, at: float) -> asyncio.Future[bool]:
        """Note what became of a landing: a begun one is done or dropped, either of both undone. Tells if it landed."""
        ...

    def note_check(self, landing_id: int, checked: bytes) -> asyncio.Future[None]:
        """Keep what was found when a canvas was read back after a landing (a msgpack map)."""
        ...

    def record_call(
        self, key: int, request_hash: str, ordinal: int, response: bytes, at: float
    ) -> asyncio.Future[None]:
        """Keep the answer to a model call; the first answer kept for the same call stays."""
        ...

    def change_budget(self, execution_id: str, budget: Budget, at: float) -> asyncio.Future[None]:
        """Note how much an execution may spend in all from now on."""
        ...

    def note_charge(self, charge: Charge) -> asyncio.Future[None]:
        """Note a request before it is sent. It counts in full until it is settled."""
        ...

    def settle_charge(self, charge_id: str, cost: Amount, at: float) -> asyncio.Future[None]:
        """Note what a request has cost, or may have; the first word counts."""
        ...

    def ask(
        self,
        execution_id: str,
        verb: Verb,
        arguments: Arguments,
        at: float,
    ) -> asyncio.Future[int]:
        """Leave a command for the owner; returns its id."""
        ...

    def acknowledge(self, command_id: int, answer: str, at: float) -> asyncio.Future[None]:
        """Answer a command."""
        ...

    def try_own(self, execution_id: str) -> bool:
        """Become the owner; False where another live process is. The operating system frees it when we die."""
        ...

    def disown(self, execution_id: str) -> None:
        """Give an ownership back. Safe when not owned."""
        ...

    def is_owned(self, execution_id: str) -> bool:
        """Tell whether any live process, this one included, owns the execution."""
        ...
