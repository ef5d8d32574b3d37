"""The document: what the specification calls `parallel_agent_execution`, built from what the journal holds.

Tasks are shown one at a time, so that a document of any length can be written while they are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from parallel_agents.core.aggregate import Method, Result, ResultAggregator, Verdict
from parallel_agents.core.bill import Bill, budget_part
from parallel_agents.core.budget import Spent
from parallel_agents.core.error_report import ErrorReport
from parallel_agents.core.execution import Counts, ExecutionRecord, is_of_a_lane, overall_status
from parallel_agents.core.firsts import Firsts
from parallel_agents.core.metrics import Resources, Timing, accepted_attempt, kinds_of
from parallel_agents.core.outcome import ErrorClass, ErrorRecord
from parallel_agents.core.session import SessionWriter, accepted_output, timestamp
from parallel_agents.core.states import State
from parallel_agents.core.task import TaskRecord, note_path

SCHEMA_VERSION = "1.1"
NOBODY_RUNS_IT = "no_engine"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says of the execution as a whole. `owned` tells whether a live process runs it.

    `resources` are the sampled figures so far, None when there are none. `now` is seconds since the epoch. `spent` is
    what the calls of an execution with a budget have cost; None for any other. `reused` counts the tasks that have the
    result of an earlier one.
    """

    execution: ExecutionRecord
    counts: Counts
    highest_open_priority: str | None
    discarded: int
    owned: bool
    resources: Resources | None
    now: float
    spent: Spent | None = None
    reused: int = 0


class DocumentWriter:
    """Writes one document. Every task is shown (or counted) once, in order; then the other parts are complete.

    `firsts` is what duplicates are found with, by default in memory.
    """

    def __init__(self, facts: Facts, firsts: Firsts | None = None) -> None:
        execution = facts.execution
        self._facts = facts
        self._sessions = SessionWriter(execution, owned=facts.owned)
        # What was changed on the way has no one number to compare with.
        at_once = execution.max_concurrent if execution.changed_concurrency is None else None
        self._timing = Timing(execution.submitted_at, at_once, facts.now)
        self._bill = Bill()
        self._aggregator = ResultAggregator(firsts)
        self._failed: list[dict[str, Any]] = []
        self._report = ErrorReport()
        self._recoveries = 0
        self._isolated: bool | None = None
        self._kinds: set[bool] = set()

    def session(self, task: TaskRecord) -> dict[str, Any]:
        """Count a task and show it whole."""
        return self._sessions.whole(task, self.count(task))

    def brief_session(self, task: TaskRecord) -> dict[str, Any] | None:
        """Note a task; show it without input and result if it runs now."""
        self.note(task)
        return self._sessions.brief(task) if self._sessions.state(task) is State.RUNNING else None

    def count(self, task: TaskRecord) -> Verdict:
        """Note a task and add its result up; returns what a look at the result found."""
        self.note(task)
        result = _result_of(task)
        return Verdict() if result is None else self._aggregator.take(result)

    def note(self, task: TaskRecord) -> None:
        """Take in what `account` tells of a task; its result is left alone."""
        self._timing.add(task)
        self._bill.add(task.attempts)
        self._report.add(task)
        self._kinds.update(kinds_of(task))
        if task.attempts:
            self._recoveries += len(task.attempts) - 1
            self._isolated = self._isolated is not False and self._sessions.is_isolated(task)
        if task.state is State.FAILED:
            self._failed.append(_failed(task))

    def head(self) -> dict[str, Any]:
        """What stands before the sessions."""
        execution, counts = self._facts.execution, self._counts()
        status, paused = self._status(counts)
        resume_at = execution.resume_at if is_of_a_lane(paused) else None
        return {
            "execution_id": execution.execution_id,
            "submission_timestamp": timestamp(execution.submitted_at),
            "completion_timestamp": timestamp(execution.ended_at),
            "execution_mode": "serial" if execution.concurrency == 1 else "parallel_batch",
            "max_concurrent_agents": execution.concurrency,
            "overall_status": status,
            "pause_reason": paused,
            "resume_at": timestamp(resume_at),
            "source": execution.source,
            "budget": budget_part(execution.budget, self._facts.spent, owned=self._facts.owned),
            "task_queue": _task_queue(counts, self._facts.highest_open_priority, self._facts.reused),
        }

    def closing(self, method: Method = "merge_outputs", output_format: str = "json") -> dict[str, Any]:
        """What stands after the sessions, once every task was shown."""
        return {**self.account(), "result_aggregation": self.aggregation(method, output_format)}

    def account(self) -> dict[str, Any]:
        """What stands after the sessions and before the results added up, once every task was noted."""
        return {
            "model": self._model(),
            "performance_metrics": self.performance(),
            "error_management": self._errors(),
        }

    def performance(self) -> dict[str, Any]:
        """The part `performance_metrics`."""
        return {
            "parallel_efficiency": msgspec.to_builtins(self._timing.efficiency()),
            "resource_usage": _resource_usage(self._facts.resources),
            "throughput": msgspec.to_builtins(self._timing.throughput()),
            "token_usage": self._bill.told(),
        }

    def aggregation(self, method: Method = "merge_outputs", output_format: str = "json") -> dict[str, Any]:
        """The part `result_aggregation`."""
        return {
            "aggregation_method": method,
            "merged_results": self._aggregator.merged(),
            "quality": self._aggregator.quality(),
            "output_format": output_format,
            "file_paths": list(self._facts.execution.file_paths),
        }

    def _model(self) -> dict[str, Any] | None:
        name = self._facts.execution.model
        if name is None:
            return None
        return {"name": name, "is_language_model": next(iter(self._kinds)) if len(self._kinds) == 1 else None}

    def _errors(self) -> dict[str, Any]:
        return {
            "failed_tasks": self._failed,
            "error_recovery_attempts": self._recoveries,
            "isolation_success": self._isolated,
            "context_conflicts_detected": self._facts.discarded,
            "error_report": self._report.told(),
        }

    def _counts(self) -> Counts:
        counts = self._facts.counts
        if self._facts.owned or not counts.running:
            return counts
        return msgspec.structs.replace(counts, pending=counts.pending + counts.running, running=0)

    def _status(self, counts: Counts) -> tuple[str, str | None]:
        execution = self._facts.execution
        paused = execution.paused
        is_open = execution.is_open and execution.ended_at is None
        if (counts.unfinished or is_open) and not self._facts.owned and paused is None:
            paused = NOBODY_RUNS_IT
        status = overall_status(
            counts,
            cancel_requested=execution.cancel_requested,
            stopped=execution.stopped,
            paused=paused,
            is_open=is_open,
        ).value
        return status, paused if status == "paused" else None


