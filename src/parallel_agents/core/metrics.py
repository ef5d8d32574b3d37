"""Figures about an execution, computed from what was observed. None stands for what nobody saw."""

from __future__ import annotations

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


def wall_s(submitted_at: float, tasks: Sequence[TaskRecord], now: float) -> float | None:
    """Seconds from the submission to the last settled task, or to `now` while tasks are open."""
    if not tasks:
        return None
    ends = [task.completed_at for task in tasks]
    last = now if any(end is None for end in ends) else max(end for end in ends if end is not None)
    return max(0.0, last - submitted_at)


def efficiency(submitted_at: float, max_concurrent: int, tasks: Sequence[TaskRecord], now: float) -> Efficiency:
    """Compare the sum of the accepted attempts' durations with the time that went by."""
    wall = wall_s(submitted_at, tasks, now)
    durations = [seen for task in tasks if (seen := accepted_duration_ms(task)) is not None]
    serial = sum(durations) if durations else None
    ratio = None if serial is None or not wall else serial / (wall * 1000)
    return Efficiency(
        total_execution_time_ms=_whole(None if wall is None else wall * 1000),
        estimated_serial_time_ms=_whole(serial),
        efficiency_ratio=_rounded(ratio),
        ideal_ratio=_rounded(_ideal(len(durations), max_concurrent)),
        concurrency_utilization=_rounded(_utilization(tasks, wall, max_concurrent, now)),
        waited_time_ms=_whole(sum(attempt.waited_ms or 0.0 for task in tasks for attempt in task.attempts))
        if durations
        else None,
    )


def throughput(submitted_at: float, tasks: Sequence[TaskRecord], now: float) -> Throughput:
    """Count settled tasks and contexts against the time that went by."""
    wall = wall_s(submitted_at, tasks, now)
    settled = [task for task in tasks if task.completed_at is not None and task.attempts]
    contexts = sum(len(task.attempts) for task in tasks)
    spans = sorted(_completion_ms(task) for task in settled)
    return Throughput(
        tasks_per_second=_rounded(len(settled) / wall if wall and settled else None),
        agents_per_second=_rounded(contexts / wall if wall and contexts else None),
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


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile of an ascending sequence; None when it is empty."""
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]


def _completion_ms(task: TaskRecord) -> float:
    ended = task.completed_at if task.completed_at is not None else task.attempts[0].started_at
    return (ended - task.attempts[0].started_at) * 1000


def _ideal(tasks: int, max_concurrent: int) -> float | None:
    if not tasks:
        return None
    return tasks / -(-tasks // max_concurrent)


def _utilization(tasks: Sequence[TaskRecord], wall: float | None, max_concurrent: int, now: float) -> float | None:
    if not wall:
        return None
    busy = sum(
        (attempt.ended_at if attempt.ended_at is not None else now) - attempt.started_at
        for task in tasks
        for attempt in task.attempts
    )
    return busy / (wall * max_concurrent)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
