"""How a canvas file is written: the blanks between its parts, as the file has them, and new parts in that manner."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from parallel_agents.canvas.jsontext import ArrayText, Member, ObjectText, Span, object_at

LISTS = ("nodes", "edges")
_ESCAPED = re.compile(r"\\u(?:00[89a-fA-F]|0[1-9a-fA-F]|[1-9a-fA-F])")
_HALF = re.compile("[\ud800-\udfff]")


class Frame(msgspec.Struct, frozen=True):
    """The blanks of a list or an object: behind its bracket, from part to part (comma included), before its end."""

    opening: str
    between: str
    closing: str


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """How one canvas is written.

    `arrays` has a frame for `nodes` and for `edges`, `items` one for an object in them. `colon` stands between key and
    value. With `is_ascii`, what is beyond ASCII is written as escapes.
    """

    top: Frame
    arrays: Mapping[str, Frame]
    items: Mapping[str, Frame]
    colon: str
    top_colon: str
    is_ascii: bool

    def value(self, value: object) -> str:
        """Write a value on one line."""
        spaced = " " if self.colon.endswith((" ", "\n")) else ""
        separators = ("," + spaced, ":" + spaced)
        text = json.dumps(value, ensure_ascii=self.is_ascii, allow_nan=False, separators=separators)
        return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)

    def member(self, key: str, value: object) -> str:
        """Write a key of an item with its value."""
        return f"{self.value(key)}{self.colon}{self.value(value)}"

    def item(self, name: str, item: Mapping[str, Any]) -> str:
        """Write a new object of the list `name`."""
        frame = self.items[name]
        members = frame.between.join(self.member(key, value) for key, value in item.items())
        return f"{{{frame.opening}{members}{frame.closing}}}" if item else "{}"

    def array(self, name: str, items: Sequence[str]) -> str:
        """Write a whole list of items that are written already."""
        frame = self.arrays[name]
        return f"[{frame.opening}{frame.between.join(items)}{frame.closing}]"


def style_of(text: str, top: ObjectText | None, newline: str) -> Style:
    """Take the manner of writing from a canvas's text; `top` is None, and the text blank, for an empty file.

    What the file does not show is done as Obsidian does it: a tab a level, an item a line.
    """
    arrays = {name: found for name in LISTS if (found := _array(top, name)) is not None and found.items}
    models = {name: object_at(text, array.items[-1].start) for name, array in arrays.items()}
    guess = _Guess(text, top, newline)
    return Style(
        top=frame_of(text, top, guess.top) if top else guess.top,
        arrays={name: _frame(text, name, arrays, guess.array) for name in LISTS},
        items={name: _frame(text, name, models, guess.item) for name in LISTS},
        colon=next((_colon(text, model.items[-1]) for model in models.values() if model.items), guess.colon),
        top_colon=_colon(text, top.items[-1]) if top and top.items else guess.colon,
        is_ascii=text.isascii() and _ESCAPED.search(text) is not None,
    )


def frame_of(text: str, found: ArrayText | ObjectText, guess: Frame) -> Frame:
    """The blanks of a list or an object as it stands; what it is too short to show is as in `guess`."""
    parts: Sequence[Member | Span] = found.items
    if not parts:
        return guess
    opening = text[found.start + 1 : parts[0].start]
    if len(parts) > 1:
        between = text[parts[-2].end : parts[-1].start]
    else:
        between = f",{opening}" if "\n" in opening or "\n" in guess.between else guess.between
    return Frame(opening, between, text[parts[-1].end : found.end - 1])


def _array(top: ObjectText | None, name: str) -> ArrayText | None:
    return next((top.arrays[member.value_start] for member in reversed(top.named(name))), None) if top else None


def _frame(text: str, name: str, models: Mapping[str, ArrayText] | Mapping[str, ObjectText], guess: Frame) -> Frame:
    other = next((model for key, model in models.items() if key != name), None)
    own = models.get(name)
    known = guess if other is None else frame_of(text, other, guess)
    return known if own is None else frame_of(text, own, known)


def _colon(text: str, member: Member) -> str:
    return text[member.key_end : member.value_start]


class _Guess:
    """What is written where a file has no example of it."""

    def __init__(self, text: str, top: ObjectText | None, newline: str) -> None:
        opening = text[top.start + 1 : top.items[0].start] if top and top.items else (newline or "\n") + "\t"
        colon = _colon(text, top.items[-1]) if top and top.items else ":"
        space = " " if colon.endswith(" ") else ""
        self.colon = ": " if space else ":"
        self.top = self.array = self.item = Frame("", f",{space}", "")
        if "\n" in opening:
            self._on_lines("\r\n" if "\r\n" in opening else "\n", opening.rpartition("\n")[2])

    def _on_lines(self, newline: str, unit: str) -> None:
        first, second, third = (newline + unit * depth for depth in (1, 2, 3))
        self.top = Frame(first, f",{first}", newline)
        self.array = Frame(second, f",{second}", first)
        if unit.startswith(" "):
            self.item = Frame(third, f",{third}", second)
            self.colon = ": "
