"""The writes about tasks that get their input from results. Each runs inside a transaction of its group."""

from __future__ import annotations

from collections.abc import Sequence

from parallel_agents.core.states import Trigger
from parallel_agents.core.task import Task
from parallel_agents.journal import dependencies, reuse
from parallel_agents.journal.database import Database
from parallel_agents.journal.insertion import insert_rows, keyed, placed
from parallel_agents.journal.rows import json_text, storable
from parallel_agents.ports.entries import Bound, Landing


def bind(database: Database, key: int, tasks: Sequence[Task], at: float) -> Bound:
    """Give a task its input: that of the first of `tasks`. The others are added, and what waits for it waits for them.

    Does nothing where it has its input already, or is not pending any more.
    """
    row = database.row("close_binding", {"key": key})
    if row is None:
        return Bound(landed=False)
    (execution_id,) = row
    first, *others = tasks
    database.execute("take_input", {"key": key, "input_data": first.input_data, "metadata": first.metadata})
    added = keyed(database, placed(database, execution_id, others))
    insert_rows(database, execution_id, added, at)
    waiting = [one for (one,) in database.rows("dependents_of", {"key": key})]
    items = {"key": key, "keys": json_text(list(added))}
    database.execute("depend_as_well", items)
    database.execute("depend_on_items_too", items)
    dependencies.count_blockers(database, [key, *waiting])
    reused = reuse.reuse(database, execution_id, {key: first, **added}, at)
    return Bound(landed=True, added=tuple(task.task_id for task in added.values()), reused=reused)


def drop(database: Database, key: int, trigger: Trigger, reason: str, at: float) -> Landing:
    """End a task that gets no input; tells whether that landed, and what can never run now."""
    is_needed = trigger is not Trigger.NOT_NEEDED
    query = "fail_unbound" if is_needed else "leave_out_unbound"
    if not database.execute(query, {"key": key, "at": at, "because": storable(reason)}):
        return Landing(landed=False)
    return Landing(landed=True, skipped=dependencies.pass_failure_on(database, key, at, was_needed=is_needed))
