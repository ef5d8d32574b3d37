"""Defaults, a file and the environment into one `Settings`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.configuration.availability import unavailable
from parallel_agents.configuration.document import read_document
from parallel_agents.configuration.environment import read_environment
from parallel_agents.configuration.layer import Layer, Origin, dotted, leaves, paths_in
from parallel_agents.configuration.rules import Conflict, conflicts, place
from parallel_agents.configuration.shape import Fault, faults
from parallel_agents.core.errors import ConfigurationError
from parallel_agents.core.settings import Settings

DEFAULT_PATH = "config/parallel_agents.yaml"
SECTION = "parallel_processing"


def load(path: str | Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings: defaults, over them the file, over that the environment variables.

    With `path` None the file is `config/parallel_agents.yaml` where there is one. A key that nobody sets has its
    default, in `agent_configs` too: an entry there changes only the keys that it names.

    Raises:
        ConfigurationError: a named file is missing, or a file or a variable has a wrong key or value, or one that this
            version does not have. Of several faults it tells the one that stands first.
    """
    return _settings(_layered(path, environ))


def load_with_origins(path: str | Path | None, environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """Read the settings as `load` does, and say where every key's value comes from.

    Keys are dotted; origins are `FILE:LINE`, the name of a variable, or `default`.

    Raises:
        ConfigurationError: as `load`.
    """
    layer = _layered(path, environ)
    settings = _settings(layer)
    return settings, {dotted(key): str(layer.origins.get(key, "default")) for key, _ in leaves(settings)}


def find_faults(path: str | Path | None, environ: Mapping[str, str]) -> list[ConfigurationError]:
    """Find everything that is wrong with a configuration: wrong keys and values in the order of their lines.

    What makes a file unreadable, such as broken YAML or a key that stands twice, hides whatever else is wrong; so do
    wrong values hide rules between keys that are broken.
    """
    try:
        layer = _layered(path, environ)
    except ConfigurationError as error:
        return [error]
    return _errors(layer)


def merge(settings: Settings, values: Mapping[str, Any], source: str = "settings") -> Settings:
    """Lay keys of `parallel_processing` (a nested mapping) over settings in force; `source` is what errors call them.

    Raises:
        ConfigurationError: a wrong key or value, or one that does not go with the rest.
    """
    for key in values:
        if key == SECTION:
            hint = f"Leave the outer {SECTION!r} out: its keys are meant."
            raise ConfigurationError(source, "is not a key of itself", key=SECTION, hint=hint)
        if key in Settings.__struct_fields__:
            raise ConfigurationError(source, "takes effect only at a restart", key=key, hint="Set it in the file.")
    upper: dict[str, Any] = {SECTION: dict(values)}
    origins = dict.fromkeys(paths_in(upper), Origin(source))
    return _settings(Layer(values=upper, origins=origins).over(_layer_of(settings)))


def _settings(layer: Layer) -> Settings:
    for error in _errors(layer):
        raise error
    return msgspec.convert(layer.values, Settings)


def _errors(layer: Layer) -> list[ConfigurationError]:
    found = sorted(faults(layer.values), key=lambda fault: _line(fault, layer))
    if found:
        return [_shape_error(fault, layer) for fault in found]
    settings = msgspec.convert(layer.values, Settings)
    return [_conflict_error(conflict, layer) for conflict in (*conflicts(settings), *unavailable(settings))]


def _layered(path: str | Path | None, environ: Mapping[str, str]) -> Layer:
    return read_environment(environ, _file_layer(path).over(_layer_of(Settings())))


def _layer_of(settings: Settings) -> Layer:
    values: dict[str, Any] = msgspec.to_builtins(settings)
    return Layer(values=values)


def _file_layer(path: str | Path | None) -> Layer:
    source = str(Path(DEFAULT_PATH if path is None else path))
    try:
        content = Path(source).read_bytes()
    except FileNotFoundError as error:
        if path is None:
            return Layer(values={})
        hint = "Leave the path out to run with the defaults."
        raise ConfigurationError(source, "there is no such file", hint=hint) from error
    except IsADirectoryError as error:
        raise ConfigurationError(source, "is a directory, not a file") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError(source, f"cannot be read: {reason}") from error
    return read_document(_decoded(content, source), source)


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(source, "is not UTF-8 text", line=line, hint="Save it as UTF-8.") from error


def _line(fault: Fault, layer: Layer) -> int:
    origin = layer.origins.get(fault.path)
    return 0 if origin is None or origin.line is None else origin.line


def _shape_error(fault: Fault, layer: Layer) -> ConfigurationError:
    origin = layer.origins.get(fault.path)
    source, line = ("defaults", None) if origin is None else (origin.source, origin.line)
    return ConfigurationError(source, fault.problem, line=line, key=dotted(fault.path), hint=fault.hint)


def _conflict_error(conflict: Conflict, layer: Layer) -> ConfigurationError:
    origin = layer.origins.get(conflict.path)
    words = [conflict.value, "" if origin else "(its default)", conflict.problem]
    if conflict.other is not None:
        words.append(f"({place(conflict.other, layer)})")
        # Where the user wrote only the other key, that is where to look.
        origin = origin or layer.origins.get(conflict.other)
    source, line = ("defaults", None) if origin is None else (origin.source, origin.line)
    problem = " ".join(word for word in words if word)
    return ConfigurationError(source, problem, line=line, key=dotted(conflict.path), hint=conflict.hint)
