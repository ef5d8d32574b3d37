"""Between rows and the values that they hold."""

from __future__ import annotations

import msgspec

from parallel_agents.core.execution import AgentRecord, ExecutionRecord
from parallel_agents.core.outcome import ErrorRecord
from parallel_agents.core.states import State
from parallel_agents.core.task import AttemptRecord, ReadyTask, ReuseRecord, Task, TaskRecord
from parallel_agents.journal.database import Row, Value
from parallel_agents.ports.entries import Arguments, CanvasLanding, Change, Command

_encode = msgspec.json.Encoder().encode
_agents = msgspec.json.Decoder(tuple[AgentRecord, ...])
_texts = msgspec.json.Decoder(tuple[str, ...])
_error = msgspec.json.Decoder(ErrorRecord)
_effective = msgspec.json.Decoder(dict[str, str])
_arguments = msgspec.json.Decoder(Arguments)


def json_text(value: object) -> str:
    """Write a value as JSON for a TEXT column."""
    return _encode(value).decode()


def storable(text: str) -> str:
    """Escape what cannot be stored as UTF-8, so that an odd message never costs the result that it came with."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def error_text(error: ErrorRecord | None) -> str | None:
    """Write an error as JSON for a TEXT column."""
    if error is None:
        return None
    try:
        return json_text(error)
    except UnicodeEncodeError:
        texts = {
            name: storable(text)
            for name in ("type", "message", "traceback", "raw")
            if (text := getattr(error, name)) is not None
        }
        return json_text(msgspec.structs.replace(error, **texts))


def execution_row(execution: ExecutionRecord) -> dict[str, Value]:
    """Turn an execution into the columns of its row."""
    return {
        "execution_id": execution.execution_id,
        "submitted_at": execution.submitted_at,
        "max_concurrent": execution.max_concurrent,
        "model": execution.model,
        "source": execution.source,
        "vault_root": execution.vault_root,
        "settings": execution.settings,
        "agents": json_text(execution.agents),
        "ended_at": execution.ended_at,
        "cancel_requested": execution.cancel_requested,
        "paused": execution.paused,
        "stopped": execution.stopped,
        "resources": execution.resources,
        "is_open": execution.is_open,
        "resume_at": execution.resume_at,
    }


def execution_of(row: Row) -> ExecutionRecord:
    """Read a row of the view `execution_records`."""
    (_number, execution_id, submitted_at, max_concurrent, model, source, vault_root, settings, agents, *marks) = row
    ended_at, cancel_requested, paused, stopped, resources, paths, changed_concurrency, is_open, resume_at = marks
    return ExecutionRecord(
        execution_id=execution_id,
        submitted_at=submitted_at,
        max_concurrent=max_concurrent,
        model=model,
        source=source,
        vault_root=vault_root,
        settings=settings,
        agents=_agents.decode(agents),
        ended_at=ended_at,
        cancel_requested=bool(cancel_requested),
        paused=paused,
        stopped=bool(stopped),
        resources=resources,
        file_paths=_texts.decode(paths),
        changed_concurrency=changed_concurrency,
        is_open=bool(is_open),
        resume_at=resume_at,
    )


def task_of(columns: Row) -> Task:
    """Read the columns of the submitted task, in the order in which every query names them."""
    (task_id, position, agent_name, input_data, priority, rank, *limits) = columns[:9]
    canvas_path, node_id, metadata, parent_id, depth, depends_on = columns[9:]
    timeout_s, retry_attempts, memory_mb = limits
    return Task(
        task_id=task_id,
        position=position,
        agent_name=agent_name,
        input_data=input_data,
        priority=priority,
        rank=rank,
        timeout_s=timeout_s,
        retry_attempts=retry_attempts,
        memory_mb=memory_mb,
        canvas_path=canvas_path,
        node_id=node_id,
        metadata=metadata,
        depends_on=_texts.decode(depends_on),
        parent_id=parent_id,
        depth=depth,
    )


def ready_task_of(row: Row) -> ReadyTask:
    """Read a row of the view `ready_tasks`."""
    key, execution_id, attempt, charged, losses, final_round = row[:6]
    return ReadyTask(
        key=key,
        execution_id=execution_id,
        task=task_of(row[6:]),
        attempt=attempt,
        charged=charged,
        losses=losses,
        final_round=bool(final_round),
    )


def task_record_of(row: Row, attempts: tuple[AttemptRecord, ...], reused: ReuseRecord | None = None) -> TaskRecord:
    """Read a row of the view `task_records`."""
    key, execution_id, state, attempt, charged, losses, submitted_at, completed_at, due_at = row[:9]
    output, result_status, result_reason, fallback = row[9:13]
    return TaskRecord(
        key=key,
        execution_id=execution_id,
        task=task_of(row[13:]),
        state=State(state),
        attempt=attempt,
        charged=charged,
        losses=losses,
        submitted_at=submitted_at,
        completed_at=completed_at,
        due_at=due_at,
        output=output,
        result_status=result_status,
        result_reason=result_reason,
        fallback=fallback,
        attempts=attempts,
        reused=reused,
    )


def attempt_of(row: Row) -> AttemptRecord:
    """Read a row of the query `attempts`, its key left out."""
    attempt, worker_pid, started_at, ended_at, outcome, charged, error, *measured = row
    duration_ms, waited_ms, cpu_ms, peak_memory_mb, thread_id, *called = measured
    calls, replayed, generation_ms, input_tokens, output_tokens, model, is_language_model, *noted = called
    effective, finish_reason, kept_workdir, cached_input_tokens, cost_usd, unpriced = noted
    return AttemptRecord(
        attempt=attempt,
        worker_pid=worker_pid,
        started_at=started_at,
        ended_at=ended_at,
        outcome=outcome,
        charged=bool(charged),
        error=None if error is None else _error.decode(error),
        duration_ms=duration_ms,
        waited_ms=waited_ms,
        cpu_ms=cpu_ms,
        peak_memory_mb=peak_memory_mb,
        thread_id=thread_id,
        calls=calls,
        replayed=replayed,
        generation_ms=generation_ms,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        model=model,
        is_language_model=None if is_language_model is None else bool(is_language_model),
        effective=_effective.decode(effective),
        finish_reason=finish_reason,
        kept_workdir=kept_workdir,
        cached_input_tokens=cached_input_tokens,
        cost_usd=cost_usd,
        unpriced=unpriced,
    )


def reuse_of(row: Row) -> ReuseRecord:
    """Read a row of the query `origins`, its key left out."""
    execution_id, task_id, node_id, at, model, is_language_model, finish_reason = row
    return ReuseRecord(
        execution_id=execution_id,
        task_id=task_id,
        node_id=node_id,
        at=at,
        model=model,
        is_language_model=None if is_language_model is None else bool(is_language_model),
        finish_reason=finish_reason,
    )


def change_of(row: Row) -> Change:
    """Read a row of the query `history`."""
    sequence, execution_id, task_id, attempt, at, trigger, source, target, detail = row
    return Change(
        sequence=sequence,
        execution_id=execution_id,
        task_id=task_id,
        attempt=attempt,
        at=at,
        trigger=trigger,
        source=None if source is None else State(source),
        target=State(target),
        detail=detail,
    )


def landing_of(row: Row) -> CanvasLanding:
    """Read a row of the query `landings`."""
    landing_id, execution_id, canvas_path, state, begun_at, moved_at, added, reversal, *counts, checked = row
    nodes_before, nodes_after, edges_before, edges_after = counts
    return CanvasLanding(
        landing_id=landing_id,
        execution_id=execution_id,
        canvas_path=canvas_path,
        state=state,
        begun_at=begun_at,
        moved_at=moved_at,
        added=added,
        reversal=reversal,
        nodes_before=nodes_before,
        nodes_after=nodes_after,
        edges_before=edges_before,
        edges_after=edges_after,
        checked=checked,
    )


def command_of(row: Row) -> Command:
    """Read a row of the queries `command` and `open_commands`."""
    command_id, execution_id, verb, arguments, asked_at, answer = row
    return Command(
        command_id=command_id,
        execution_id=execution_id,
        verb=verb,
        arguments=_arguments.decode(arguments),
        asked_at=asked_at,
        answer=answer,
    )
