"""The command that kills workers and engines, and says what came of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from parallel_agents.assembly import SystemClock
from parallel_agents.chaos.plan import Plan, draw
from parallel_agents.chaos.run import ChaosRun
from parallel_agents.chaos.tally import Report, Times
from parallel_agents.cli import codes
from parallel_agents.cli.streams import note, tell, tell_json
from parallel_agents.core.errors import ConcurrencyError
from parallel_agents.core.settings import ParallelProcessing


class ChaosOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `chaos`."""

    tasks: int
    kills: int
    engine_kills: int
    seed: int
    max_concurrent: int
    json: bool
    keep: bool


async def chaos(options: ChaosOptions) -> int:
    """Run a batch under kills and print the proof; exit code 1 when a guarantee did not hold.

    Raises:
        InputError: an option is out of range, or the simulated provider cannot be served.
    """
    plan = draw(tasks=options.tasks, kills=options.kills, engine_kills=options.engine_kills, seed=options.seed)
    limit = ParallelProcessing().max_concurrent_limit
    if not 1 <= options.max_concurrent <= limit:
        raise ConcurrencyError(options.max_concurrent, limit)
    folder = Path(tempfile.mkdtemp(prefix="parallel-agents-chaos-"))
    stays = options.keep
    try:
        report = await _run(plan, folder, options)
        # What has broken a guarantee is evidence.
        stays = stays or bool(report.broken)
    finally:
        if not stays:
            shutil.rmtree(folder, ignore_errors=True)
    _show(msgspec.structs.replace(report, kept=str(folder) if stays else None), as_json=options.json)
    return codes.WITH_ERRORS if report.broken else codes.OK


async def _run(plan: Plan, folder: Path, options: ChaosOptions) -> Report:
    run = ChaosRun(
        plan, folder, max_concurrent=options.max_concurrent, environ=os.environ, clock=SystemClock(), say=note
    )
    return await run.run()


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        tell_json({"chaos": {"holds": not report.broken, "broken": report.broken, **msgspec.to_builtins(report)}})
        return
    tell("\n".join(proof_lines(report)))


def proof_lines(report: Report) -> Iterator[str]:
    """The proof in words."""
    tasks, calls, kills = report.tasks, report.calls, report.kills
    yield f"seed {report.seed}, at most {report.max_concurrent} at once, {report.wall_s:.1f} s"
    lost = kills.workers_with_a_task
    yield f"kills of workers: {kills.workers} of {kills.planned_workers}, {lost} of them took a task along"
    yield f"kills of the engine: {kills.engines} of {kills.planned_engines}"
    yield f"tasks submitted: {tasks.submitted}, settled: {tasks.settled}, in {tasks.attempts} attempts"
    yield f"lost: {tasks.lost}"
    yield f"settled twice: {tasks.settled_twice}"
    yield f"late results refused: {tasks.late_results_refused}"
    yield f"results right by hash: {tasks.results_right}, wrong: {tasks.results_wrong}"
    yield f"results missing or wrong in the written file: {tasks.written_results_wrong}"
    yield f"poison expected: {tasks.poison_expected}, found: {tasks.poison_found}"
    yield f"others that our kills hit as often as poison: {tasks.killed_too_often}"
    yield f"model calls: {calls.requests} for {calls.expected_questions} questions, {calls.paid_twice} paid twice"
    yield f"paid twice though the answer was journaled: {calls.paid_twice_though_journaled}"
    yield f"processes left behind: {kills.orphans}, work directories: {kills.work_directories_left}"
    yield from _recovery(report)
    yield from (f"BROKEN: {what}" for what in report.broken)
    if not report.broken:
        yield "every guarantee held"
    if report.kept is not None:
        yield f"kept: {report.kept}"


def _recovery(report: Report) -> Iterator[str]:
    kills = report.kills
    yield f"a killed worker's task runs again: {_times(kills.task_runs_again)}"
    yield f"the same within 5 s after a kill of the engine: {_times(kills.task_runs_again_after_engine_kill)}"
    yield f"the engine dispatches again: {_times(kills.engine_dispatches)}"
    yield f"all processes of a killed engine are gone: {_times(kills.orphans_gone)}"


def _times(times: Times) -> str:
    if times.p50_s is None:
        return "not measured"
    return f"p50 {times.p50_s:.3f} s, p99 {times.p99_s:.3f} s, most {times.max_s:.3f} s, n = {times.count}"
