"""The tasks of several agents over one source, as one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.canvas.selection import Skipped
from parallel_agents.core.errors import InputError, NothingFitsError
from parallel_agents.sources.canvases import EarlierByCanvas
from parallel_agents.sources.plan import Plan, Share, SkippedFor
from parallel_agents.sources.reading import plan_source
from parallel_agents.sources.taskfile import SUFFIX, plan_file


def plan_agents(
    source: str | Path,
    named: Sequence[str],
    choice: NodeChoice,
    agents: AgentRegistry,
    earlier: Mapping[str, EarlierByCanvas] | None = None,
    *,
    notes: bool = False,
    skip_unreadable: bool = False,
) -> Plan:
    """Read a source for any number of agents; see `plan_source` for what it may be.

    The tasks stand agent by agent, in the order given: those of one agent begin alike, which a provider's cache
    rewards. What is skipped for all of them stands once, anything else with its agent. An agent for which nothing fits
    a selection has no tasks; `shares` says so. In a `.jsonl`, a line that names no agent is a task for each.

    `earlier` is for a choice that needs the journal, by the agent as it was named.

    Raises:
        InputError: as `plan_source`; an agent is named twice; nothing fits for any.
    """
    known = earlier or {}
    if len(named) < 2:
        only = named[0] if named else None
        found = None if only is None else known.get(only)
        return plan_source(source, only, choice, agents, found, notes=notes, skip_unreadable=skip_unreadable)
    names = _names(named, agents)
    if not notes and choice.is_open and Path(source).suffix.lower() == SUFFIX:
        return plan_file(Path(source), names, agents)
    plans: dict[str, Plan | NothingFitsError] = {}
    for given, name in zip(named, names, strict=True):
        try:
            plans[name] = plan_source(
                source, given, choice, agents, known.get(given), notes=notes, skip_unreadable=skip_unreadable
            )
        except NothingFitsError as error:
            plans[name] = error
    return _merged(plans)


def _names(named: Sequence[str], agents: AgentRegistry) -> list[str]:
    names = [agents.resolve(one).name for one in named]
    for position, name in enumerate(names):
        if name in names[:position]:
            first, again = named[names.index(name)], named[position]
            told = f"{again!r}" if first == again else f"{again!r} is {name!r}, which"
            raise InputError(f"--agent: {told} was named before. Name each agent once.")
    return names


def _merged(plans: Mapping[str, Plan | NothingFitsError]) -> Plan:
    found = {name: plan for name, plan in plans.items() if isinstance(plan, Plan)}
    for nothing in plans.values():
        if not found and isinstance(nothing, NothingFitsError):
            raise nothing
    first = next(iter(found.values()))
    numbers = {plan.not_selected for plan in found.values()}
    return msgspec.structs.replace(
        first,
        tasks=[task for plan in found.values() for task in plan.tasks],
        places=[place for plan in found.values() for place in plan.places],
        skipped=_skipped(found, is_all=len(found) == len(plans)),
        title=None,
        warnings=list(dict.fromkeys(warning for plan in found.values() for warning in plan.warnings)),
        not_selected=numbers.pop() if len(numbers) == 1 else None,
        shares=[_share(name, plan) for name, plan in plans.items()],
    )


def _share(name: str, plan: Plan | NothingFitsError) -> Share:
    if isinstance(plan, NothingFitsError):
        return Share(agent=name, tasks=0, nothing=plan.problem)
    return Share(agent=name, tasks=len(plan.tasks), not_selected=plan.not_selected)


def _skipped(plans: Mapping[str, Plan], *, is_all: bool) -> list[Skipped]:
    by_agent = {name: dict.fromkeys(plan.skipped) for name, plan in plans.items()}
    shared = [
        skip for skip in next(iter(by_agent.values())) if is_all and all(skip in own for own in by_agent.values())
    ]
    told = set(shared)
    own = [
        SkippedFor(skip.node_id, skip.reason, skip.path, name)
        for name, skips in by_agent.items()
        for skip in skips
        if skip not in told
    ]
    return [*shared, *own]
