"""The writes that move tasks. Each runs inside the transaction of its group and changes all or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from parallel_agents.core.errors import UnknownExecutionError
from parallel_agents.core.outcome import ErrorClass, ErrorRecord, WorkerIdentity
from parallel_agents.core.retry import after_engine_loss
from parallel_agents.core.settlement import Settlement
from parallel_agents.core.states import SETTLED, Charge, State, Trigger, move
from parallel_agents.journal import dependencies, reuse
from parallel_agents.journal.database import Database, Value
from parallel_agents.journal.rows import error_text, json_text, storable
from parallel_agents.ports.entries import Adopted, Landing, Released

ADDED: dict[Charge, int] = {"none": 0, "add": 1, "refund": -1}
"""What a charge adds to the count of charged attempts, which never goes below 0."""

_DETAIL_LENGTH = 200


def require_execution(database: Database, execution_id: str) -> None:
    """Raise `UnknownExecutionError` where the journal has no such execution."""
    if database.row("has_execution", {"execution_id": execution_id}) is None:
        raise UnknownExecutionError(execution_id, database.path)


def begin(database: Database, key: int, attempt: int, worker: WorkerIdentity, at: float) -> bool:
    """Start an attempt of a pending task; tells whether it landed."""
    if not database.execute("start_task", {"key": key, "attempt": attempt, "at": at}):
        return False
    row: dict[str, Value] = {
        "key": key,
        "attempt": attempt,
        "worker_pid": worker.pid,
        "thread_id": worker.thread_id,
        "node": worker.node,
        "baseline_mb": worker.baseline_mb,
        "effective": json_text(worker.effective),
        "at": at,
    }
    database.execute("insert_attempt", row)
    return True


def settle(database: Database, settlement: Settlement) -> Landing:
    """Write how an attempt ended, or that its result came too late; tells which, and what can never run now."""
    landed = _settle(database, _settled_row(settlement))
    if landed:
        reuse.note_answer(database, settlement)
    return Landing(landed, _pass_on(database, settlement) if landed else ())


def adopt(database: Database, execution_id: str, at: float) -> Adopted:
    """Take back what a dead engine left running, or fail what took too many engines down."""
    require_execution(database, execution_id)
    database.execute("mark_closed", {"execution_id": execution_id})  # whoever handed tasks in is gone
    poisoned = 0
    found = database.rows("running_tasks", {"execution_id": execution_id})
    for key, attempt, engine_losses in found:
        trigger = after_engine_loss(engine_losses + 1)
        poisoned += trigger is Trigger.POISONED
        row = _settled_row(_engine_loss(key, attempt, trigger, at))
        # Nobody was there to see how long it waited or what its model did.
        _settle(database, {**row, "lost_engine": 1, "generation_ms": None, "waited_ms": None})
    dependencies.pass_old_failures_on(database, execution_id, at)
    return Adopted(taken_back=len(found) - poisoned, poisoned=poisoned)


def release_due(database: Database, execution_id: str, now: float, at: float) -> Released:
    """Move waiting tasks that are due by `now` to pending, at the time `at`."""
    moved = database.execute("release_due", {"execution_id": execution_id, "now": now, "at": at})
    row = database.row("next_due_at", {"execution_id": execution_id})
    return Released(moved=moved, next_due_at=None if row is None else row[0])


def release_final_round(database: Database, execution_id: str, at: float) -> int:
    """Move the tasks that wait for the final round to pending; returns how many."""
    return database.execute("release_final_round", {"execution_id": execution_id, "at": at})


def cancel(database: Database, execution_id: str, at: float, *, stopped: bool) -> int:
    """Cancel every pending and waiting task and mark the execution; returns how many."""
    require_execution(database, execution_id)
    database.execute("mark_cancelled", {"execution_id": execution_id, "stopped": stopped})
    because = "stopped by an error" if stopped else "cancelled by the user"
    return database.execute("cancel_tasks", {"execution_id": execution_id, "at": at, "because": because})


def retry(database: Database, execution_id: str, task_ids: Sequence[str] | None, at: float) -> int:
    """Give failed, skipped and cancelled tasks a new life, and named ones with a reused result; returns how many."""
    require_execution(database, execution_id)
    keys = dependencies.to_retry(database, execution_id, task_ids)
    moved = database.execute("retry_tasks", {"keys": json_text(keys), "at": at})
    if task_ids is not None:
        moved += reuse.renew(database, execution_id, task_ids, at)
    dependencies.count_blockers(database, keys)
    database.execute("take_marks_off", {"execution_id": execution_id})
    return moved


def _engine_loss(key: int, attempt: int, trigger: Trigger, at: float) -> Settlement:
    message = "the process of the engine died while this attempt ran"
    is_end = trigger is Trigger.POISONED
    return Settlement(
        key=key,
        attempt=attempt,
        trigger=trigger,
        at=at,
        outcome="engine_lost",
        error=ErrorRecord(error_class=ErrorClass.ENGINE_LOST, type="EngineLost", message=message),
        result_status="error" if is_end else None,
        result_reason=message if is_end else None,
    )


def _settle(database: Database, row: dict[str, Value]) -> bool:
    landed = database.execute("settle_task", row) == 1
    database.execute("end_attempt" if landed else "discard_result", row)
    return landed


def _pass_on(database: Database, settlement: Settlement) -> tuple[str, ...]:
    target = move(State.RUNNING, settlement.trigger).target
    if target is State.COMPLETED:
        dependencies.pass_success_on(database, settlement.key)
    elif target in SETTLED:
        return dependencies.pass_failure_on(database, settlement.key, settlement.at)
    return ()


def _settled_row(settlement: Settlement) -> dict[str, Value]:
    step = move(State.RUNNING, settlement.trigger)
    is_waiting = step.target is State.WAITING
    reason = settlement.result_reason
    return {
        "key": settlement.key,
        "attempt": settlement.attempt,
        "at": settlement.at,
        "trigger": step.trigger.value,
        "target": step.target.value,
        "charge": ADDED[step.charge],
        "charged": step.charge != "refund",
        "lost_worker": settlement.lost_worker,
        "lost_engine": 0,
        "final_round": settlement.final_round or (is_waiting and settlement.due_at is None),
        "due_at": settlement.due_at if is_waiting else None,
        "completed_at": settlement.at if step.target in SETTLED else None,
        "output": settlement.output if step.target is State.COMPLETED else None,
        "result_status": settlement.result_status,
        "result_reason": None if reason is None else storable(reason),
        "fallback": settlement.fallback,
        "because": _detail(settlement),
        **_attempt_columns(settlement),
    }


def _attempt_columns(settlement: Settlement) -> dict[str, Value]:
    usage, calls = settlement.usage, settlement.calls
    return {
        "outcome": settlement.outcome,
        "error": error_text(settlement.error),
        "duration_ms": settlement.duration_ms,
        "cpu_ms": usage.cpu_ms,
        "peak_memory_mb": usage.peak_memory_mb,
        "achieved": json_text(usage.effective),
        "thread_id": usage.thread_id,
        "waited_ms": calls.waited_ms,
        "calls": calls.calls,
        "replayed": calls.replayed,
        "generation_ms": calls.generation_ms,
        "input_tokens": calls.input_tokens,
        "output_tokens": calls.output_tokens,
        "cached_input_tokens": calls.cached_input_tokens,
        "cost_usd": calls.cost_usd,
        "unpriced_calls": calls.unpriced,
        "model": calls.model,
        "is_language_model": calls.is_language_model,
        "finish_reason": None if calls.finish_reason is None else storable(calls.finish_reason),
        "kept_workdir": None if settlement.kept_workdir is None else storable(settlement.kept_workdir),
    }


def _detail(settlement: Settlement) -> str:
    error = settlement.error
    if error is None:
        return settlement.outcome
    return storable(f"{settlement.outcome}: {error.message}"[:_DETAIL_LENGTH])
