"""One source of values and where each of them stands; later layers are laid over earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias, cast

import msgspec

KeyPath: TypeAlias = tuple[str | int, ...]


class Origin(msgspec.Struct, frozen=True):
    """Where a value comes from: a file and a line (from 1), or the name of an environment variable."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        """Write it as errors do."""
        return self.source if self.line is None else f"{self.source}:{self.line}"


class Layer(msgspec.Struct, kw_only=True):
    """Plain values and the origin of every key that a user wrote. A key without an origin has its default."""

    values: dict[str, Any]
    origins: dict[KeyPath, Origin] = msgspec.field(default_factory=dict[KeyPath, Origin])

    def over(self, lower: Layer) -> Layer:
        """Lay this layer over `lower`: mappings are merged key by key, everything else is replaced."""
        return Layer(values=_merged(lower.values, self.values), origins={**lower.origins, **self.origins})


def dotted(path: KeyPath) -> str:
    """Write a path as `a.b[0]`; positions in a list count from 0."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def paths_in(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """List the paths of everything inside `value`, which stands at `path` itself."""
    entries: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value).items()
    elif isinstance(value, list):
        entries = enumerate(cast("list[object]", value))
    for key, inner in entries:
        yield (*path, key)
        yield from paths_in(inner, (*path, key))


def leaves(settings: object) -> Iterator[tuple[KeyPath, object]]:
    """List every key of settings that is no section, with its plain value; lists are values, and so are empty maps."""
    yield from _leaves(msgspec.to_builtins(settings), ())


def _leaves(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    if isinstance(value, dict) and value:
        for key, inner in cast("dict[str, object]", value).items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path, value


def _merged(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        if not isinstance(below, dict):
            result[key] = value
        elif isinstance(value, dict):
            result[key] = _merged(cast("dict[str, Any]", below), cast("dict[str, Any]", value))
        elif value is not None:  # a section whose keys are all commented out reads as null: its defaults hold
            result[key] = value
    return result
