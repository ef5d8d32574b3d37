"""One task with its attempts, as the document shows a session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from parallel_agents.core import metrics
from parallel_agents.core.aggregate import Verdict, with_derived
from parallel_agents.core.bill import cost_of
from parallel_agents.core.execution import ExecutionRecord
from parallel_agents.core.ids import derived_id
from parallel_agents.core.settings import IsolationLevel, Settings
from parallel_agents.core.states import State
from parallel_agents.core.task import AttemptRecord, Task, TaskRecord

_SHARED: tuple[IsolationLevel, ...] = ("coroutine", "thread")
CONTEXT_TOKENS = 4096
"""The size of a context for an agent that says nothing of it."""


class SessionWriter:
    """Writes the sessions of one execution. `owned` tells whether a live process runs it."""

    def __init__(self, execution: ExecutionRecord, *, owned: bool) -> None:
        settings = msgspec.json.decode(execution.settings, type=Settings)
        self._level: IsolationLevel = settings.parallel_processing.context_isolation.isolation_level
        self._own_levels: dict[str, IsolationLevel | None] = {agent.name: agent.isolation for agent in execution.agents}
        self._context_tokens = {agent.name: agent.context_tokens for agent in execution.agents}
        self._models = {agent.name: (agent.model, agent.fallback_model) for agent in execution.agents}
        self._owned = owned

    def state(self, task: TaskRecord) -> State:
        """The state as it is shown: what nobody runs is not running."""
        return State.PENDING if task.state is State.RUNNING and not self._owned else task.state

    def brief(self, task: TaskRecord) -> dict[str, Any]:
        """A session without input and result, as a status shows it."""
        return self._session(task, {}, {})

    def whole(self, task: TaskRecord, verdict: Verdict) -> dict[str, Any]:
        """A session with everything; `verdict` is what a look at its result found."""
        result = {"result": _result(task, verdict, self._fell_back_from(task))}
        given = {"metadata": msgspec.msgpack.decode(task.task.metadata), "input_data": self._input_data(task)}
        return self._session(task, given, result)

    def _session(self, task: TaskRecord, given: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        accepted = metrics.accepted_attempt(task)
        return {
            "session_id": derived_id("session", task.execution_id, task.task.task_id),
            "agent_name": task.task.agent_name,
            "task_id": task.task.task_id,
            **_relations(task.task),
            "status": self.state(task).value,
            "priority": task.task.priority,
            "attempt": task.attempt,
            "submission_time": timestamp(task.submitted_at),
            "start_time": timestamp(task.attempts[0].started_at) if task.attempts else None,
            "completion_time": timestamp(task.completed_at),
            "reused_from": _origin(task),
            "execution_duration_ms": whole_ms(accepted.duration_ms if accepted else None),
            "cost_usd": cost_of(task.attempts),
            "waited_ms": whole_ms(sum(attempt.waited_ms or 0.0 for attempt in task.attempts)),
            **given,
            "execution_context": _execution_context(accepted or (task.attempts[-1] if task.attempts else None)),
            **result,
            "error_handling": _error_handling(task),
        }

    def is_isolated(self, task: TaskRecord) -> bool:
        """Whether the last attempt of a task got the isolation that was asked for; it has had one."""
        return is_isolated(task.attempts[-1].effective, self._asked(task))

    def _fell_back_from(self, task: TaskRecord) -> str | None:
        """The model that was chosen, where its fallback gave the result that stands."""
        accepted = metrics.accepted_attempt(task)
        chosen, fallback = self._models.get(task.task.agent_name, (None, None))
        return chosen if accepted is not None and fallback is not None and accepted.model == fallback else None

    def _asked(self, task: TaskRecord) -> IsolationLevel:
        return self._own_levels.get(task.task.agent_name) or self._level

    def _level_of(self, task: TaskRecord) -> str:
        # What ran may differ from what was asked for: the execution may have been resumed under another configuration.
        asked = self._asked(task)
        return task.attempts[-1].effective.get("level", asked) if task.attempts else asked

    def _input_data(self, task: TaskRecord) -> dict[str, Any]:
        given: dict[str, Any] = msgspec.msgpack.decode(task.task.input_data)
        last = task.attempts[-1] if task.attempts else None
        return {
            **({"canvas_path": task.task.canvas_path} if task.task.canvas_path is not None else {}),
            **({"node_id": task.task.node_id} if task.task.node_id is not None else {}),
            **given,
            "context_window": {
                "size_tokens": self._context_tokens.get(task.task.agent_name) or CONTEXT_TOKENS,
                "used_tokens": last.input_tokens if last else None,
                "context_id": derived_id("ctx", task.execution_id, task.task.task_id, str(max(1, task.attempt))),
                "isolation_level": f"{self._level_of(task)}_isolated",
                "effective": last.effective if last else None,
            },
        }


def accepted_output(task: TaskRecord) -> dict[str, Any] | None:
    """The output that was accepted; None where there is none, or it is unscored."""
    if task.state is not State.COMPLETED or task.output is None or task.result_status != "success":
        return None
    return msgspec.msgpack.decode(task.output)


def is_isolated(effective: Mapping[str, str], asked: IsolationLevel = "process") -> bool:
    """Tell whether a worker had what the level asks for that was `asked` for.

    Of a process that is a bound on memory and a kill of the whole group; of threads and coroutines no more than that
    the worker kept them apart as such, or better.
    """
    if asked in _SHARED:
        return effective.get("level", "") in (*_SHARED[_SHARED.index(asked) :], "process")
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


def _relations(task: Task) -> dict[str, Any]:
    return {
        **({"depends_on": list(task.depends_on)} if task.depends_on else {}),
        **({"parent_task_id": task.parent_id} if task.parent_id is not None else {}),
    }


def _origin(task: TaskRecord) -> dict[str, Any] | None:
    origin = task.reused
    if origin is None:
        return None
    return {"execution_id": origin.execution_id, "task_id": origin.task_id, "at": timestamp(origin.at)}


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
        "kept_work_directory": attempt.kept_workdir,
    }


def _result(task: TaskRecord, verdict: Verdict, fallback_from: str | None) -> dict[str, Any] | None:
    found = {"quality": [flaw.value for flaw in verdict.flaws], "duplicate_of": verdict.duplicate_of}
    if task.state is State.FAILED:
        return {"status": "error", "output_data": None, "performance_metrics": None, **found}
    if task.state is not State.COMPLETED:
        return None
    # None where the figures of the attempt were lost with a damaged journal: the result stands without them.
    accepted = metrics.accepted_attempt(task)
    given, output = task.reused or accepted, accepted_output(task)
    return {
        "status": task.result_status,
        "reason": task.result_reason,
        "model": given.model if given else None,
        "fallback_from": fallback_from,
        "is_language_model": given.is_language_model if given else None,
        "finish_reason": given.finish_reason if given else None,
        **found,
        "output_data": None if output is None else with_derived(output),
        "performance_metrics": _performance(accepted) if accepted else None,
    }


def _performance(accepted: AttemptRecord) -> dict[str, Any]:
    return {
        "generation_time_ms": whole_ms(accepted.generation_ms) if accepted.calls else None,
        "model_calls": accepted.calls,
        "replayed_calls": accepted.replayed,
        "token_usage": _tokens(accepted),
    }


def _tokens(attempt: AttemptRecord) -> dict[str, float | None]:
    given, made = attempt.input_tokens, attempt.output_tokens
    return {
        "input_tokens": given,
        "output_tokens": made,
        "total_tokens": None if given is None or made is None else given + made,
        "cached_input_tokens": attempt.cached_input_tokens,
        "cost_usd": cost_of([attempt]),
    }


def _error_handling(task: TaskRecord) -> dict[str, Any]:
    return {
        "retry_count": max(0, len(task.attempts) - 1),
        "max_retries": task.task.retry_attempts,
        "error_history": [_history_line(attempt) for attempt in task.attempts if attempt.error is not None],
        "fallback_strategy": task.fallback,
        **({"not_run_because": task.result_reason} if _never_ran(task) else {}),
    }


def _never_ran(task: TaskRecord) -> bool:
    is_without = task.state is State.SKIPPED or (task.state is State.FAILED and not task.attempts)
    return is_without and task.result_reason is not None


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
