"""`plan`: what a run would do, need and cost, before anybody pays for it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from parallel_agents.cli import codes
from parallel_agents.cli.foretold import count, document_of, dollars, lines_of
from parallel_agents.cli.piloting import Pilot, run_pilot
from parallel_agents.cli.sourcing import Reading, read_source
from parallel_agents.cli.streams import note, tell_data, tell_json
from parallel_agents.core.errors import InputError
from parallel_agents.executor import DEFAULT_CONFIG, ParallelAgentExecutor
from parallel_agents.sources.pipelines import first_steps, later_steps
from parallel_agents.sources.plan import Plan


class PlanOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `plan`."""

    config: Path | None
    journal: Path | None
    model: str | None
    max_concurrent: int | None
    pilot: int | None
    json: bool


async def show_plan(reading: Reading, options: PlanOptions) -> int:
    """Foretell a run; with a pilot, after some of it has run."""
    if options.pilot is not None and options.pilot < 1:
        raise InputError(f"--pilot {options.pilot} runs nothing; give 1 or more")
    executor = ParallelAgentExecutor(options.config or DEFAULT_CONFIG, journal=options.journal, model=options.model)
    try:
        whole = await read_source(executor, reading, note)
        plan = first_steps(whole)
        pilot = await _pilot(executor, plan, options)
        if pilot is not None and not pilot.is_over:
            return _stopped(pilot)
        pilots = () if pilot is None else (pilot.execution_id,)
        found = await executor.plan(plan.tasks, options.max_concurrent, places=plan.places, pilots=pilots)
        if options.json:
            tell_json(document_of(plan, found, pilot, later=later_steps(whole)))
            return codes.OK
        if pilot is not None:
            note(_said(pilot))
        tell_data("\n".join(lines_of(plan, found, after_pilot=pilot is not None, later=later_steps(whole))))
        return codes.OK
    finally:
        await executor.aclose()


async def _pilot(executor: ParallelAgentExecutor, plan: Plan, options: PlanOptions) -> Pilot | None:
    """Run one where it was asked for, of what would have to run: an earlier result tells nothing new."""
    if options.pilot is None:
        return None
    known = (await executor.plan(plan.tasks, options.max_concurrent, places=plan.places)).reused
    left = [position for position in range(len(plan.tasks)) if position not in known]
    if not left:
        return None
    return await run_pilot(executor, plan, left, options.pilot, options.max_concurrent, quiet=options.json)


def _stopped(pilot: Pilot) -> int:
    note(f"the pilot was stopped; `parallel-agents resume {pilot.execution_id}` goes on with it")
    return codes.INTERRUPTED


def _said(pilot: Pilot) -> str:
    cost = "cost unknown" if pilot.cost_usd is None else dollars(pilot.cost_usd)
    return f"pilot {pilot.execution_id}: {pilot.completed} of {count(pilot.tasks)} completed, {cost}"
