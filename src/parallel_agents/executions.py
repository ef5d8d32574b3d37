"""What a journal says of its executions: records, documents, figures. Reads only."""

from __future__ import annotations

import difflib
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from parallel_agents.canvas.earlier import Earlier, input_digest
from parallel_agents.canvas.vault import found_again
from parallel_agents.core.document import (
    DocumentWriter,
    Facts,
    error_report_part,
    performance_part,
    results_document,
    status_document,
    summary_document,
)
from parallel_agents.core.errors import InputError, UnknownExecutionError
from parallel_agents.core.events import BY_TRIGGER, EventType
from parallel_agents.core.execution import Counts, ExecutionRecord
from parallel_agents.core.formats import View, pieces
from parallel_agents.core.metrics import Resources
from parallel_agents.core.session import timestamp
from parallel_agents.core.states import State, Trigger
from parallel_agents.core.task import TaskRecord, node_ids_of
from parallel_agents.distinct import StoredFirsts
from parallel_agents.ports.entries import Change
from parallel_agents.ports.journal import Journal, Reader

PAGE = 200

Builder: TypeAlias = Callable[[Facts, Iterable[TaskRecord]], dict[str, Any]]


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
        return await self._read(execution_id, status_document)

    async def results(self, execution_id: str) -> dict[str, Any]:
        """Its whole document."""
        return await self._read(execution_id, results_document)

    async def summary(self, execution_id: str) -> dict[str, Any]:
        """Its document without sessions, in memory that does not grow with their number."""
        with StoredFirsts() as firsts:
            return await self._read(execution_id, lambda facts, tasks: summary_document(facts, tasks, firsts))

    async def sessions(self, execution_id: str) -> AsyncGenerator[dict[str, Any]]:
        """The sessions of its document, a page of the journal at a time."""
        facts = await self._journal.read(lambda reader: self._facts(reader, execution_id))
        after = -1
        with StoredFirsts() as firsts:
            writer = DocumentWriter(facts, firsts)
            while page := await self._journal.read(
                lambda r, after=after: r.tasks(execution_id, after=after, limit=PAGE)
            ):
                for task in page:
                    yield writer.session(task)
                after = page[-1].task.position

    async def write(
        self, execution_id: str, view: View, put: Callable[[bytes], object], files: Sequence[str] = ()
    ) -> None:
        """Hand what a view shows to `put`, piece by piece, in memory that does not grow with the number of tasks.

        All of it is one state of the journal. `put` is called from another thread. `files` are named by the document
        beside those that were written before.
        """
        await self._journal.read(lambda reader: self._write(reader, execution_id, view, put, files))

    def metrics(self, execution_id: str) -> dict[str, Any]:
        """The part `performance_metrics` of its document; in the calling thread."""
        return self._journal.read_now(lambda reader: self._document(reader, execution_id, performance_part))

    async def error_report(self, execution_id: str) -> dict[str, Any]:
        """The part `error_report` of its document."""
        return await self._read(execution_id, error_report_part)

    async def all_statuses(self) -> list[dict[str, Any]]:
        """The status documents of all executions, newest first."""
        records = await self._journal.read(lambda reader: reader.executions())
        return [await self.status(record.execution_id) for record in records]

    async def all_standings(self) -> list[dict[str, Any]]:
        """How every execution stands as a whole, newest first; no task is read."""
        records = await self._journal.read(lambda reader: reader.executions())
        return [await self.standing(record.execution_id) for record in records]

    async def unfinished(self) -> list[str]:
        """Ids of those that have open tasks and that nobody runs, newest first."""
        open_ids = await self._journal.read(_with_open_tasks)
        return [one for one in open_ids if not self._journal.is_owned(one)]

    def reused(self, execution_id: str) -> int:
        """How many of its tasks have the result of an earlier one; in the calling thread."""
        return self._journal.read_now(lambda reader: reader.count_reused(execution_id))

    async def failed_tasks(self, execution_id: str) -> list[str]:
        """Ids of its tasks that failed for good."""
        return await self._journal.read(
            lambda reader: [task.task.task_id for task in tasks_of(reader, execution_id, {State.FAILED})]
        )

    async def each_task(self, execution_id: str, take: Callable[[TaskRecord], object]) -> None:
        """Hand every task to `take`, in the submitted order, all of one state of the journal; from another thread."""

        def hand_over(reader: Reader) -> None:
            for task in tasks_of(reader, execution_id):
                take(task)

        await self._journal.read(hand_over)

    async def earlier(self, source: Path, agent_name: str) -> Mapping[Path, Earlier]:
        """What completed before on a canvas, or on those of a folder: scores of any agent, inputs of this one.

        By the resolved path of the canvas. One that was named relative to another folder is looked for in its vault.
        """
        return await self._journal.read(lambda reader: _earlier(reader, source.resolve(), agent_name))

    async def events(self, execution_id: str, *, after: int = 0) -> list[dict[str, Any]]:
        """What happened to its tasks, in order, from sequence `after` + 1; a page at a time, empty at the end."""
        changes = await self._journal.read(lambda reader: reader.history(execution_id, after=after, limit=PAGE))
        return [_event_of(change) for change in changes]

    async def standing(self, execution_id: str) -> dict[str, Any]:
        """How it stands as a whole: the body of its document as far as counts and marks tell it."""
        return await self._journal.read(lambda reader: DocumentWriter(self._facts(reader, execution_id)).head())

    async def check_tasks(self, execution_id: str, task_ids: Sequence[str]) -> None:
        """Make sure that it has these tasks. Raises `InputError` for one that it has not."""
        known = await self._journal.read(lambda reader: {task.task.task_id for task in tasks_of(reader, execution_id)})
        for task_id in task_ids:
            if task_id not in known:
                close = difflib.get_close_matches(task_id, known, n=1)
                hint = f" Did you mean {close[0]!r}?" if close else ""
                raise InputError(f"execution {execution_id} has no task {task_id!r}.{hint}")

    async def _read(self, execution_id: str, build: Builder) -> dict[str, Any]:
        return await self._journal.read(lambda reader: self._document(reader, execution_id, build))

    def _document(self, reader: Reader, execution_id: str, build: Builder) -> dict[str, Any]:
        return build(self._facts(reader, execution_id), tasks_of(reader, execution_id))

    def _write(
        self, reader: Reader, execution_id: str, view: View, put: Callable[[bytes], object], files: Sequence[str]
    ) -> None:
        facts = self._facts(reader, execution_id)
        named = msgspec.structs.replace(facts.execution, file_paths=(*facts.execution.file_paths, *files))
        with StoredFirsts() as firsts:
            writer = DocumentWriter(msgspec.structs.replace(facts, execution=named), firsts)
            for piece in pieces(writer, tasks_of(reader, execution_id), view):
                put(piece)

    def _facts(self, reader: Reader, execution_id: str) -> Facts:
        record = reader.execution(execution_id)
        if record is None:
            raise UnknownExecutionError(execution_id, self._journal.path)
        sampled = self._sampled(execution_id)
        if sampled is None and record.resources is not None:
            sampled = msgspec.msgpack.decode(record.resources, type=Resources)
        return Facts(
            execution=record,
            counts=reader.counts(execution_id),
            highest_open_priority=reader.highest_open_priority(execution_id),
            discarded=reader.discarded(execution_id),
            owned=self._journal.is_owned(execution_id),
            resources=sampled,
            now=self._now(),
            spent=None if record.budget is None else reader.spent(execution_id),
            reused=reader.count_reused(execution_id),
        )


