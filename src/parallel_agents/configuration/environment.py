"""Environment variables as layers over the file.

`PARALLEL_AGENTS__PARALLEL_PROCESSING__DEFAULT_MAX_CONCURRENT=5` sets the key at that path, whatever the case of its
letters; the value is YAML (so JSON too). `PARALLEL_AGENTS_JOURNAL` and `PARALLEL_AGENTS_MODEL` are plain text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from parallel_agents.configuration.document import read_value
from parallel_agents.configuration.layer import KeyPath, Layer, Origin, dotted, paths_in
from parallel_agents.configuration.shape import fits, has_entries, key_names, kind_at, unknown_key
from parallel_agents.core.errors import ConfigurationError

PREFIX = "PARALLEL_AGENTS__"
PLAIN: dict[str, KeyPath] = {
    "PARALLEL_AGENTS_JOURNAL": ("journal", "path"),
    "PARALLEL_AGENTS_MODEL": ("model",),
}


class Override(msgspec.Struct, frozen=True):
    """One variable and the key that it sets."""

    variable: str
    path: KeyPath
    value: Any


def read_environment(environ: Mapping[str, str], below: Layer) -> Layer:
    """Lay the variables that are meant for us over `below`; an empty plain one counts as not set.

    Raises:
        ConfigurationError: a variable names no key, its value is not YAML, or two variables set the same key.
    """
    overrides = [Override(name, path, environ[name]) for name, path in PLAIN.items() if environ.get(name)]
    for name, text in environ.items():
        if name.upper().startswith(PREFIX):
            overrides.append(_override(name, text, below.values))
    _refuse_doubles(overrides)
    # A variable for a whole section goes under those for its keys.
    for override in sorted(overrides, key=lambda override: len(override.path)):
        below = _layer(override).over(below)
    return below


def _override(name: str, text: str, values: Mapping[str, Any]) -> Override:
    path = _path(name, values)
    kind = kind_at(path)
    try:
        value = read_value(text)
    except ValueError as error:
        if not fits(text, kind):
            raise ConfigurationError(name, f"is not valid YAML: {error}", key=dotted(path)) from error
        value = text
    # `1.0` is a number to YAML and yet a fine name for a model or a path.
    return Override(name, path, text if not fits(value, kind) and fits(text, kind) else value)


def _path(variable: str, values: Mapping[str, Any]) -> KeyPath:
    path: KeyPath = ()
    here: object = values
    for part in variable[len(PREFIX) :].split("__"):
        entries = cast("dict[str, object]", here) if isinstance(here, dict) else dict[str, object]()
        path = (*path, _key(part, path, entries, variable))
        here = entries.get(str(path[-1]))
    return path


def _key(part: str, path: KeyPath, entries: Iterable[str], variable: str) -> str:
    names = key_names(path)
    if names is None and not has_entries(path):
        raise ConfigurationError(variable, "is no section: it has no keys of its own", key=dotted(path))
    # A shell cannot export a name with a dash, so `SCORING_AGENT` finds `scoring-agent`.
    wanted = part.lower().replace("-", "_")
    found = [name for name in names or entries if name.lower().replace("-", "_") == wanted]
    if not found and (names is not None or not part):
        fault = unknown_key((*path, part.lower()))
        raise ConfigurationError(variable, fault.problem, key=dotted(fault.path) or None, hint=fault.hint)
    return found[0] if found else part.lower()


def _refuse_doubles(overrides: Iterable[Override]) -> None:
    seen: dict[KeyPath, str] = {}
    for override in overrides:
        other = seen.setdefault(override.path, override.variable)
        if other != override.variable:
            problem = f"sets the same key as {other}"
            raise ConfigurationError(override.variable, problem, key=dotted(override.path), hint="Unset one of them.")


def _layer(override: Override) -> Layer:
    value = override.value
    for part in reversed(override.path):
        value = {str(part): value}
    origin = Origin(override.variable)
    paths = {override.path, *paths_in(override.value, override.path)}
    return Layer(values=cast("dict[str, Any]", value), origins=dict.fromkeys(paths, origin))
