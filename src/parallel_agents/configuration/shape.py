"""Holds plain values against the types of `core.settings` and says in words what does not fit."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args

import msgspec
from msgspec import inspect

from parallel_agents.configuration.layer import KeyPath, dotted
from parallel_agents.core.settings import Settings

SHOWN = 60
PLAIN_WORDS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.StrType: "text",
    inspect.NoneType: "null",
}


class Fault(msgspec.Struct, frozen=True):
    """One thing that does not fit."""

    path: KeyPath
    problem: str
    hint: str = ""


def faults(values: object, kind: Any = Settings, path: KeyPath = ()) -> Iterator[Fault]:
    """Find what in `values` does not fit the type `kind`, in the order of the type's keys."""
    match inspect.type_info(kind):
        case inspect.StructType() as info:
            yield from _section_faults(values, info, path)
        case inspect.DictType():
            yield from _entry_faults(values, _inner(kind, -1), path)
        case inspect.VarTupleType() if isinstance(values, list | tuple):
            yield from _list_faults(cast("list[object]", values), kind, path)
        case info:
            yield from _leaf_faults(values, kind, info, path)


def unknown_key(path: KeyPath) -> Fault:
    """Describe a key that its section does not have, with the one that was probably meant."""
    return Fault(path, "is not a known key", _meant(str(path[-1]), key_names(path[:-1]) or [], path[:-1]))


def key_names(path: KeyPath) -> list[str] | None:
    """List the keys that the mapping at `path` may have; None where any name goes or there is no mapping."""
    info = inspect.type_info(kind_at(path))
    return [field.name for field in info.fields] if isinstance(info, inspect.StructType) else None


def has_entries(path: KeyPath) -> bool:
    """Tell whether the value at `path` is a mapping with names of the user's choice."""
    return isinstance(inspect.type_info(kind_at(path)), inspect.DictType)


def kind_at(path: KeyPath) -> Any:
    """Find the type of the value at `path`; `object` where there is none."""
    kind: Any = Settings
    for part in path:
        info = inspect.type_info(kind)
        if isinstance(info, inspect.StructType):
            kind = {field.name: field.type for field in msgspec.structs.fields(info.cls)}.get(str(part), object)
        elif isinstance(info, inspect.DictType):
            kind = _inner(kind, -1)
        else:
            return object
    return kind


def fits(value: object, kind: Any) -> bool:
    """Tell whether `value` fits the type `kind`."""
    return next(faults(value, kind), None) is None


def shown(value: object) -> str:
    """Write a value as it stands in a file, cut where it is long."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case []:
            return "an empty list"
        case list():
            return "a list"
        case _:
            text = repr(value) if isinstance(value, str) else str(value)
            return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def described(info: inspect.Type) -> str:
    """Say in words what fits a type."""
    match info:
        case inspect.IntType():
            return f"a whole number{_bounds(info)}"
        case inspect.FloatType():
            return f"a number{_bounds(info)}"
        case inspect.LiteralType(values):
            return "one of " + ", ".join(str(value) for value in values)
        case inspect.VarTupleType():
            return "a list" if not info.min_length else f"a list with at least {info.min_length} entry"
        case inspect.UnionType(types):
            return " or ".join(described(choice) for choice in types)
        case _:
            return PLAIN_WORDS[type(info)]


def _section_faults(values: object, info: inspect.StructType, path: KeyPath) -> Iterator[Fault]:
    if not isinstance(values, Mapping):
        yield Fault(path, f"must be a mapping of keys, not {shown(values)}")
        return
    section = cast("Mapping[str, object]", values)
    kinds = {field.name: field.type for field in msgspec.structs.fields(info.cls)}
    yield from (unknown_key((*path, key)) for key in section if key not in kinds)
    for key, kind in kinds.items():
        if key in section:
            yield from faults(section[key], kind, (*path, key))


def _entry_faults(values: object, kind: Any, path: KeyPath) -> Iterator[Fault]:
    if not isinstance(values, Mapping):
        yield Fault(path, f"must be a mapping of names, not {shown(values)}")
        return
    for name, value in cast("Mapping[str, object]", values).items():
        yield from faults(value, kind, (*path, name))


def _list_faults(values: list[object], kind: Any, path: KeyPath) -> Iterator[Fault]:
    clean = True
    for index, value in enumerate(values):
        for fault in faults(value, _inner(kind, 0), (*path, index)):
            clean = False
            yield fault
    if clean:
        yield from _leaf_faults(values, kind, inspect.type_info(kind), path)


def _leaf_faults(value: object, kind: Any, info: inspect.Type, path: KeyPath) -> Iterator[Fault]:
    if _converts(value, kind):
        return
    yield Fault(path, f"must be {described(info)}, not {shown(value)}", _meant_value(value, info))


def _converts(value: object, kind: Any) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False  # an endless timeout or budget would take the guard away without a word
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError):  # a half character is none of the names of a choice
        return False
    return True


def _inner(kind: Any, index: int) -> Any:
    arguments = get_args(kind)
    annotated = hasattr(kind, "__metadata__")
    return _inner(arguments[0], index) if annotated else arguments[index]


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" from {info.ge:g} to {info.le:g}"
    words = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}
    found = ((word, getattr(info, name)) for name, word in words.items())
    return "".join(f" {word} {bound:g}" for word, bound in found if bound is not None)


def _meant_value(value: object, info: inspect.Type) -> str:
    if not isinstance(info, inspect.LiteralType) or not isinstance(value, str):
        return ""
    close = difflib.get_close_matches(value.lower(), [str(choice) for choice in info.values], n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def _meant(key: str, known: list[str], path: KeyPath) -> str:
    close = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1)
    if close:
        return f"Did you mean {dotted((*path, close[0]))!r}?"
    elsewhere = [dotted(where) for where in _paths() if where[-1] == key]
    if elsewhere:
        return f"Did you mean {' or '.join(repr(where) for where in elsewhere)}?"
    return f"Known here: {', '.join(known)}."


def _paths(kind: Any = Settings, path: KeyPath = ()) -> Iterator[KeyPath]:
    match inspect.type_info(kind):
        case inspect.StructType(cls):
            for field in msgspec.structs.fields(cls):
                yield (*path, field.name)
                yield from _paths(field.type, (*path, field.name))
        case inspect.DictType():
            yield from _paths(_inner(kind, -1), (*path, "NAME"))
        case _:
            return