def _event_of(change: Change) -> dict[str, Any]:
    is_move = change.trigger != "result_discarded"
    kind = BY_TRIGGER[Trigger(change.trigger)] if is_move else EventType.RESULT_DISCARDED
    return {
        "sequence": change.sequence,
        "type": kind.value,
        "at": timestamp(change.at),
        "execution_id": change.execution_id,
        "task_id": change.task_id,
        "attempt": change.attempt,
        "trigger": change.trigger,
        "from": change.source,
        "to": change.target,
        "detail": change.detail,
    }


def tasks_of(reader: Reader, execution_id: str, states: Collection[State] | None = None) -> Iterator[TaskRecord]:
    """Every task (in these states) in the submitted order, a page in memory at a time."""
    after = -1
    while page := reader.tasks(execution_id, states=states, after=after, limit=PAGE):
        yield from page
        after = page[-1].task.position


def _earlier(reader: Reader, source: Path, agent_name: str) -> Mapping[Path, Earlier]:
    scored: dict[Path, set[str]] = {}
    inputs: dict[Path, dict[str, str]] = {}
    together: dict[Path, dict[str, tuple[str, ...]]] = {}

    found = cache(found_again)
    for record in reversed(reader.executions()):  # the oldest first, so that the newest input is what stays
        root = record.vault_root
        if record.source is not None and not _are_related(found(record.source, root), source):
            continue
        for task in _completed_of(reader, record.execution_id):
            nodes, path = node_ids_of(task.task), task.task.canvas_path
            if not nodes or path is None or not found(path, root).is_relative_to(source):
                continue
            canvas = found(path, root)
            if task.task.agent_name == agent_name:
                digest = input_digest(msgspec.msgpack.decode(task.task.input_data))
                inputs.setdefault(canvas, {}).update(dict.fromkeys(nodes, digest))
                together.setdefault(canvas, {}).update(dict.fromkeys(nodes, nodes))
            if _has_score(task):
                scored.setdefault(canvas, set()).update(nodes)
    return {
        canvas: Earlier(
            scored_node_ids=frozenset(scored.get(canvas, ())),
            last_inputs=inputs.get(canvas, {}),
            last_together=together.get(canvas, {}),
        )
        for canvas in scored.keys() | inputs.keys()
    }


def _are_related(one: Path, other: Path) -> bool:
    """Whether two sources may have canvases in common: they are the same, or one lies in the other."""
    return one.is_relative_to(other) or other.is_relative_to(one)


def _completed_of(reader: Reader, execution_id: str) -> Iterator[TaskRecord]:
    after = -1
    while page := reader.tasks(execution_id, states={State.COMPLETED}, after=after, limit=PAGE):
        yield from page
        after = page[-1].task.position


def _has_score(task: TaskRecord) -> bool:
    if task.result_status != "success" or task.output is None:
        return False
    return msgspec.msgpack.decode(task.output, type=dict[str, Any]).get("total_score") is not None


def _with_open_tasks(reader: Reader) -> list[str]:
    not_ended = [record.execution_id for record in reader.executions() if record.ended_at is None]
    return [one for one in not_ended if reader.counts(one).unfinished]
