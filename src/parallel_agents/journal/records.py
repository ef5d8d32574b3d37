"""The writes that move no task: executions, their marks and files, the ledger of calls, commands."""

from __future__ import annotations

from collections.abc import Sequence

from parallel_agents.core.errors import TaskError
from parallel_agents.core.execution import AgentRecord, ExecutionRecord
from parallel_agents.core.states import State
from parallel_agents.core.task import Task
from parallel_agents.journal import charges, reuse
from parallel_agents.journal.database import Database, Value
from parallel_agents.journal.insertion import insert_tasks, placed
from parallel_agents.journal.moves import require_execution
from parallel_agents.journal.rows import execution_row, json_text, storable
from parallel_agents.ports.entries import Appended, Arguments, CanvasLanding, Handed, LandingState, Request, Verb


def submit(database: Database, execution: ExecutionRecord, tasks: Sequence[Task], request: Request) -> tuple[str, ...]:
    """Add an execution with its tasks; returns the ids of those that have the result of an earlier one.

    Raises:
        KeyTakenError: another execution has its idempotency key.
    """
    database.execute("insert_execution", execution_row(execution))
    if execution.budget is not None:
        charges.change_budget(database, execution.execution_id, execution.budget, execution.submitted_at)
    reuse.note_request(database, execution.execution_id, request)
    _insert_files(database, execution.execution_id, execution.file_paths)
    return insert_tasks(database, execution.execution_id, tasks, execution.submitted_at).reused


def append(database: Database, execution_id: str, tasks: Sequence[Task], at: float) -> Appended:
    """Add tasks to an execution that is open; tells which of them ended at once.

    Raises:
        TaskError: an id is that of another task of it, or one depends on what the execution does not have.
    """
    require_execution(database, execution_id)
    for task in tasks:
        if database.row("has_task", {"execution_id": execution_id, "task_id": task.task_id}) is not None:
            problem = f"{task.task_id!r} is the id of an earlier task of this execution"
            raise TaskError(task.position, problem, key="task_id")
    return insert_tasks(database, execution_id, placed(database, execution_id, tasks), at)


def hand_in(database: Database, execution_id: str, tasks: Sequence[Task], at: float) -> tuple[Handed, ...]:
    """Add those of the tasks whose ids the execution does not have yet; tells how each of them stands."""
    require_execution(database, execution_id)
    before = _standing(database, execution_id, tasks)
    new = [task for task in tasks if task.task_id not in before]
    reused = insert_tasks(database, execution_id, placed(database, execution_id, new), at).reused
    return tuple(
        Handed(
            key=key,
            task_id=task_id,
            state=State(state),
            is_new=task_id not in before,
            is_reused=task_id in reused,
        )
        for task_id, (key, state) in _standing(database, execution_id, tasks).items()
    )


def change_agents(database: Database, execution_id: str, agents: Sequence[AgentRecord]) -> None:
    """Note the agents of an execution."""
    database.execute("change_agents", {"execution_id": execution_id, "agents": json_text(agents)})


def close_intake(database: Database, execution_id: str) -> None:
    """Note that no more tasks come in."""
    database.execute("mark_closed", {"execution_id": execution_id})


def pause(database: Database, execution_id: str, reason: str | None, resume_at: float | None) -> None:
    """Note why an execution is paused, and when that is over; None takes the note off."""
    require_execution(database, execution_id)
    noted: dict[str, Value] = {"execution_id": execution_id, "resume_at": resume_at}
    database.execute("mark_paused", {**noted, "reason": None if reason is None else storable(reason)})


def change_concurrency(database: Database, execution_id: str, at_most: int) -> None:
    """Note how many attempts of an execution may run at once from now on."""
    require_execution(database, execution_id)
    database.execute("change_concurrency", {"execution_id": execution_id, "at_most": at_most})


def end(database: Database, execution_id: str, at: float, resources: bytes | None) -> None:
    """Note when an execution came to its end and what was sampled."""
    require_execution(database, execution_id)
    database.execute("mark_ended", {"execution_id": execution_id, "at": at, "resources": resources})


def add_files(database: Database, execution_id: str, paths: Sequence[str]) -> None:
    """Note files that were written; one that is noted already keeps its place."""
    require_execution(database, execution_id)
    _insert_files(database, execution_id, paths)


def begin_landing(database: Database, landing: CanvasLanding) -> int:
    """Note what is about to be put on a canvas; returns its id."""
    require_execution(database, landing.execution_id)
    row: dict[str, Value] = {
        "execution_id": landing.execution_id,
        "canvas_path": storable(landing.canvas_path),
        "at": landing.begun_at,
        "added": landing.added,
        "reversal": landing.reversal,
        "nodes_before": landing.nodes_before,
        "nodes_after": landing.nodes_after,
        "edges_before": landing.edges_before,
        "edges_after": landing.edges_after,
    }
    database.execute("insert_landing", row)
    return database.connection.last_insert_rowid()


def move_landing(database: Database, landing_id: int, state: LandingState, at: float) -> bool:
    """Note what became of a landing; tells if the move is one that there is."""
    return bool(database.execute("move_landing", {"landing_id": landing_id, "state": state, "at": at}))


def note_check(database: Database, landing_id: int, checked: bytes) -> None:
    """Keep what was found after a landing. Raises `LookupError` where there is none with this id."""
    if not database.execute("note_check", {"landing_id": landing_id, "checked": checked}):
        raise LookupError(f"there is no landing {landing_id}")


def record_call(database: Database, key: int, request_hash: str, ordinal: int, *, response: bytes, at: float) -> None:
    """Keep the answer to a model call, unless there is one."""
    row: dict[str, Value] = {
        "key": key,
        "request_hash": request_hash,
        "ordinal": ordinal,
        "response": response,
        "at": at,
    }
    database.execute("insert_call", row)


def ask(database: Database, execution_id: str, verb: Verb, arguments: Arguments, at: float) -> int:
    """Leave a command; returns its id."""
    require_execution(database, execution_id)
    row: dict[str, Value] = {
        "execution_id": execution_id,
        "verb": verb,
        "arguments": json_text(arguments),
        "at": at,
    }
    database.execute("insert_command", row)
    return database.connection.last_insert_rowid()


def acknowledge(database: Database, command_id: int, answer: str, at: float) -> None:
    """Answer a command. Raises `LookupError` where there is none with this id."""
    if not database.execute("answer_command", {"command_id": command_id, "answer": storable(answer), "at": at}):
        raise LookupError(f"there is no command {command_id}")


def _insert_files(database: Database, execution_id: str, paths: Sequence[str]) -> None:
    database.execute_many("insert_file", ({"execution_id": execution_id, "path": path} for path in paths))


def _standing(database: Database, execution_id: str, tasks: Sequence[Task]) -> dict[str, tuple[int, str]]:
    names = json_text([task.task_id for task in tasks])
    found = database.rows("standing_of", {"execution_id": execution_id, "task_ids": names})
    return {task_id: (key, state) for task_id, key, state in found}
