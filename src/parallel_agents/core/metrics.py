"""Figures about an execution, computed from what was observed. None stands for what nobody saw."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

from parallel_agents.core.states import State
from parallel_agents.core.task import AttemptRecord, TaskRecord


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Samples of the engine and its workers together, one every `interval_s` seconds.

    CPU is in percent of all cores of the machine, memory is resident, in MB.
    """

    samples: int
    interval_s: float
    peak_memory_mb: float
    average_memory_mb: float
    peak_cpu_percent: float | None
    average_cpu_percent: float | None
    io_operations: int | None


class Efficiency(msgspec.Struct, frozen=True, kw_only=True):
    """How much running together gained. Times in whole milliseconds, ratios without a unit."""

    total_execution_time_ms: int | None
    estimated_serial_time_ms: int | None
    efficiency_ratio: float | None
    ideal_ratio: float | None
    concurrency_utilization: float | None
    waited_time_ms: int | None


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """How much was done in a second, and how long a task took from its start to its end."""

    tasks_per_second: float | None
    agents_per_second: float | None
    average_task_completion_time_ms: int | None
    p50_task_completion_time_ms: int | None
    p95_task_completion_time_ms: int | None
    p99_task_completion_time_ms: int | None


class Timing:
    """The times of an execution's tasks, added up one task at a time.

    `submitted_at` and `now` are seconds since the epoch. `max_concurrent` is None where it changed on the way: then
    nothing is told of the ideal and of how far the slots were used. Of every settled task eight bytes are kept, for
    percentiles.
    """

    def __init__(self, submitted_at: float, max_concurrent: int | None, now: float) -> None:
        self._submitted_at = submitted_at
        self._max_concurrent = max_concurrent
        self._now = now
        self._tasks = 0
        self._last_end: float | None = None
        self._has_open = False
        self._accepted = 0
        self._serial_ms = 0.0
        self._busy_s = 0.0
        self._waited_ms = 0.0
        self._contexts = 0
        self._settled = 0
        self._was_set_back = False
        self._spans_ms = array("d")

    def add(self, task: TaskRecord) -> None:
        """Count one task with its attempts."""
        self._tasks += 1
        if task.completed_at is None:
            self._has_open = True
        else:
            self._last_end = max(task.completed_at, self._last_end or 0.0)
        duration_ms = accepted_duration_ms(task)
        if duration_ms is not None:
            self._accepted += 1
            self._serial_ms += duration_ms
        for attempt in task.attempts:
            self._contexts += 1
            self._busy_s += self._span_s(attempt.started_at, attempt.ended_at) or 0.0
            self._waited_ms += attempt.waited_ms or 0.0
        if task.completed_at is not None and task.attempts:
            self._settled += 1
            span_s = self._span_s(task.attempts[0].started_at, task.completed_at)
            if span_s is not None:
                self._spans_ms.append(span_s * 1000)

    def _span_s(self, begun: float, ended: float | None) -> float | None:
        """Seconds between two times of the wall clock; None where it was set back between them."""
        span_s = (self._now if ended is None else ended) - begun
        self._was_set_back |= span_s < 0
        return span_s if span_s >= 0 else None

    @property
    def wall_s(self) -> float | None:
        """Seconds from the submission to the last settled task, or to `now` while tasks are open.

        None where the wall clock was set back to before the submission.
        """
        if not self._tasks:
            return None
        last = self._now if self._has_open or self._last_end is None else self._last_end
        return self._span_s(self._submitted_at, last)

    def efficiency(self) -> Efficiency:
        """Compare the sum of the accepted attempts' durations with the time that went by."""
        wall, seen, at_once = self.wall_s, self._accepted, self._max_concurrent
        return Efficiency(
            total_execution_time_ms=_whole(None if wall is None else wall * 1000),
            estimated_serial_time_ms=_whole(self._serial_ms if seen else None),
            efficiency_ratio=_rounded(self._serial_ms / (wall * 1000) if seen and wall else None),
            ideal_ratio=_rounded(seen / -(-seen // at_once) if seen and at_once else None),
            concurrency_utilization=_rounded(self._utilization(wall)),
            waited_time_ms=_whole(self._waited_ms if seen else None),
        )

    def _utilization(self, wall_s: float | None) -> float | None:
        if not wall_s or not self._max_concurrent or self._was_set_back:
            return None
        return self._busy_s / (wall_s * self._max_concurrent)

    def throughput(self) -> Throughput:
        """Count settled tasks and contexts against the time that went by."""
        wall, spans = self.wall_s, sorted(self._spans_ms)
        return Throughput(
            tasks_per_second=_rounded(self._settled / wall if wall and self._settled else None),
            agents_per_second=_rounded(self._contexts / wall if wall and self._contexts else None),
            average_task_completion_time_ms=_whole(sum(spans) / len(spans) if spans else None),
            p50_task_completion_time_ms=_whole(percentile(spans, 0.50)),
            p95_task_completion_time_ms=_whole(percentile(spans, 0.95)),
            p99_task_completion_time_ms=_whole(percentile(spans, 0.99)),
        )


def accepted_attempt(task: TaskRecord) -> AttemptRecord | None:
    """The attempt whose result stands; None while there is none."""
    if task.state is not State.COMPLETED:
        return None
    return next((attempt for attempt in reversed(task.attempts) if attempt.outcome == "succeeded"), None)


def accepted_duration_ms(task: TaskRecord) -> float | None:
    """How long the accepted attempt worked."""
    attempt = accepted_attempt(task)
    return None if attempt is None else attempt.duration_ms


def kinds_of(task: TaskRecord) -> set[bool]:
    """Whether what answered was a language model, for every attempt that knows it; of a reused result, the other's."""
    told = [attempt.is_language_model for attempt in task.attempts]
    if task.reused is not None:
        told.append(task.reused.is_language_model)
    return {kind for kind in told if kind is not None}


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile of an ascending sequence; None when it is empty."""
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
