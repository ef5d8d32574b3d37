"""Where attempts run: a pool of workers behind one call."""

from __future__ import annotations

from typing import Protocol

import msgspec

from parallel_agents.core.outcome import Outcome, Usage, WorkerIdentity
from parallel_agents.core.settings import Level


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt for a worker.

    `target` is an import string (`module:function` or `path/to/file.py:function`) of `async def run(context)`.
    `input_data` and `parameters` are msgpack maps. `memory_mb` is a budget above the worker's own baseline. `workdir`
    exists, belongs to this attempt alone and is removed by the one who made it. `level` is the isolation level that its
    agent asks for, None for that of the pool.
    """

    execution_id: str
    task_id: str
    attempt: int
    session_id: str
    context_id: str
    target: str
    input_data: bytes
    parameters: bytes
    workdir: str
    memory_mb: float
    level: Level | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended and what the worker measured."""

    outcome: Outcome
    usage: Usage = Usage()


class Link(Protocol):
    """What an attempt may say while it runs; called on the event loop of the engine."""

    def started(self, worker: WorkerIdentity) -> None:
        """Tell that a worker has the attempt, before anything else is told about it."""
        ...

    async def call(self, request: bytes) -> bytes:
        """Answer a model call (both msgpack). An `AttemptError` goes to the agent as the same error."""
        ...

    async def delegate(self, request: bytes) -> bytes:
        """Answer for tasks that the attempt hands in (both msgpack), once they have ended; errors as for `call`."""
        ...

    def received(self) -> None:
        """Tell that how the attempt ended has come in, once and before anything else is read; its report follows."""
        ...

    def progress(self, fraction: float | None, message: str) -> None:
        """Pass on the agent's own word about how far it is (0 to 1)."""
        ...


class OpenedContext(msgspec.Struct, frozen=True, kw_only=True):
    """The private place of one attempt: its id, and a directory that belongs to it alone."""

    context_id: str
    workdir: str


class Contexts(Protocol):
    """Makes and removes the private places of attempts."""

    def open(self, execution_id: str, task_id: str, attempt: int) -> OpenedContext:
        """Make the place of one attempt."""
        ...

    def close(self, context: OpenedContext) -> str | None:
        """Remove it with everything in it; the path of the directory where it was kept instead."""
        ...


class WorkerPool(Protocol):
    """Runs attempts in workers.

    `run` ends with a report whatever the agent does: it returns, raises, is killed, prints garbage, never answers a
    heartbeat. A cancelled `run` has stopped the attempt before it raises: by ending its worker where that is the
    attempt's own, else by cancelling it, and by ending the worker when it does not yield. Nothing of one attempt is
    running when its `run` has ended, but for threads and programs that an agent left behind in a worker that others
    share: those end with the worker. A pool leaves no process behind, not even when its own process is killed.

    An attempt that went down with a worker through the fault of another, or of nobody knows whom, is `Interrupted` as
    a bystander; in the second case its next try has a worker of its own, so that the one at fault is found.
    """

    async def start(self, warm: int) -> None:
        """Start supervision and `warm` workers. Raises `PoolError`."""
        ...

    async def run(self, assignment: Assignment, link: Link) -> Report:
        """Run one attempt on a free worker, waiting for one if need be."""
        ...

    def pause_reading(self) -> None:
        """Take in nothing more from the workers, not even a result that has arrived, until `resume_reading`.

        They go on as long as their sockets have room. None is taken for silent meanwhile; one that dies is noticed, and
        what it had sent by then counts. Safe to call inside `Link.received`, and twice.
        """
        ...

    def resume_reading(self) -> None:
        """Take in what the workers say again; safe to call twice."""
        ...

    async def aclose(self) -> None:
        """Stop every worker and wait until it is gone. Safe to call twice and before `start`."""
        ...

    def workers(self) -> list[WorkerIdentity]:
        """List the workers that live now."""
        ...