def results_document(facts: Facts, tasks: Iterable[TaskRecord]) -> dict[str, Any]:
    """The whole document."""
    writer = DocumentWriter(facts)
    sessions = [writer.session(task) for task in tasks]
    return enclosed({**writer.head(), "agent_execution_sessions": sessions, **writer.closing()})


def status_document(facts: Facts, tasks: Iterable[TaskRecord]) -> dict[str, Any]:
    """The document without inputs, results and aggregation; its sessions are those that run now."""
    writer = DocumentWriter(facts)
    running = [shown for task in tasks if (shown := writer.brief_session(task)) is not None]
    return enclosed({**writer.head(), "agent_execution_sessions": running, **writer.account()})


def summary_document(facts: Facts, tasks: Iterable[TaskRecord], firsts: Firsts | None = None) -> dict[str, Any]:
    """The document without sessions: what is said of an execution as a whole, in little memory but for `firsts`."""
    writer = DocumentWriter(facts, firsts)
    for task in tasks:
        writer.count(task)
    return enclosed({**writer.head(), **writer.closing()})


def performance_part(facts: Facts, tasks: Iterable[TaskRecord]) -> dict[str, Any]:
    """The part `performance_metrics` alone."""
    writer = DocumentWriter(facts)
    for task in tasks:
        writer.note(task)
    return writer.performance()


def error_report_part(_facts: Facts, tasks: Iterable[TaskRecord]) -> dict[str, Any]:
    """The part `error_report` alone."""
    report = ErrorReport()
    for task in tasks:
        report.add(task)
    return report.told()


def enclosed(body: dict[str, Any]) -> dict[str, Any]:
    """The body under its name, with the version of the schema."""
    return {"schema_version": SCHEMA_VERSION, "parallel_agent_execution": body}


def _result_of(task: TaskRecord) -> Result | None:
    """What there is to look at: an accepted result, or an answer that did not fit its contract."""
    name, task_id = task.task.agent_name, task.task.task_id
    if task.state is State.FAILED:
        error = _last_error(task)
        off_contract = error is not None and error.error_class is ErrorClass.CONTRACT
        problems = (error.message,) if error is not None and off_contract else ()
        return Result(agent_name=name, task_id=task_id, status="error", problems=problems)
    if task.state is not State.COMPLETED:
        return None
    accepted = accepted_attempt(task)
    return Result(
        agent_name=name,
        task_id=task_id,
        status=task.result_status,
        output=accepted_output(task),
        finish_reason=None if (given := task.reused or accepted) is None else given.finish_reason,
    )


def _task_queue(counts: Counts, highest_open_priority: str | None, reused: int) -> dict[str, Any]:
    return {
        "total_tasks": counts.total,
        "pending_tasks": counts.pending + counts.waiting,
        "waiting_tasks": counts.waiting,
        "running_tasks": counts.running,
        "completed_tasks": counts.completed,
        "reused_tasks": reused,
        "failed_tasks": counts.failed,
        "skipped_tasks": counts.skipped,
        "cancelled_tasks": counts.cancelled,
        "queue_priority": highest_open_priority,
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


def _failed(task: TaskRecord) -> dict[str, Any]:
    error = _last_error(task)
    return {
        "task_id": task.task.task_id,
        "agent_name": task.task.agent_name,
        "canvas_path": task.task.canvas_path,
        "node_id": task.task.node_id,
        "note_path": note_path(task.task),
        "class": error.error_class.value if error else None,
        "message": error.message if error else None,
    }


def _last_error(task: TaskRecord) -> ErrorRecord | None:
    return next((attempt.error for attempt in reversed(task.attempts) if attempt.error is not None), None)
