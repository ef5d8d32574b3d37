"""The writes about results that serve again. Each runs inside the transaction of what it follows from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from parallel_agents.core.errors import KeyTakenError
from parallel_agents.core.settlement import Settlement
from parallel_agents.core.states import Trigger
from parallel_agents.core.task import Task
from parallel_agents.journal import dependencies
from parallel_agents.journal.database import Database
from parallel_agents.journal.rows import json_text
from parallel_agents.ports.entries import Request


def note_request(database: Database, execution_id: str, request: Request) -> None:
    """Note how an execution was asked for. Raises `KeyTakenError` where its idempotency key is another one's."""
    key = request.idempotency_key
    if key is not None:
        found = database.row("request_with_key", {"idempotency_key": key})
        if found is not None:
            raise KeyTakenError(key, *found)
    row = {"execution_id": execution_id, "reuses": request.reuses, "idempotency_key": key, "batch": request.batch}
    database.execute("insert_request", row)


def reuse(database: Database, execution_id: str, keyed: Mapping[int, Task], at: float) -> tuple[str, ...]:
    """Note what tasks that were just added ask, and complete those that were answered before; returns their ids.

    A task that depends on others is one of them only where all of those are completed.
    """
    asking = {key: task.fingerprint for key, task in keyed.items() if task.fingerprint is not None}
    if not asking:
        return ()
    database.execute_many(
        "insert_fingerprint", ({"key": key, "fingerprint": fingerprint} for key, fingerprint in asking.items())
    )
    if database.row("reuses", {"execution_id": execution_id}) != (1,):
        return ()
    done: list[str] = []
    wanted = list(asking)
    while wanted:
        moved = _take_results(database, wanted, at)
        done += moved.values()
        for key in moved:
            dependencies.pass_success_on(database, key)
        freed = database.rows("freed_by", {"keys": json_text(list(moved))}) if moved else []
        wanted = [key for (key,) in freed if key in asking]
    return tuple(done)


def note_answer(database: Database, settlement: Settlement) -> None:
    """The result that just landed may serve again, where a language model gave it."""
    is_success = settlement.trigger is Trigger.SUCCEEDED and settlement.result_status == "success"
    if is_success and settlement.calls.is_language_model:
        database.execute("mark_answer", {"key": settlement.key})


def renew(database: Database, execution_id: str, task_ids: Sequence[str], at: float) -> int:
    """Take reused results off these tasks, so that they are asked anew; returns how many.

    One that depends on others, or on which others depend, keeps its result: what those did rests on it.
    """
    named = {"execution_id": execution_id, "task_ids": json_text(list(task_ids))}
    keys = json_text([key for (key,) in database.rows("tasks_to_renew", named)])
    moved = database.execute("renew_tasks", {"keys": keys, "at": at})
    if moved:
        database.execute("forget_origins", {"keys": keys})
    return moved


def _take_results(database: Database, keys: Sequence[int], at: float) -> dict[int, str]:
    listed = json_text(list(keys))
    if not database.execute("find_origins", {"keys": listed}):
        return {}
    return dict(database.rows("take_results", {"keys": listed, "at": at}))
