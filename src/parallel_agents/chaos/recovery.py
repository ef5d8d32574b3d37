"""How long it took until what was killed went on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from parallel_agents.chaos.plan import Plan
from parallel_agents.chaos.records import AttemptRow, Records
from parallel_agents.chaos.tally import RECOVERY_LIMIT_S, Kills, times_of
from parallel_agents.chaos.work import task_id

_BEGIN_S = 0.05
"""An attempt may be written down as begun a moment after its worker, and so after that worker's death."""


class Killed(msgspec.Struct, frozen=True):
    """A kill that was made; `at` is in seconds since the epoch."""

    pid: int
    at: float


class Kept(msgspec.Struct, kw_only=True):
    """What was noted while the run lasted. `gone_s` are the times until all below a killed engine had ended."""

    workers: list[Killed] = []
    engines: list[Killed] = []
    gone_s: list[float] = []
    orphans: int = 0
    work_directories: int = 0


def kills_of(plan: Plan, kept: Kept, records: Records) -> Kills:
    """Measure, from the journal, what followed each kill."""
    attempts = records.attempts()
    begun = {(attempt.key, attempt.attempt): attempt.started_at for attempt in attempts}
    lost = [(kill, found) for kill in kept.workers if (found := _lost_to(kill, attempts)) is not None]
    calm: list[float] = []
    stirred: list[float] = []
    for kill, attempt in lost:
        again = begun.get((attempt.key, attempt.attempt + 1))
        if again is not None:
            near = any(kill.at - RECOVERY_LIMIT_S <= engine.at <= again for engine in kept.engines)
            (stirred if near else calm).append(again - kill.at)
    killed = {kill.pid for kill in kept.workers}
    poison = {row.key for row in records.tasks() if row.task_id in {task_id(number) for number in plan.poison}}
    starts = sorted(move.at for move in records.moves() if move.trigger == "started")
    dispatched = list(_first_after(kept.engines, starts))
    return Kills(
        planned_workers=plan.count("worker"),
        planned_engines=plan.count("engine"),
        workers=len(kept.workers),
        workers_with_a_task=len(lost),
        losses_unexplained=sum(
            attempt.outcome == "worker_lost" and attempt.worker_pid not in killed and attempt.key not in poison
            for attempt in attempts
        ),
        engines=len(kept.engines),
        task_runs_again=times_of(calm),
        task_runs_again_after_engine_kill=times_of(stirred),
        engine_dispatches=times_of([seconds for seconds in dispatched if seconds is not None]),
        engines_not_recovered=sum(seconds is None for seconds in dispatched),
        orphans=kept.orphans,
        work_directories_left=kept.work_directories,
        orphans_gone=times_of(kept.gone_s),
    )


def _lost_to(kill: Killed, attempts: Sequence[AttemptRow]) -> AttemptRow | None:
    for attempt in attempts:
        is_his = attempt.worker_pid == kill.pid and attempt.outcome == "worker_lost"
        if is_his and attempt.started_at - _BEGIN_S <= kill.at <= (attempt.ended_at or kill.at):
            return attempt
    return None


def _first_after(engines: Iterable[Killed], starts: Sequence[float]) -> Iterable[float | None]:
    for engine in engines:
        later = (at - engine.at for at in starts if at > engine.at)
        yield next(later, None)
