"""The writes about tasks that wait for others. Each runs inside the transaction of what it follows from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from parallel_agents.core.errors import TaskError
from parallel_agents.core.task import Task
from parallel_agents.journal.database import Database
from parallel_agents.journal.rows import json_text, storable


def link(database: Database, execution_id: str, keyed: Mapping[int, Task], at: float) -> tuple[str, ...]:
    """Note what tasks that were just added depend on; returns the ids of those that can never run.

    Raises:
        TaskError: one depends on a task that the execution does not have.
    """
    waiting = {key: task for key, task in keyed.items() if task.depends_on}
    if not waiting:
        return ()
    for task in waiting.values():
        _require(database, execution_id, task)
    database.execute_many(
        "insert_dependency",
        (
            {"key": key, "execution_id": execution_id, "on_task_id": name}
            for key, task in waiting.items()
            for name in task.depends_on
        ),
    )
    count_blockers(database, waiting)
    failed = database.rows("failed_dependencies_of", {"keys": json_text(list(waiting))})
    return tuple(name for (on_key,) in failed for name in pass_failure_on(database, on_key, at))


def count_blockers(database: Database, keys: Iterable[int]) -> None:
    """Count again what each of these tasks still waits for."""
    database.execute("count_blockers", {"keys": json_text(list(keys))})


def pass_success_on(database: Database, key: int) -> bool:
    """One thing less to wait for, for all that depend on this task; tells whether any do."""
    return database.execute("take_blocker_off", {"key": key}) > 0


def pass_failure_on(database: Database, key: int, at: float, *, was_needed: bool = True) -> tuple[str, ...]:
    """Skip every pending task that depends on this one, also through others; returns their ids."""
    row = database.row("task_id_of", {"key": key})
    if row is None:
        return ()
    failed = f"task {row[0]!r}, which it depends on, did not succeed"
    left_out = f"task {row[0]!r}, which it depends on, was not needed"
    because = storable(failed if was_needed else left_out)
    found = database.rows("skip_dependents", {"on_key": key, "at": at, "because": because})
    return tuple(task_id for (task_id,) in found)


def pass_old_failures_on(database: Database, execution_id: str, at: float) -> None:
    """The same for every task of an execution that has ended without success."""
    for (key,) in database.rows("failed_with_pending_dependents", {"execution_id": execution_id}):
        pass_failure_on(database, key, at)


def to_retry(database: Database, execution_id: str, task_ids: Sequence[str] | None) -> list[int]:
    """Find the tasks that a retry moves: those asked for (None: all), and those that hang together with them."""
    chosen = None if task_ids is None else json_text(list(task_ids))
    return [key for (key,) in database.rows("tasks_to_retry", {"execution_id": execution_id, "task_ids": chosen})]


def _require(database: Database, execution_id: str, task: Task) -> None:
    names = json_text(task.depends_on)
    if missing := database.rows("unmet_names", {"execution_id": execution_id, "task_ids": names}):
        problem = f"{missing[0][0]!r} is no task of this execution"
        hint = "A task that comes in later may depend on tasks that came in before it."
        raise TaskError(task.position, problem, key="depends_on", hint=hint)
