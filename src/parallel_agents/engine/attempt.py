"""One attempt, as a straight line: open a context, run it, see how it ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import msgspec

from parallel_agents.core.errors import ItemError
from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.ids import derived_id
from parallel_agents.core.outcome import (
    CallTotals,
    Cancelled,
    Interrupted,
    Outcome,
    TimedOut,
    Usage,
    WorkerIdentity,
)
from parallel_agents.core.settings import Level
from parallel_agents.core.task import ReadyTask
from parallel_agents.engine.workclock import WorkClock
from parallel_agents.ports.models import Gateway, ModelRequest
from parallel_agents.ports.workers import Assignment, Contexts, OpenedContext, WorkerPool

_decode_request = msgspec.msgpack.Decoder(ModelRequest).decode
_encode = msgspec.msgpack.Encoder().encode


class Told(Protocol):
    """What the dispatcher wants to hear while an attempt runs."""

    def attempt_began(self, attempt: RunningAttempt, worker: WorkerIdentity) -> None:
        """A worker has it."""
        ...

    def attempt_received(self, attempt: RunningAttempt) -> None:
        """How it ended has come in."""
        ...

    def attempt_progressed(self, attempt: RunningAttempt, fraction: float | None, message: str) -> None:
        """The agent says how far it is."""
        ...

    async def attempt_delegated(self, attempt: RunningAttempt, request: bytes) -> bytes:
        """The agent hands tasks in; answered once they have ended. Raises `AttemptError`."""
        ...


class AttemptEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended, and what was observed. Durations are in milliseconds, None when it never began."""

    outcome: Outcome
    usage: Usage
    calls: CallTotals
    duration_ms: float | None
    waited_ms: float
    kept_workdir: str | None = None


class Loan:
    """What an attempt waits for of tasks that it handed in: `open` counts, `over` is set when its place is its own."""

    def __init__(self) -> None:
        self.open = 0
        self.over = asyncio.Event()


class RunningAttempt:
    """One attempt while it runs: its clock, its model calls, and the way to stop it."""

    def __init__(
        self,
        ready: ReadyTask,
        agent: AgentRecord,
        parameters: bytes,
        monotonic: Callable[[], float],
        *,
        model: str | None,
    ) -> None:
        self.ready = ready
        self.agent = agent
        self.parameters = parameters
        self.key = ready.key
        self.execution_id = ready.execution_id
        self.attempt = ready.attempt + 1
        self.model = model or ""
        self.totals = CallTotals()
        self.clock = WorkClock(ready.task.timeout_s, monotonic)
        self.worker: WorkerIdentity | None = None
        self.loan = Loan()
        self._stop: Cancelled | Interrupted | None = None
        self._ordinals: Counter[str] = Counter()

    @property
    def place(self) -> tuple[str, str, Level | None, str | None]:
        """What it is counted under: execution, agent, the agent's own level, model."""
        return self.ready.execution_id, self.agent.name, self.agent.isolation, self.model or None

    def stop(self, outcome: Cancelled | Interrupted) -> None:
        """End it as cancelled or interrupted; the first word counts."""
        if self._stop is None:
            self._stop = outcome
            self.clock.stop()

    def next_ordinal(self, request_hash: str) -> int:
        """Count the calls with this hash, from 0."""
        self._ordinals[request_hash] += 1
        return self._ordinals[request_hash] - 1

    def waiting(self, is_waiting: bool) -> None:
        """A model call waits for its lane, or goes on."""
        self.clock.waiting(is_waiting)

    async def run(self, pool: WorkerPool, gateway: Gateway, contexts: Contexts, told: Told) -> AttemptEnd:
        """Run it to its end. Only a cancelled caller gets an exception."""
        context = contexts.open(self.ready.execution_id, self.ready.task.task_id, self.attempt)
        try:
            outcome, usage = await self._within_limits(pool, self._assignment(context), _Link(self, gateway, told))
        finally:
            kept = await asyncio.to_thread(contexts.close, context)
        if isinstance(outcome, TimedOut | Cancelled):
            # What a stopped attempt asked for must not answer the next one: a provider that hangs would hang it too.
            await gateway.abandon(self.key)
        worked_s = self.clock.worked_s
        return AttemptEnd(
            outcome=outcome,
            usage=usage,
            calls=self.totals,
            duration_ms=None if worked_s is None else worked_s * 1000,
            waited_ms=self.clock.waited_s * 1000,
            kept_workdir=kept,
        )

    async def _within_limits(self, pool: WorkerPool, assignment: Assignment, link: _Link) -> tuple[Outcome, Usage]:
        try:
            async with self.clock:
                report = await pool.run(assignment, link)
        except TimeoutError:
            if not self.clock.expired:
                raise
            return self._stop or TimedOut(limit_s=self.clock.limit_s), Usage()
        return report.outcome, report.usage

    def _assignment(self, context: OpenedContext) -> Assignment:
        task = self.ready.task
        return Assignment(
            execution_id=self.ready.execution_id,
            task_id=task.task_id,
            attempt=self.attempt,
            session_id=derived_id("session", self.ready.execution_id, task.task_id),
            context_id=context.context_id,
            target=self.agent.target,
            input_data=task.input_data,
            parameters=self.parameters,
            workdir=context.workdir,
            memory_mb=task.memory_mb,
            level=self.agent.isolation,
        )


class _Link:
    """What the pool calls while it runs the attempt."""

    def __init__(self, attempt: RunningAttempt, gateway: Gateway, told: Told) -> None:
        self._attempt = attempt
        self._gateway = gateway
        self._told = told

    def started(self, worker: WorkerIdentity) -> None:
        self._attempt.worker = worker
        self._attempt.clock.start()
        self._told.attempt_began(self._attempt, worker)

    async def call(self, request: bytes) -> bytes:
        attempt = self._attempt
        if not attempt.model:
            raise ItemError(f"agent {attempt.agent.name!r} asked for a model and none was chosen for this execution")
        attempt.clock.call_began()
        try:
            return _encode(await self._gateway.call(_decode_request(request), attempt))
        finally:
            attempt.clock.call_ended()

    async def delegate(self, request: bytes) -> bytes:
        clock = self._attempt.clock
        clock.call_began()
        clock.waiting(True)
        try:
            return await self._told.attempt_delegated(self._attempt, request)
        finally:
            clock.waiting(False)
            clock.call_ended()

    def received(self) -> None:
        self._told.attempt_received(self._attempt)

    def progress(self, fraction: float | None, message: str) -> None:
        self._told.attempt_progressed(self._attempt, fraction, message)
