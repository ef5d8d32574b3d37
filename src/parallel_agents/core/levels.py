"""Which isolation level an agent runs at, and what stands in its way."""

from __future__ import annotations

import msgspec

from parallel_agents.core.settings import IsolationLevel, Level, Settings


class Obstacle(msgspec.Struct, frozen=True):
    """Why a level cannot be had under some settings, and the way out."""

    problem: str
    hint: str


def own_level(agent: str, spec: IsolationLevel | None, settings: Settings) -> IsolationLevel | None:
    """The level that an agent runs at: the configuration's for it, else its `spec`'s; None for that of all others."""
    return settings.agent_settings(agent).isolation_level or spec


def available(level: IsolationLevel | None) -> Level | None:
    """A level as workers have it. Raises `ValueError` for one that this version lacks."""
    if level == "container":
        raise ValueError("the isolation level container is not available in this version")
    return level


def obstacle(level: IsolationLevel, settings: Settings) -> Obstacle | None:
    """What keeps an agent from running at a level of its own; None where nothing does."""
    processing = settings.parallel_processing
    if level == "container":
        return Obstacle("is not available in this version", "Use 'process'.")
    if level == "process" and processing.process_pool.pool_type == "thread":
        return Obstacle(
            "is stricter than parallel_processing.process_pool.pool_type thread can give",
            "Choose the level thread or coroutine, or the pool type process.",
        )
    if level != "process" and "memory" in processing.context_isolation.require:
        return Obstacle(
            "cannot guarantee memory, which parallel_processing.context_isolation.require asks for",
            "Use the level 'process', or take memory out.",
        )
    return None
