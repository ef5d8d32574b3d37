"""Reads of what is committed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec

from parallel_agents.core.budget import Spent
from parallel_agents.core.chains import Done
from parallel_agents.core.execution import Counts, ExecutionRecord
from parallel_agents.core.states import State
from parallel_agents.core.task import AttemptRecord, ReadyTask, ReuseRecord, TaskRecord
from parallel_agents.journal import charges, rows
from parallel_agents.journal.database import Database, Row, Value
from parallel_agents.ports.entries import CanvasLanding, Change, Command, Order, Unbound
from parallel_agents.ports.journal import Reader

T = TypeVar("T")

_READY: dict[Order, str] = {
    "priority": "ready_by_priority",
    "fifo": "ready_first_in_first_out",
    "lifo": "ready_last_in_first_out",
}


def run_query(database: Database, query: Callable[[Reader], T]) -> T:
    """Run `query` on one consistent state of the journal. It must not start another read of the same journal.

    Raises:
        JournalError: the journal cannot be read.
    """
    with database.snapshot():
        return query(SqliteReader(database))


class SqliteReader:
    """The reads of `ports.journal.Reader` on one connection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def execution(self, execution_id: str) -> ExecutionRecord | None:
        """Return one execution, None where there is none."""
        row = self._database.row("execution", {"execution_id": execution_id})
        if row is None:
            return None
        found = charges.budget(self._database, execution_id)
        return msgspec.structs.replace(rows.execution_of(row), budget=found)

    def executions(self) -> list[ExecutionRecord]:
        """Return all executions, newest first."""
        found = charges.budgets(self._database)
        records = [rows.execution_of(row) for row in self._database.rows("executions")]
        return [msgspec.structs.replace(one, budget=found.get(one.execution_id)) for one in records]

    def counts(self, execution_id: str) -> Counts:
        """Count the tasks of an execution by state."""
        found = self._database.rows("counts", {"execution_id": execution_id})
        return Counts.of({State(state): number for state, number in found})

    def tasks(
        self, execution_id: str, *, states: Collection[State] | None = None, after: int = -1, limit: int = -1
    ) -> list[TaskRecord]:
        """Return tasks with their attempts in the submitted order, from position `after` + 1; -1 is no limit."""
        bindings: dict[str, Value] = {"execution_id": execution_id, "after": after, "limit": limit}
        if states is None:
            found = self._database.rows("tasks", bindings)
        else:
            found = self._database.rows("tasks_in_states", {**bindings, "states": rows.json_text(list(states))})
        return self._with_attempts(found)

    def tasks_of(self, keys: Collection[int]) -> list[TaskRecord]:
        """Return these tasks with their attempts, by key."""
        return self._with_attempts(self._database.rows("tasks_of", {"keys": rows.json_text(list(keys))}))

    def _with_attempts(self, found: list[Row]) -> list[TaskRecord]:
        keys = [row[0] for row in found]
        attempts, reused = self._attempts(keys), self._reused(keys)
        return [rows.task_record_of(row, tuple(attempts[row[0]]), reused.get(row[0])) for row in found]

    def _reused(self, keys: list[int]) -> dict[int, ReuseRecord]:
        found = self._database.rows("origins", {"keys": rows.json_text(keys)})
        return {key: rows.reuse_of(tuple(columns)) for key, *columns in found}

    def _attempts(self, keys: list[int]) -> defaultdict[int, list[AttemptRecord]]:
        by_key: defaultdict[int, list[AttemptRecord]] = defaultdict(list)
        for key, *columns in self._database.rows("attempts", {"keys": rows.json_text(keys)}):
            by_key[key].append(rows.attempt_of(tuple(columns)))
        return by_key

    def ready(
        self,
        execution_id: str,
        *,
        exclude: Collection[int],
        limit: int,
        order: Order,
        without: Collection[str] = (),
    ) -> list[ReadyTask]:
        """Return up to `limit` pending tasks whose key is not in `exclude`, none of the agents `without`."""
        left_out = {"exclude": rows.json_text(list(exclude)), "without": rows.json_text(list(without))}
        bindings = {"execution_id": execution_id, "limit": limit, **left_out}
        return [rows.ready_task_of(row) for row in self._database.rows(_READY[order], bindings)]

    def ready_among(self, keys: Collection[int]) -> list[ReadyTask]:
        """Return those of these tasks that are pending and wait for no other."""
        found = self._database.rows("ready_among", {"keys": rows.json_text(list(keys))})
        return [rows.ready_task_of(row) for row in found]

    def has_open_bindings(self, execution_id: str) -> bool:
        """Tell whether any pending task is still to get its input."""
        return self._database.row("has_open_bindings", {"execution_id": execution_id}) == (1,)

    def unbound(self, execution_id: str, limit: int) -> list[Unbound]:
        """Return up to `limit` pending tasks that wait for nothing but their input, in the submitted order."""
        found = dict(self._database.rows("unbound", {"execution_id": execution_id, "limit": limit}))
        tasks = {one.key: one.task for one in self.tasks_of(found)}
        return [Unbound(key=key, task=tasks[key], binding=found[key], done=self._done_before(key)) for key in found]

    def _done_before(self, key: int) -> list[Done]:
        return [Done(*row) for row in self._database.rows("done_before", {"key": key})]

    def agents_to_run(self, execution_id: str) -> frozenset[str]:
        """Return the agents that have tasks which can start now, or by themselves at a time that is known."""
        found = self._database.rows("agents_to_run", {"execution_id": execution_id})
        return frozenset(name for (name,) in found)

    def has_pending(self, execution_id: str) -> bool:
        """Tell whether any task is pending."""
        return self._database.row("has_pending", {"execution_id": execution_id}) == (1,)

    def next_due_at(self, execution_id: str) -> float | None:
        """Return when the next waiting task is due, None where none waits for a time."""
        row = self._database.row("next_due_at", {"execution_id": execution_id})
        return None if row is None else row[0]

    def highest_open_priority(self, execution_id: str) -> str | None:
        """Return the highest priority among tasks not yet settled."""
        row = self._database.row("highest_open_priority", {"execution_id": execution_id})
        return None if row is None else row[0]

    def discarded(self, execution_id: str) -> int:
        """Count the late results that were refused."""
        row = self._database.row("discarded", {"execution_id": execution_id})
        return 0 if row is None else row[0]

    def count_reused(self, execution_id: str) -> int:
        """Count the tasks that have the result of an earlier one."""
        row = self._database.row("count_reused", {"execution_id": execution_id})
        return 0 if row is None else row[0]

    def answered(self, fingerprints: Collection[bytes]) -> frozenset[bytes]:
        """Return those of these fingerprints that have a result to give."""
        listed = rows.json_text([fingerprint.hex() for fingerprint in fingerprints])
        return frozenset(bytes.fromhex(text) for (text,) in self._database.rows("answered", {"fingerprints": listed}))

    def requested(self, idempotency_key: str) -> tuple[str, bytes] | None:
        """Return the execution with this idempotency key and the digest of its batch, None where there is none."""
        row = self._database.row("request_with_key", {"idempotency_key": idempotency_key})
        return None if row is None else (row[0], row[1])

    def history(self, execution_id: str, *, after: int = 0, limit: int = -1) -> list[Change]:
        """Return changes in the order they were committed, from sequence `after` + 1."""
        bindings = {"execution_id": execution_id, "after": after, "limit": limit}
        return [rows.change_of(row) for row in self._database.rows("history", bindings)]

    def find_call(self, key: int, request_hash: str, ordinal: int) -> bytes | None:
        """Return the journaled answer to this call of this task, None where there is none."""
        row = self._database.row("call", {"key": key, "request_hash": request_hash, "ordinal": ordinal})
        return None if row is None else row[0]

    def open_commands(self, execution_ids: Collection[str]) -> list[Command]:
        """Return the commands for these executions that nobody has acknowledged, oldest first."""
        bindings = {"execution_ids": rows.json_text(list(execution_ids))}
        return [rows.command_of(row) for row in self._database.rows("open_commands", bindings)]

    def landings(self, execution_id: str) -> list[CanvasLanding]:
        """Return what was put on canvases for an execution, in the order in which it was begun."""
        return [rows.landing_of(row) for row in self._database.rows("landings", {"execution_id": execution_id})]

    def spent(self, execution_id: str) -> Spent:
        """Add up what the requests of an execution have cost, and at most will; only of one that has a budget."""
        return charges.spent(self._database, execution_id)

    def command(self, command_id: int) -> Command | None:
        """Return one command, None where there is none."""
        row = self._database.row("command", {"command_id": command_id})
        return None if row is None else rows.command_of(row)
