"""What a journal says of its executions: records, documents, figures. Reads only."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from parallel_agents.core.document import Facts, performance, results_document, status_document
from parallel_agents.core.errors import InputError, UnknownExecutionError
from parallel_agents.core.execution import Counts, ExecutionRecord
from parallel_agents.core.metrics import Resources
from parallel_agents.ports.journal import Journal, Reader


class Executions:
    """Looks executions up by id; every method raises `UnknownExecutionError` for one that is not there.

    `sampled` gives the figures of an execution that runs in this process, None for any other.
    """

    def __init__(
        self, journal: Journal, *, now: Callable[[], float], sampled: Callable[[str], Resources | None]
    ) -> None:
        self._journal = journal
        self._now = now
        self._sampled = sampled

    async def record(self, execution_id: str) -> ExecutionRecord:
        """The execution as it was submitted, with its flags."""
        record = await self._journal.read(lambda reader: reader.execution(execution_id))
        if record is None:
            raise UnknownExecutionError(execution_id, self._journal.path)
        return record

    async def counts(self, execution_id: str) -> Counts:
        """Its tasks by state."""
        return await self._journal.read(lambda reader: reader.counts(execution_id))

    async def status(self, execution_id: str) -> dict[str, Any]:
        """Its status document."""
        return status_document(await self._facts(execution_id))

    async def results(self, execution_id: str) -> dict[str, Any]:
        """Its whole document."""
        return results_document(await self._facts(execution_id))

    def metrics(self, execution_id: str) -> dict[str, Any]:
        """The part `performance_metrics` of its document; in the calling thread."""
        return performance(self._journal.read_now(lambda reader: self._collect(reader, execution_id)))

    async def all_statuses(self) -> list[dict[str, Any]]:
        """The status documents of all executions, newest first."""
        records = await self._journal.read(lambda reader: reader.executions())
        return [await self.status(record.execution_id) for record in records]

    async def unfinished(self) -> list[str]:
        """Ids of those that have open tasks and that nobody runs, newest first."""
        open_ids = await self._journal.read(_with_open_tasks)
        return [one for one in open_ids if not self._journal.is_owned(one)]

    async def check_tasks(self, execution_id: str, task_ids: Sequence[str]) -> None:
        """Make sure that it has these tasks. Raises `InputError` for one that it has not."""
        tasks = await self._journal.read(lambda reader: reader.tasks(execution_id))
        known = {task.task.task_id for task in tasks}
        for task_id in task_ids:
            if task_id not in known:
                close = difflib.get_close_matches(task_id, known, n=1)
                hint = f" Did you mean {close[0]!r}?" if close else ""
                raise InputError(f"execution {execution_id} has no task {task_id!r}.{hint}")

    async def _facts(self, execution_id: str) -> Facts:
        return await self._journal.read(lambda reader: self._collect(reader, execution_id))

    def _collect(self, reader: Reader, execution_id: str) -> Facts:
        record = reader.execution(execution_id)
        if record is None:
            raise UnknownExecutionError(execution_id, self._journal.path)
        sampled = self._sampled(execution_id)
        if sampled is None and record.resources is not None:
            sampled = msgspec.msgpack.decode(record.resources, type=Resources)
        return Facts(
            execution=record,
            counts=reader.counts(execution_id),
            tasks=reader.tasks(execution_id),
            highest_open_priority=reader.highest_open_priority(execution_id),
            discarded=reader.discarded(execution_id),
            owned=self._journal.is_owned(execution_id),
            resources=sampled,
            now=self._now(),
        )


def _with_open_tasks(reader: Reader) -> list[str]:
    not_ended = [record.execution_id for record in reader.executions() if record.ended_at is None]
    return [one for one in not_ended if reader.counts(one).unfinished]
