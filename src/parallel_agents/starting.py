"""What brings an execution to run in this process: a batch that is submitted or opened, or one that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from parallel_agents.assembly import Service
from parallel_agents.control import Control
from parallel_agents.core.budget import Budget, with_limits
from parallel_agents.core.errors import InputError, KeyTakenError
from parallel_agents.core.execution import ExecutionRecord, models_of
from parallel_agents.core.session import timestamp
from parallel_agents.engine.feed import Feed
from parallel_agents.executions import Executions
from parallel_agents.intake import Batch, Intake, Origin
from parallel_agents.ports.journal import Journal
from parallel_agents.streaming import BatchStream


class Start(Protocol):
    """Starts the service: `warm` workers, and the clients of `models`. Safe to repeat."""

    def __call__(self, *, warm: int | None = None, models: Sequence[str] = ()) -> Awaitable[None]:
        """Raises `JournalError`, `PoolError`, `ConfigurationError`."""
        ...


class Starter:
    """Does it for one executor, whose parts are made at the first use: a batch that is refused makes no journal."""

    def __init__(
        self,
        intake: Intake,
        *,
        executions: Callable[[], Executions],
        control: Callable[[], Control],
        journal: Callable[[], Journal],
        service: Callable[[], Service],
        start: Start,
        check_prices: Callable[[Sequence[str]], None],
        now: Callable[[], float],
    ) -> None:
        self._intake = intake
        self._executions = executions
        self._control = control
        self._journal = journal
        self._service = service
        self._start = start
        self._check_prices = check_prices
        self._now = now

    async def submit(
        self,
        tasks: Sequence[Mapping[str, Any]],
        max_concurrent: int | None,
        model: str | None,
        origin: Origin,
        *,
        budget: Budget | None,
    ) -> str:
        """Journal a batch and run it; returns its id. Raises as `submit_batch_tasks` of the executor."""
        batch = self._intake.prepare(tasks, max_concurrent, model, origin, budget=budget)
        earlier = await self._earlier(batch)
        if earlier is not None:
            return earlier
        await self._refuse_unpriced(batch.execution.budget, batch.models)
        left = await self._left(batch)
        models = batch.models if left else ()
        await self._start(warm=min(batch.workers, left), models=models)
        await self._service().gateway.start(models)
        execution = msgspec.structs.replace(batch.execution, submitted_at=self._now())
        try:
            await self._service().engine.submit(execution, batch.tasks, batch.request)
        except KeyTakenError as error:
            return await self._same(batch, error.execution_id, error.batch)
        return execution.execution_id

    async def _earlier(self, batch: Batch) -> str | None:
        """The execution that has this idempotency key. Raises `InputError` where that one is of another batch."""
        key = batch.request.idempotency_key
        if key is None:
            return None
        found = await self._journal().read(lambda reader: reader.requested(key))
        return None if found is None else await self._same(batch, *found)

    async def _same(self, batch: Batch, execution_id: str, digest: bytes) -> str:
        if digest == batch.request.batch:
            return execution_id
        record = await self._executions().record(execution_id)
        counts = await self._executions().counts(execution_id)
        other = f"{execution_id} ({counts.total} tasks, submitted {timestamp(record.submitted_at)})"
        problem = f"the idempotency key {batch.request.idempotency_key!r} is that of {other}"
        hint = "Give it a key of its own, or submit the batch as it was."
        raise InputError(f"{problem}, and this batch of {len(batch.tasks)} tasks is another one. {hint}")

    async def _left(self, batch: Batch) -> int:
        """How many tasks will have to run as far as can be told now: it costs a moment to get ready for them."""
        asked = {task.fingerprint for task in batch.tasks if task.fingerprint is not None}
        if not batch.request.reuses or not asked:
            return len(batch.tasks)
        known = await self._journal().read(lambda reader: reader.answered(asked))
        return sum(task.fingerprint not in known for task in batch.tasks)

    def open(
        self, max_concurrent: int | None, model: str | None, origin: Origin, *, budget: Budget | None
    ) -> BatchStream:
        """A batch whose tasks are still to come. Raises `InputError` where it has an idempotency key."""
        if origin.key is not None:
            raise InputError(
                "an idempotency key goes with a batch that is there as a whole, not with one that comes in"
            )
        intake = self._intake

        async def start() -> tuple[str, Feed]:
            record = intake.open(max_concurrent, origin, budget=budget)
            name = intake.model_of(model)
            models = [] if name is None else [name]
            await self._refuse_unpriced(record.budget, models)
            await self._start(models=models)
            record = msgspec.structs.replace(record, model=name, submitted_at=self._now())
            return record.execution_id, await self._service().engine.open(record, intake.request(origin))

        return BatchStream(start, lambda task, position: intake.accept(task, position, model, budget=budget))

    async def go_on(self, execution_id: str, *, budget: Budget | None = None) -> bool:
        """Go on with an execution; False when it has ended. Raises as `resume_execution` of the executor."""
        record = await self._executions().record(execution_id)
        counts = await self._executions().counts(execution_id)
        if not counts.unfinished:
            await self._note_end(record)
            return False
        models = models_of(record.agents)
        for model in models:
            self._intake.model_of(model)
        if budget is not None and record.budget is None:
            raise InputError(f"{execution_id} was submitted without a budget, so nobody has counted what it has spent")
        raised = None if budget is None else with_limits(record.budget, budget)
        self._intake.check_agents(record.agents, raised or record.budget)
        await self._refuse_unpriced(raised or record.budget, models)
        if self._is_elsewhere(execution_id) and (record.paused is not None or raised is not None):
            await self._control().resume_elsewhere(execution_id, raised)
            return True
        await self._start(warm=min(record.concurrency, counts.unfinished), models=models)
        await self._service().gateway.start(models)
        await self._service().engine.adopt(execution_id, raised)
        return True

    async def retry(self, execution_id: str, task_ids: Sequence[str] | None) -> int:
        """Try tasks again; returns how many. Raises as `retry_execution` of the executor."""
        await self._executions().record(execution_id)
        if task_ids is not None:
            await self._executions().check_tasks(execution_id, task_ids)
        moved = await self._control().retry(execution_id, task_ids)
        if moved is not None:
            return moved
        moved = await self._journal().retry(execution_id, task_ids, self._now())
        if moved:
            await self.go_on(execution_id)
        else:
            self._journal().disown(execution_id)
        return moved

    async def _refuse_unpriced(self, budget: Budget | None, models: Sequence[str]) -> None:
        if budget is not None and budget.usd is not None:
            # In a thread: the list of prices takes half a second to load.
            await asyncio.to_thread(self._check_prices, models)

    def _is_elsewhere(self, execution_id: str) -> bool:
        return self._journal().is_owned(execution_id) and not self._control().is_here(execution_id)

    async def _note_end(self, record: ExecutionRecord) -> None:
        # An engine that died between the last result and its last word left the end unsaid.
        if record.ended_at is None and self._journal().try_own(record.execution_id):
            await self._journal().end(record.execution_id, self._now(), record.resources)
            self._journal().disown(record.execution_id)
