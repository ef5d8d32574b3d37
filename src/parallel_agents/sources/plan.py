"""What a source gives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.selection import Skipped


class SkippedFor(Skipped, frozen=True):
    """A node or file that became no task of one of several agents, and may have become one of another."""

    agent: str = ""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one of several agents has of a source; `nothing` says why nothing fits a selection, "" where something does.

    `not_selected` is None where nobody counted.
    """

    agent: str
    tasks: int
    not_selected: int | None = None
    nothing: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks, where each came from, and what was left out.

    `title` names the result file after what the agent does, None for a mix of agents. `warnings` say what is odd about
    the source, and what has no effect in the files of its agents; `not_selected` counts the nodes that a selection left
    out, None where several agents differ in it. `shares` are for several agents, one each. `vault_root` is the vault of
    the source, or the one in which everything of it lies.
    """

    tasks: list[dict[str, Any]]
    places: list[str]
    skipped: list[Skipped]
    source: str
    vault_root: str | None
    title: str | None
    warnings: Sequence[str] = ()
    not_selected: int | None = 0
    shares: Sequence[Share] = ()


def title_of(agents: AgentRegistry, names: Collection[str]) -> str | None:
    """What the one agent of a batch calls its results; None for a mix, or an agent without a title."""
    known = [name for name in names if name in agents.names()]
    return agents.resolve(known[0]).title if len(known) == len(names) == 1 else None


def warnings_of(plan: Plan, agents: AgentRegistry) -> list[str]:
    """What is to be said of the agents of a plan, once for each.

    Raises:
        AgentError: a file that a task names is no agent; the task's place is told.
    """
    places: dict[str, str] = {}
    known = frozenset(agents.names())
    for task, place in zip(plan.tasks, plan.places, strict=True):
        name = task.get("agent_name")  # whatever a line of a task file says; submitting refuses what is no name
        if isinstance(name, str) and (name.endswith(".md") or name in known):
            places.setdefault(name, place)
    found = {agent.name: agent for agent in (agents.resolve(name, place) for name, place in places.items())}
    return [warning for agent in found.values() for warning in agent.warnings]
