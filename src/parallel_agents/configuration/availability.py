"""Values that can be written and that this version does not have."""

from __future__ import annotations

from collections.abc import Iterator

from parallel_agents.configuration.layer import KeyPath, dotted, leaves
from parallel_agents.configuration.meanings import deferred
from parallel_agents.configuration.rules import ISOLATION_LEVEL, POOL_TYPE, PROCESSING, Conflict, misnamed, oversized
from parallel_agents.configuration.shape import shown
from parallel_agents.core.errors import ConfigurationError
from parallel_agents.core.settings import Settings

REQUIRE = (*PROCESSING, "context_isolation", "require")


def unavailable(settings: Settings) -> Iterator[Conflict]:
    """Find isolation levels, pools and guarantees that this version lacks; a run refuses them rather than do less."""
    processing = settings.parallel_processing
    level, pool = processing.context_isolation.isolation_level, processing.process_pool.pool_type
    for path, value in ((ISOLATION_LEVEL, level), (POOL_TYPE, pool)):
        if value != "process":
            yield Conflict(path, repr(value), "is not available in this version", "Use 'process'.")
    for guarantee in processing.context_isolation.require:
        if guarantee != "memory":
            hint = "Take it out, or wait for the sandbox."
            yield Conflict(REQUIRE, "", f"this version cannot guarantee {guarantee}", hint)


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
