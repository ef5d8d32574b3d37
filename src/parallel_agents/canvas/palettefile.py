"""The palette that a user names: one that ships, or a file of the user's own."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from parallel_agents.canvas.palette import DEFAULT, PALETTES, Palette, colour_name
from parallel_agents.core.errors import InputError, SourceError

DEEP_QUESTIONS = "deep_questions"
LIMIT_BYTES = 64 << 10
_CODE = re.compile(r"\d+|#[0-9a-f]{3,8}|[a-z]+", re.IGNORECASE)
_EXAMPLE = 'A palette has lines such as `red: ["1", "4"]`.'
_ONE_IN_THE_STANDARD = {"blue", "cyan"}


class _Mark(Protocol):
    line: int  # from 0


class _Node(Protocol):
    """What is used of ruamel's untyped nodes."""

    id: str  # mapping, sequence or scalar
    tag: str
    value: Any
    start_mark: _Mark


class _Entry(NamedTuple):
    line: int  # of the key: an empty value is marked where the next line begins
    node: _Node


def palette_named(name: str | None) -> Palette:
    """Find a palette by its name, or read it from a file; None means the standard's own.

    Raises:
        InputError: there is none of this name; or the file is not there or is no palette.
    """
    found = PALETTES.get(name or DEFAULT)
    if found is not None:
        return found
    path = Path(str(name))
    if path.suffix or path.name != str(name):
        return read_palette(path)
    close = difflib.get_close_matches(str(name), PALETTES, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(f"--palette: {name!r} is not one of {', '.join(PALETTES)}, and no file.{hint}")


def read_palette(path: Path) -> Palette:
    """Read a palette from YAML: colours with their codes, the one to be written first, and `deep_questions`.

    Raises:
        SourceError: the file is not there, is no such YAML, or gives one code to two colours.
    """
    root = _compose(path, _text(path))
    if root is None or root.id != "mapping":
        raise SourceError(path, "is no palette: it has no colours", line=1, hint=_EXAMPLE)
    pairs = dict(_pairs(path, root))
    deep = pairs.pop(DEEP_QUESTIONS, None)
    codes = {colour: tuple(_codes(path, colour, entry)) for colour, entry in pairs.items()}
    _check_distinct(path, codes, pairs)
    if deep is None:
        return Palette(path.stem, codes)
    colour = colour_name(str(deep.node.value))
    if colour not in codes:
        problem = f"{DEEP_QUESTIONS} is {str(deep.node.value)!r}, which is no colour of this palette"
        raise SourceError(path, problem, line=deep.line)
    return Palette(path.stem, codes, colour)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SourceError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(raw) > LIMIT_BYTES:
        raise SourceError(path, "is too large for a palette", hint=_EXAMPLE)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(path, "is not UTF-8 text", line=raw.count(b"\n", 0, error.start) + 1) from error


def _compose(path: Path, text: str) -> _Node | None:
    parser: Any = YAML(typ="safe", pure=True)  # the C parser has no marks to take lines from
    try:
        return parser.compose(text)
    except (YAMLError, RecursionError, ValueError) as error:
        mark = cast("_Mark | None", getattr(error, "problem_mark", None))
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise SourceError(path, f"is not valid YAML: {problem}", line=line, hint=_EXAMPLE) from error


def _pairs(path: Path, root: _Node) -> Iterator[tuple[str, _Entry]]:
    seen: set[str] = set()
    for key, value in root.value:
        name = colour_name(str(key.value)) if key.id == "scalar" else ""
        if not name:
            raise SourceError(path, "a colour needs a name", line=_line(key), hint=_EXAMPLE)
        if name in seen:
            raise SourceError(path, f"{name} stands twice", line=_line(key), hint="Keep one of the two.")
        seen.add(name)
        yield name, _Entry(_line(key), value)


def _codes(path: Path, colour: str, entry: _Entry) -> Iterator[str]:
    listed: list[_Node] = entry.node.value if entry.node.id == "sequence" else [entry.node]
    if not listed:
        raise SourceError(path, f"{colour} has no code", line=entry.line, hint=_EXAMPLE)
    for one in listed:
        if one.id != "scalar" or not _CODE.fullmatch(str(one.value)):
            # An unquoted `#` begins a comment, and what is left of it is nothing.
            hint = 'A code is a number, or a hex value in quotes: "#a020f0".'
            raise SourceError(path, f"{colour} has a code that is none", line=entry.line, hint=hint)
        yield str(one.value)


def _check_distinct(path: Path, codes: Mapping[str, tuple[str, ...]], entries: Mapping[str, _Entry]) -> None:
    owners: dict[str, str] = {}
    for colour, listed in codes.items():
        for code in listed:
            other = owners.setdefault(code.lower(), colour)
            if other != colour and {other, colour} != _ONE_IN_THE_STANDARD:
                problem = f"the code {code!r} is given to {other} and to {colour}"
                raise SourceError(path, problem, line=entries[colour].line, hint="A code means one colour.")


def _line(node: _Node) -> int:
    return node.start_mark.line + 1
