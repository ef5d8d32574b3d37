"""Adds tasks to an execution, with what they wait for. Runs inside the transaction of what it follows from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from parallel_agents.core.task import Task
from parallel_agents.journal import dependencies, reuse
from parallel_agents.journal.database import Database, Value
from parallel_agents.ports.entries import Appended


def placed(database: Database, execution_id: str, tasks: Sequence[Task]) -> list[Task]:
    """The tasks with positions that follow those of the execution."""
    row = database.row("next_position", {"execution_id": execution_id})
    first = 0 if row is None else row[0]
    return [msgspec.structs.replace(task, position=first + number) for number, task in enumerate(tasks)]


def insert_tasks(database: Database, execution_id: str, tasks: Sequence[Task], at: float) -> Appended:
    """Add tasks; tells which of them ended at once."""
    by_key = keyed(database, tasks)
    insert_rows(database, execution_id, by_key, at)
    skipped = dependencies.link(database, execution_id, by_key, at)
    return Appended(skipped=skipped, reused=reuse.reuse(database, execution_id, by_key, at))


def keyed(database: Database, tasks: Sequence[Task]) -> dict[int, Task]:
    """The tasks in the order of their positions, by the keys that they get."""
    last = database.row("last_key")
    first = 1 if last is None else last[0] + 1
    return dict(enumerate(sorted(tasks, key=lambda task: task.position), start=first))


def insert_rows(database: Database, execution_id: str, by_key: dict[int, Task], at: float) -> None:
    """Write the rows of tasks; what they depend on is another matter."""
    database.execute_many("insert_task", (_task_row(key, execution_id, task, at) for key, task in by_key.items()))
    database.execute_many(
        "insert_input",
        ({"key": key, "input_data": task.input_data, "metadata": task.metadata} for key, task in by_key.items()),
    )
    database.execute_many(
        "insert_binding",
        (
            {"key": key, "execution_id": execution_id, "binding": task.binding}
            for key, task in by_key.items()
            if task.binding is not None
        ),
    )


def _task_row(key: int, execution_id: str, task: Task, at: float) -> dict[str, Value]:
    return {
        "key": key,
        "execution_id": execution_id,
        "task_id": task.task_id,
        "position": task.position,
        "agent_name": task.agent_name,
        "priority": task.priority,
        "rank": task.rank,
        "timeout_s": task.timeout_s,
        "retry_attempts": task.retry_attempts,
        "memory_mb": task.memory_mb,
        "canvas_path": task.canvas_path,
        "node_id": task.node_id,
        "parent_id": task.parent_id,
        "depth": task.depth,
        "moved_at": at,
    }
