"""The document: what the specification calls `parallel_agent_execution`, built from what the journal holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from parallel_agents.core import metrics
from parallel_agents.core.aggregate import ResultAggregator, with_derived
from parallel_agents.core.execution import Counts, ExecutionRecord, overall_status
from parallel_agents.core.ids import derived_id
from parallel_agents.core.metrics import Resources
from parallel_agents.core.settings import Settings
from parallel_agents.core.states import State
from parallel_agents.core.task import AttemptRecord, TaskRecord

SCHEMA_VERSION = "1.0"
NOBODY_RUNS_IT = "no_engine"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a document is made of. `owned` tells whether a live process runs the execution.

    `resources` are the sampled figures so far, None when there are none. `now` is seconds since the epoch.
    """

    execution: ExecutionRecord
    counts: Counts
    tasks: Sequence[TaskRecord]
    highest_open_priority: str | None
    discarded: int
    owned: bool
    resources: Resources | None
    now: float


def results_document(facts: Facts) -> dict[str, Any]:
    """The whole document."""
    body = _head(facts)
    body["agent_execution_sessions"] = [session(facts, task) for task in facts.tasks]
    body["performance_metrics"] = performance(facts)
    body["error_management"] = _errors(facts)
    body["result_aggregation"] = _aggregation(facts)
    return {"schema_version": SCHEMA_VERSION, "parallel_agent_execution": body}


def status_document(facts: Facts) -> dict[str, Any]:
    """The document without inputs, results and aggregation; its sessions are those that run now."""
    body = _head(facts)
    running = [task for task in facts.tasks if _shown_state(facts, task) is State.RUNNING]
    body["agent_execution_sessions"] = [session(facts, task, whole=False) for task in running]
    body["performance_metrics"] = performance(facts)
    body["error_management"] = _errors(facts)
    return {"schema_version": SCHEMA_VERSION, "parallel_agent_execution": body}


def performance(facts: Facts) -> dict[str, Any]:
    """The part `performance_metrics`."""
    execution = facts.execution
    efficiency = metrics.efficiency(execution.submitted_at, execution.max_concurrent, facts.tasks, facts.now)
    return {
        "parallel_efficiency": msgspec.to_builtins(efficiency),
        "resource_usage": _resource_usage(facts.resources),
        "throughput": msgspec.to_builtins(metrics.throughput(execution.submitted_at, facts.tasks, facts.now)),
    }


def session(facts: Facts, task: TaskRecord, *, whole: bool = True) -> dict[str, Any]:
    """One task with its attempts, as the specification shows a session."""
    last = task.attempts[-1] if task.attempts else None
    accepted = metrics.accepted_attempt(task)
    shown: dict[str, Any] = {
        "session_id": derived_id("session", task.execution_id, task.task.task_id),
        "agent_name": task.task.agent_name,
        "task_id": task.task.task_id,
        "status": _shown_state(facts, task).value,
        "priority": task.task.priority,
        "attempt": task.attempt,
        "submission_time": timestamp(task.submitted_at),
        "start_time": timestamp(task.attempts[0].started_at) if task.attempts else None,
        "completion_time": timestamp(task.completed_at),
        "execution_duration_ms": whole_ms(accepted.duration_ms if accepted else None),
        "waited_ms": whole_ms(sum(attempt.waited_ms or 0.0 for attempt in task.attempts)),
    }
    if whole:
        shown["input_data"] = _input_data(facts, task)
    shown["execution_context"] = _execution_context(accepted or last)
    if whole:
        shown["result"] = _result(task, accepted)
    shown["error_handling"] = _error_handling(task)
    return shown


def is_isolated(effective: Mapping[str, str]) -> bool:
    """Tell whether a worker had what the process level asks for: a bound on memory, and a kill of the whole group."""
    return effective.get("memory", "none") != "none" and effective.get("kill") == "process_group"


