"""What a command runs, read from its source, and what was left out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.canvas.selection import Skipped
from parallel_agents.core.errors import InputError
from parallel_agents.executor import ParallelAgentExecutor
from parallel_agents.sources.canvases import EarlierByCanvas
from parallel_agents.sources.plan import Plan, warnings_of
from parallel_agents.sources.reading import plan_source


class Reading(msgspec.Struct, frozen=True):
    """What is read, and how."""

    source: str
    agent: str | None
    choice: NodeChoice
    notes: bool = False
    skip_unreadable: bool = False


async def read_source(executor: ParallelAgentExecutor, reading: Reading, remark: Callable[[str], object]) -> Plan:
    """Read a source; what was skipped, and why, and what of an agent's file has no effect, is said to `remark`.

    Raises:
        InputError: it cannot be read, or there is nothing to run.
    """
    plan = plan_source(
        reading.source,
        reading.agent,
        reading.choice,
        executor.agents,
        await _earlier(executor, reading.source, reading.agent, reading.choice),
        notes=reading.notes,
        skip_unreadable=reading.skip_unreadable,
    )
    warnings = (*warnings_of(plan, executor.agents), *plan.warnings)
    plan = msgspec.structs.replace(plan, warnings=warnings)
    _say_skipped(plan, remark)
    return plan


async def _earlier(
    executor: ParallelAgentExecutor, source: str, agent: str | None, choice: NodeChoice
) -> EarlierByCanvas | None:
    if agent is None or not choice.needs_journal:
        return None
    return await executor.executions.earlier(Path(source), executor.agents.resolve(agent).name)


def _say_skipped(plan: Plan, remark: Callable[[str], object]) -> None:
    for warning in plan.warnings:
        remark(f"warning   {warning}")
    for skip in plan.skipped:
        remark(_skipped(skip, plan))
    if plan.not_selected:
        one, many = "skipped   1 node: not selected", f"skipped   {plan.not_selected} nodes: not selected"
        remark(one if plan.not_selected == 1 else many)
    if not plan.tasks:
        raise InputError(f"{plan.source}: there is nothing to run; {_why_nothing(plan.skipped)}")


def _skipped(skip: Skipped, plan: Plan) -> str:
    if skip.node_id is None:
        return f"skipped   {skip.path}: {skip.reason}"
    place = "" if skip.path == plan.source else f"{skip.path}, "
    return f"skipped   {place}node {skip.node_id}: {skip.reason}"


def _why_nothing(skipped: Sequence[Skipped]) -> str:
    nodes = sum(skip.node_id is not None for skip in skipped)
    if nodes:
        return "1 node was skipped" if nodes == 1 else f"{nodes} nodes were skipped"
    if not skipped:
        return "it is empty"
    return "1 file was skipped" if len(skipped) == 1 else f"{len(skipped)} files were skipped"
