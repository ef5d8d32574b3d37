"""The counts of a chaos run and what must hold of them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from parallel_agents.core.metrics import percentile

RERUN_LIMIT_S = 1.0
RECOVERY_LIMIT_S = 5.0


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds; the figures are None where nothing was measured."""

    count: int
    p50_s: float | None
    p99_s: float | None
    max_s: float | None


def times_of(seconds: list[float]) -> Times:
    """Sum up measured times."""
    ordered = sorted(seconds)
    return Times(
        count=len(ordered),
        p50_s=_rounded(percentile(ordered, 0.50)),
        p99_s=_rounded(percentile(ordered, 0.99)),
        max_s=_rounded(ordered[-1] if ordered else None),
    )


class Kills(msgspec.Struct, frozen=True, kw_only=True):
    """What was killed, and what followed.

    `task_runs_again` is from the kill of a worker to its task on another worker, outside `RECOVERY_LIMIT_S` after a
    kill of the engine; `task_runs_again_after_engine_kill` is the rest. `workers_with_a_task` counts the kills that an
    attempt was lost to, `losses_unexplained` the attempts whose worker died without a kill. `engine_dispatches` is from
    the kill of the engine to the first attempt of the next.
    """

    planned_workers: int
    planned_engines: int
    workers: int
    workers_with_a_task: int
    losses_unexplained: int
    engines: int
    task_runs_again: Times
    task_runs_again_after_engine_kill: Times
    engine_dispatches: Times
    engines_not_recovered: int
    orphans: int
    work_directories_left: int
    orphans_gone: Times


class Tasks(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal and the written results say.

    `poison_expected` are the tasks made to kill their workers, `poison_found` those of them in quarantine.
    `killed_too_often` are other tasks in quarantine because kills of ours hit them as often as the rule says;
    `quarantined_wrongly` those of which the history does not say so. `broken_histories` counts tasks whose moves do not
    follow from one another, or were made for another attempt than the one running.
    """

    submitted: int
    settled: int
    lost: int
    settled_twice: int
    late_results_refused: int
    completed: int
    results_right: int
    results_wrong: int
    written_results_wrong: int
    failed_wrongly: int
    poison_expected: int
    poison_found: int
    killed_too_often: int
    quarantined_wrongly: int
    broken_histories: int
    attempts: int


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """Model calls as the provider counted them.

    `paid_twice` are requests beyond the first for the same question; `paid_twice_though_journaled` are questions asked
    once more after their answer was in the journal. `unexpected` are questions that no task should have asked,
    `used_unjournaled` answers that went into a result without being in the journal.
    """

    requests: int
    expected_questions: int
    paid_twice: int
    paid_twice_though_journaled: int
    unexpected: int
    used_unjournaled: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `engine_failure` says how an engine ended that nobody had killed; `kept` is the folder that stays."""

    seed: int
    max_concurrent: int
    wall_s: float
    tasks: Tasks
    calls: Calls
    kills: Kills
    engine_failure: str | None = None
    kept: str | None = None

    @property
    def broken(self) -> list[str]:
        """The guarantees that did not hold, in words; empty where all did."""
        found = [*_kept_to_the_plan(self), *_broken_tasks(self.tasks), *_broken_calls(self.calls)]
        return [*found, *_broken_recoveries(self.kills)]


def _kept_to_the_plan(report: Report) -> Iterator[str]:
    kills = report.kills
    if report.engine_failure is not None:
        yield f"the engine ended by itself: {report.engine_failure}"
    missed = kills.planned_workers + kills.planned_engines - kills.workers - kills.engines
    if missed:
        yield f"{missed} kills were not made"


def _broken_tasks(tasks: Tasks) -> Iterator[str]:
    missed = tasks.poison_expected - tasks.poison_found
    yield from _named(
        (tasks.lost, f"{tasks.lost} tasks were lost"),
        (tasks.settled_twice, f"{tasks.settled_twice} tasks were settled twice"),
        (tasks.results_wrong, f"{tasks.results_wrong} results have a wrong hash"),
        (tasks.written_results_wrong, f"{tasks.written_results_wrong} results are missing or wrong in the file"),
        (tasks.failed_wrongly, f"{tasks.failed_wrongly} tasks failed for no reason"),
        (missed, f"{missed} poison tasks were not found"),
        (tasks.quarantined_wrongly, f"{tasks.quarantined_wrongly} tasks are in quarantine for no reason"),
        (tasks.broken_histories, f"{tasks.broken_histories} tasks have a history that does not fit"),
    )


def _broken_calls(calls: Calls) -> Iterator[str]:
    again, early = calls.paid_twice_though_journaled, calls.used_unjournaled
    yield from _named(
        (again, f"{again} calls were paid twice though the answer was journaled"),
        (calls.unexpected, f"{calls.unexpected} calls were made that no task should make"),
        (early, f"{early} answers were used before they were journaled"),
    )


def _broken_recoveries(kills: Kills) -> Iterator[str]:
    unexplained = kills.losses_unexplained
    yield from _named(
        (unexplained, f"{unexplained} attempts lost a worker that nobody had killed"),
        (kills.orphans, f"{kills.orphans} processes were left behind"),
        (kills.work_directories_left, f"{kills.work_directories_left} work directories were left behind"),
        (kills.engines_not_recovered, f"{kills.engines_not_recovered} times the engine did not dispatch again"),
    )
    again, recovered = kills.task_runs_again.p99_s, kills.engine_dispatches.max_s
    if again is not None and again > RERUN_LIMIT_S:
        yield f"a killed worker's task ran again after {again} s (p99) instead of {RERUN_LIMIT_S:g} s"
    if recovered is not None and recovered > RECOVERY_LIMIT_S:
        yield f"the engine dispatched again after {recovered} s instead of {RECOVERY_LIMIT_S:g} s"


def _named(*counted: tuple[int, str]) -> Iterator[str]:
    yield from (sentence for count, sentence in counted if count)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
