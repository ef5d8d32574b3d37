"""What a command runs, read from its source, and what was left out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.canvas.selection import Skipped
from parallel_agents.core.errors import InputError
from parallel_agents.executor import ParallelAgentExecutor
from parallel_agents.pipelines.reading import load_pipeline
from parallel_agents.pipelines.spec import Pipeline
from parallel_agents.sources.canvases import EarlierByCanvas
from parallel_agents.sources.pipelines import plan_pipeline, with_agents
from parallel_agents.sources.plan import Plan, SkippedFor, warnings_of
from parallel_agents.sources.several import plan_agents


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What is read, for which agents or which pipeline, and how."""

    source: str
    choice: NodeChoice
    agents: tuple[str, ...] = ()
    pipeline: str | None = None
    notes: bool = False
    skip_unreadable: bool = False


async def read_source(executor: ParallelAgentExecutor, reading: Reading, remark: Callable[[str], object]) -> Plan:
    """Read a source; what was skipped, and why, and what of an agent's file has no effect, is said to `remark`.

    Raises:
        InputError: it cannot be read, or there is nothing to run.
    """
    pipeline = None if reading.pipeline is None else load_pipeline(reading.pipeline)
    plan = await _planned(executor, reading, pipeline)
    warnings = (*warnings_of(plan, executor.agents), *plan.warnings)
    plan = msgspec.structs.replace(plan, warnings=warnings)
    _say_skipped(plan, remark)
    return plan


async def _planned(executor: ParallelAgentExecutor, reading: Reading, pipeline: Pipeline | None) -> Plan:
    named = reading.agents
    if pipeline is not None:
        pipeline = with_agents(pipeline, executor.agents)
        named = tuple(dict.fromkeys(step.agent for step in pipeline.roots()))
    earlier = await _earlier(executor, reading, named)
    how = {"notes": reading.notes, "skip_unreadable": reading.skip_unreadable}
    if pipeline is not None:
        return plan_pipeline(reading.source, pipeline, reading.choice, executor.agents, earlier, **how)
    return plan_agents(reading.source, named, reading.choice, executor.agents, earlier, **how)


async def _earlier(
    executor: ParallelAgentExecutor, reading: Reading, agents: Sequence[str]
) -> dict[str, EarlierByCanvas]:
    if not reading.choice.needs_journal:
        return {}
    names = {agent: executor.agents.resolve(agent).name for agent in agents}
    return {agent: await executor.executions.earlier(Path(reading.source), name) for agent, name in names.items()}


def _say_skipped(plan: Plan, remark: Callable[[str], object]) -> None:
    for warning in plan.warnings:
        remark(f"warning   {warning}")
    for skip in plan.skipped:
        remark(_skipped(skip, plan))
    for line in _not_selected(plan):
        remark(line)
    if not plan.tasks:
        raise InputError(f"{plan.source}: there is nothing to run; {_why_nothing(plan.skipped)}")
    for share in plan.shares:
        if not share.tasks:
            remark(f"warning   {share.agent} has nothing to run{f': {share.nothing}' if share.nothing else ''}")


def _not_selected(plan: Plan) -> Iterator[str]:
    if plan.not_selected is None:
        for share in plan.shares:
            if share.not_selected:
                yield f"skipped   {_nodes(share.not_selected)} for {share.agent}: not selected"
    elif plan.not_selected:
        yield f"skipped   {_nodes(plan.not_selected)}: not selected"


def _nodes(number: int) -> str:
    return "1 node" if number == 1 else f"{number} nodes"


def _skipped(skip: Skipped, plan: Plan) -> str:
    whose = f" for {skip.agent}" if isinstance(skip, SkippedFor) else ""
    if skip.node_id is None:
        return f"skipped   {skip.path}{whose}: {skip.reason}"
    place = "" if skip.path == plan.source else f"{skip.path}, "
    return f"skipped   {place}node {skip.node_id}{whose}: {skip.reason}"


def _why_nothing(skipped: Sequence[Skipped]) -> str:
    nodes = sum(skip.node_id is not None for skip in skipped)
    if nodes:
        return "1 node was skipped" if nodes == 1 else f"{nodes} nodes were skipped"
    if not skipped:
        return "it is empty"
    return "1 file was skipped" if len(skipped) == 1 else f"{len(skipped)} files were skipped"
