"""Values that can be written and that this version does not have."""

from __future__ import annotations

from collections.abc import Iterator

from parallel_agents.configuration.layer import KeyPath, dotted, leaves
from parallel_agents.configuration.meanings import deferred
from parallel_agents.configuration.rules import ISOLATION_LEVEL, PROCESSING, Conflict, misnamed, oversized, own_levels
from parallel_agents.configuration.shape import shown
from parallel_agents.core.errors import ConfigurationError
from parallel_agents.core.levels import obstacle
from parallel_agents.core.settings import Settings

REQUIRE = (*PROCESSING, "context_isolation", "require")


def unavailable(settings: Settings) -> Iterator[Conflict]:
    """Find isolation levels, pools and guarantees that this version lacks; a run refuses them rather than do less."""
    isolation = settings.parallel_processing.context_isolation
    level = isolation.isolation_level
    if level == "container":
        yield Conflict(ISOLATION_LEVEL, repr(level), "is not available in this version", "Use 'process'.")
    for guarantee in isolation.require:
        if guarantee != "memory":
            hint = "Take it out, or wait for the sandbox."
            yield Conflict(REQUIRE, "", f"this version cannot guarantee {guarantee}", hint)
        elif level in {"coroutine", "thread"}:
            problem = f"the level {level} cannot guarantee memory: attempts share their worker's"
            yield Conflict(REQUIRE, "", problem, "Take it out, or use the level 'process'.")
    for path, own in own_levels(settings):
        found = obstacle(own, settings)
        # That it is stricter than the pool is told where the file is read.
        if found is not None and own != "process":
            yield Conflict(path, repr(own), found.problem, found.hint)


def refuse_unavailable(settings: Settings, source: str) -> None:
    """Refuse settings that this version cannot run under; `source` is what the error calls them.

    Raises:
        ConfigurationError: names the key.
    """
    for conflict in unavailable(settings):
        problem = f"{conflict.value} {conflict.problem}".strip()
        raise ConfigurationError(source, problem, key=dotted(conflict.path), hint=conflict.hint)


def without_effect(settings: Settings, since: Settings) -> Iterator[tuple[KeyPath, object, str]]:
    """Find keys that say something else than in `since` and than the defaults, and have no effect in this version.

    Gives the key, its value and the part of the work that gives it an effect.
    """
    defaults, before = dict(leaves(Settings())), dict(leaves(since))
    refused = {conflict.path for conflict in unavailable(settings)}
    for path, value in leaves(settings):
        part = deferred(path)
        if part is not None and path not in refused and value not in (defaults.get(path), before.get(path)):
            yield path, value, part


def warnings(settings: Settings) -> list[str]:
    """List what is allowed and yet worth knowing, one sentence each."""
    idle = [
        f"{dotted(path)} is {shown(value)} and has no effect in this version; it comes with {part!r}"
        for path, value, part in without_effect(settings, Settings())
    ]
    return [*oversized(settings), *misnamed(settings), *idle]
