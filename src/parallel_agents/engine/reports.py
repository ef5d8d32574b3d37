"""What is told beside the events of the catalogue's every day: failures, slow attempts, a log of performance.

Three loggers, for a program to listen to: `parallel_agents.failures` (one error per failed task),
`parallel_agents.slow` (one warning per slow attempt) and `parallel_agents.performance` (one line of JSON per task that
ran and per execution, level INFO).
"""

from __future__ import annotations

import logging

import msgspec

from parallel_agents.core.events import EventType
from parallel_agents.core.execution import Counts
from parallel_agents.core.metrics import Resources
from parallel_agents.core.settings import Settings
from parallel_agents.core.states import Trigger
from parallel_agents.engine.announcer import Announcer
from parallel_agents.engine.attempt import AttemptEnd, RunningAttempt
from parallel_agents.engine.live import LiveExecution
from parallel_agents.engine.settlement import Settled
from parallel_agents.engine.slowness import SlowWatch

_failures = logging.getLogger("parallel_agents.failures")
_slow = logging.getLogger("parallel_agents.slow")
_performance = logging.getLogger("parallel_agents.performance")
for _logger in (_failures, _slow, _performance):
    # Without a handler of the program's own, Python would print them among whatever else is on standard error.
    _logger.addHandler(logging.NullHandler())

_FAILED = frozenset({Trigger.GAVE_UP, Trigger.POISONED})
_ENDED = _FAILED | {Trigger.SUCCEEDED, Trigger.SKIPPED, Trigger.CANCELLED}
_encode = msgspec.json.Encoder().encode


class Reports:
    """Tells what the settings in force want told."""

    def __init__(self, announcer: Announcer, settings: Settings) -> None:
        self._announcer = announcer
        self._slow = SlowWatch(self._alert, None)
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        monitoring = settings.parallel_processing.performance_monitoring
        self._notifies = settings.parallel_processing.error_handling.error_notification
        self._logs_performance = monitoring.enabled and monitoring.log_performance_data
        alerts = monitoring.enabled and monitoring.alert_on_slow_execution
        self._slow.change(monitoring.slow_execution_threshold_seconds if alerts else None)

    def began(self, attempt: RunningAttempt) -> None:
        """A worker has an attempt."""
        self._slow.began(attempt)

    def ended(self, attempt: RunningAttempt) -> None:
        """An attempt has ended; nothing is written down yet."""
        self._slow.ended(attempt)

    def settled(self, attempt: RunningAttempt, end: AttemptEnd, settled: Settled) -> None:
        """An attempt's end is written down."""
        if not settled.landed:
            return
        if self._notifies and settled.settlement.trigger in _FAILED:
            self._notify(attempt, settled)
        if self._logs_performance and settled.settlement.trigger in _ENDED:
            self._log(_task_line(attempt, end, settled))

    @property
    def wants_executions(self) -> bool:
        """Whether `execution_ended` would tell anything."""
        return self._logs_performance and _performance.isEnabledFor(logging.INFO)

    def execution_ended(self, live: LiveExecution, counts: Counts, wall_s: float, resources: Resources | None) -> None:
        """An execution has ended."""
        self._log(
            {
                "kind": "execution",
                "execution_id": live.execution_id,
                "max_concurrent": live.record.concurrency,
                "tasks": {"total": counts.total, **msgspec.to_builtins(counts)},
                # Nobody knows, where the wall clock was set back meanwhile.
                "wall_ms": round(wall_s * 1000) if wall_s >= 0 else None,
                "resources": None if resources is None else msgspec.to_builtins(resources),
            }
        )

    def _log(self, line: dict[str, object]) -> None:
        if _performance.isEnabledFor(logging.INFO):
            _performance.info("%s", _encode(line).decode())

    def _notify(self, attempt: RunningAttempt, settled: Settled) -> None:
        error = settled.settlement.error
        words = error.message if error is not None else settled.settlement.outcome
        self._announcer.about(
            attempt,
            EventType.FAILURE_NOTIFIED,
            {
                "agent": attempt.agent.name,
                "node_id": attempt.ready.task.node_id,
                "class": None if error is None else error.error_class.value,
                "message": words,
            },
        )
        _failures.error(
            "task %s of %s (%s) failed in attempt %d: %s",
            attempt.ready.task.task_id,
            attempt.ready.execution_id,
            attempt.agent.name,
            attempt.attempt,
            words,
        )

    def _alert(self, attempt: RunningAttempt, threshold_s: float) -> None:
        self._announcer.about(
            attempt,
            EventType.TASK_SLOW,
            {
                "agent": attempt.agent.name,
                "node_id": attempt.ready.task.node_id,
                "threshold_s": threshold_s,
                "limit_s": attempt.clock.limit_s,
            },
        )
        _slow.warning(
            "task %s of %s (%s), attempt %d, has been running for more than %g s",
            attempt.ready.task.task_id,
            attempt.ready.execution_id,
            attempt.agent.name,
            attempt.attempt,
            threshold_s,
        )


def tell_traceback(attempt: RunningAttempt, traceback: str | None) -> None:
    """Log the traceback that ended an execution (`error_isolation: false`)."""
    _failures.error(
        "execution %s ends at the first exception of an agent, in task %s (%s), attempt %d:\n%s",
        attempt.ready.execution_id,
        attempt.ready.task.task_id,
        attempt.agent.name,
        attempt.attempt,
        traceback or "no traceback was sent",
    )


def _task_line(attempt: RunningAttempt, end: AttemptEnd, settled: Settled) -> dict[str, object]:
    calls = end.calls
    return {
        "kind": "task",
        "execution_id": attempt.ready.execution_id,
        "task_id": attempt.ready.task.task_id,
        "agent": attempt.agent.name,
        "attempt": attempt.attempt,
        "outcome": settled.settlement.outcome,
        "duration_ms": _rounded(end.duration_ms),
        "waited_ms": _rounded(end.waited_ms),
        "cpu_ms": _rounded(end.usage.cpu_ms),
        "peak_memory_mb": _rounded(end.usage.peak_memory_mb),
        "model": calls.model,
        "model_calls": calls.calls,
        "input_tokens": calls.input_tokens,
        "output_tokens": calls.output_tokens,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