def timestamp(seconds: float | None) -> str | None:
    """UTC, ISO 8601, milliseconds, with `Z`."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole_ms(value: float | None) -> int | None:
    """Whole milliseconds; None stays None."""
    return None if value is None else round(value)


def _shown_state(facts: Facts, task: TaskRecord) -> State:
    return State.PENDING if task.state is State.RUNNING and not facts.owned else task.state


def _shown_counts(facts: Facts) -> Counts:
    counts = facts.counts
    if facts.owned or not counts.running:
        return counts
    return msgspec.structs.replace(counts, pending=counts.pending + counts.running, running=0)


def _head(facts: Facts) -> dict[str, Any]:
    execution, counts = facts.execution, _shown_counts(facts)
    paused = execution.paused
    if counts.unfinished and not facts.owned and paused is None:
        paused = NOBODY_RUNS_IT
    status = overall_status(
        counts, cancel_requested=execution.cancel_requested, stopped=execution.stopped, paused=paused
    )
    return {
        "execution_id": execution.execution_id,
        "submission_timestamp": timestamp(execution.submitted_at),
        "completion_timestamp": timestamp(execution.ended_at),
        "execution_mode": "serial" if execution.max_concurrent == 1 else "parallel_batch",
        "max_concurrent_agents": execution.max_concurrent,
        "overall_status": status.value,
        "pause_reason": paused if status.value == "paused" else None,
        "source": execution.source,
        "model": _model(facts),
        "task_queue": _task_queue(facts, counts),
    }


def _model(facts: Facts) -> dict[str, Any] | None:
    name = facts.execution.model
    if name is None:
        return None
    kinds = {attempt.is_language_model for task in facts.tasks for attempt in task.attempts} - {None}
    return {"name": name, "is_language_model": kinds.pop() if len(kinds) == 1 else None}


def _task_queue(facts: Facts, counts: Counts) -> dict[str, Any]:
    return {
        "total_tasks": counts.total,
        "pending_tasks": counts.pending + counts.waiting,
        "waiting_tasks": counts.waiting,
        "running_tasks": counts.running,
        "completed_tasks": counts.completed,
        "failed_tasks": counts.failed,
        "skipped_tasks": counts.skipped,
        "cancelled_tasks": counts.cancelled,
        "queue_priority": facts.highest_open_priority,
    }


def _input_data(facts: Facts, task: TaskRecord) -> dict[str, Any]:
    given: dict[str, Any] = msgspec.msgpack.decode(task.task.input_data)
    attempt = max(1, task.attempt)
    agent = next((agent for agent in facts.execution.agents if agent.name == task.task.agent_name), None)
    level = _settings(facts).parallel_processing.context_isolation.isolation_level
    last = task.attempts[-1] if task.attempts else None
    return {
        **({"canvas_path": task.task.canvas_path} if task.task.canvas_path is not None else {}),
        **({"node_id": task.task.node_id} if task.task.node_id is not None else {}),
        **given,
        "context_window": {
            "size_tokens": (agent.context_tokens if agent else None) or 4096,
            "used_tokens": last.input_tokens if last else None,
            "context_id": derived_id("ctx", task.execution_id, task.task.task_id, str(attempt)),
            "isolation_level": f"{level}_isolated",
            "effective": last.effective if last else None,
        },
    }


def _settings(facts: Facts) -> Settings:
    return msgspec.json.decode(facts.execution.settings, type=Settings)


def _execution_context(attempt: AttemptRecord | None) -> dict[str, Any] | None:
    if attempt is None:
        return None
    cpu = None
    if attempt.cpu_ms is not None and attempt.duration_ms:
        cpu = round(100 * attempt.cpu_ms / attempt.duration_ms, 1)
    return {
        "worker_process_id": attempt.worker_pid,
        "memory_usage_mb": None if attempt.peak_memory_mb is None else round(attempt.peak_memory_mb, 1),
        "cpu_usage_percent": cpu,
        "thread_id": attempt.thread_id,
    }


def _result(task: TaskRecord, accepted: AttemptRecord | None) -> dict[str, Any] | None:
    if task.state is State.FAILED:
        return {"status": "error", "output_data": None, "performance_metrics": None}
    if accepted is None:
        return None
    output = None
    if task.output is not None and task.result_status == "success":
        output = with_derived(msgspec.msgpack.decode(task.output))
    return {
        "status": task.result_status,
        "reason": task.result_reason,
        "model": accepted.model,
        "is_language_model": accepted.is_language_model,
        "output_data": output,
        "performance_metrics": {
            "generation_time_ms": whole_ms(accepted.generation_ms) if accepted.calls else None,
            "model_calls": accepted.calls,
            "replayed_calls": accepted.replayed,
            "token_usage": _tokens(accepted),
        },
    }


def _tokens(attempt: AttemptRecord) -> dict[str, int | None]:
    given, made = attempt.input_tokens, attempt.output_tokens
    return {
        "input_tokens": given,
        "output_tokens": made,
        "total_tokens": None if given is None or made is None else given + made,
    }


def _error_handling(task: TaskRecord) -> dict[str, Any]:
    return {
        "retry_count": max(0, len(task.attempts) - 1),
        "max_retries": task.task.retry_attempts,
        "error_history": [_history_line(attempt) for attempt in task.attempts if attempt.error is not None],
        "fallback_strategy": task.fallback,
    }


def _history_line(attempt: AttemptRecord) -> dict[str, Any]:
    error = attempt.error
    return {
        "attempt": attempt.attempt,
        "time": timestamp(attempt.ended_at),
        "outcome": attempt.outcome,
        "class": error.error_class.value if error else None,
        "type": error.type if error else None,
        "message": error.message if error else None,
        "traceback": error.traceback if error else None,
        "raw_answer": error.raw if error else None,
        "charged": attempt.charged,
        "worker_process_id": attempt.worker_pid,
        "duration_ms": whole_ms(attempt.duration_ms),
        "token_usage": _tokens(attempt),
    }


def _resource_usage(resources: Resources | None) -> dict[str, Any]:
    return {
        "peak_memory_usage_mb": resources.peak_memory_mb if resources else None,
        "average_memory_usage_mb": resources.average_memory_mb if resources else None,
        "peak_cpu_usage_percent": resources.peak_cpu_percent if resources else None,
        "average_cpu_usage_percent": resources.average_cpu_percent if resources else None,
        "io_operations_count": resources.io_operations if resources else None,
        "samples": resources.samples if resources else 0,
        "sampling_interval_ms": round(resources.interval_s * 1000) if resources else None,
    }


def _errors(facts: Facts) -> dict[str, Any]:
    attempted = [task for task in facts.tasks if task.attempts]
    return {
        "failed_tasks": [_failed(task) for task in facts.tasks if task.state is State.FAILED],
        "error_recovery_attempts": sum(len(task.attempts) - 1 for task in attempted),
        "isolation_success": all(is_isolated(task.attempts[-1].effective) for task in attempted) if attempted else None,
        "context_conflicts_detected": facts.discarded,
    }


def _failed(task: TaskRecord) -> dict[str, Any]:
    error = next((attempt.error for attempt in reversed(task.attempts) if attempt.error is not None), None)
    return {
        "task_id": task.task.task_id,
        "agent_name": task.task.agent_name,
        "node_id": task.task.node_id,
        "class": error.error_class.value if error else None,
        "message": error.message if error else None,
    }


def _aggregation(facts: Facts) -> dict[str, Any]:
    aggregator = ResultAggregator()
    for task in facts.tasks:
        if task.state is State.COMPLETED:
            scored = task.output is not None and task.result_status == "success"
            output = msgspec.msgpack.decode(task.output) if scored and task.output is not None else None
            aggregator.add(task.task.agent_name, task.result_status, output)
    return {
        "aggregation_method": "merge_outputs",
        "merged_results": aggregator.merged(),
        "output_format": "json",
        "file_paths": list(facts.execution.file_paths),
    }
