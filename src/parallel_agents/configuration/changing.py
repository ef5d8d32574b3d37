"""Changes to settings in force: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parallel_agents.configuration.availability import without_effect
from parallel_agents.configuration.layer import dotted, leaves
from parallel_agents.configuration.loading import merge
from parallel_agents.configuration.meanings import meaning_of
from parallel_agents.configuration.shape import shown
from parallel_agents.core.errors import ConfigurationError
from parallel_agents.core.settings import Settings


def changed(settings: Settings, values: Mapping[str, Any], source: str, *, running: bool) -> Settings:
    """Lay keys of `parallel_processing` over settings in force, if every one of them can take effect.

    `running` tells whether an engine goes by the settings already. `source` is what errors call the values.

    Raises:
        ConfigurationError: a wrong key or value; one that this version does not have or that has no effect in it; or,
            while an engine runs, one that takes effect only at a restart.
    """
    found = merge(settings, values, source)
    for path, value, part in without_effect(found, settings):
        problem = f"{shown(value)} has no effect in this version"
        raise ConfigurationError(source, problem, key=dotted(path), hint=f"It comes with {part!r}.")
    if running:
        _refuse_restarts(settings, found, source)
    return found


def _refuse_restarts(settings: Settings, found: Settings, source: str) -> None:
    before = dict(leaves(settings))
    for path, value in leaves(found):
        if value != before.get(path) and meaning_of(path).when == "restart":
            hint = "Set it in the file, or before anything is submitted."
            raise ConfigurationError(source, "takes effect only at a restart", key=dotted(path), hint=hint)
