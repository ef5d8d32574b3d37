"""Where things stand in a JSON text: the ranges of members and items, in characters.

Only for a text that the decoder of the standard library has accepted. Its own `raw_decode` steps over every value, so
there is no second grammar here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence

import msgspec

_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class Span(msgspec.Struct, frozen=True):
    """A range of a text: from `start` up to, not including, `end`."""

    start: int
    end: int


class Member(msgspec.Struct, frozen=True):
    """A key with its value. `start` and `key_end` enclose the key's quotes, `value_start` and `end` the value."""

    key: str
    start: int
    key_end: int
    value_start: int
    end: int


class ArrayText(msgspec.Struct, frozen=True):
    """An array; `start` and `end` enclose its brackets."""

    start: int
    end: int
    items: Sequence[Span]


class ObjectText(msgspec.Struct, frozen=True):
    """An object; `start` and `end` enclose its braces. Members stand as written, a repeated key repeatedly.

    `arrays` has the values that were looked into, by where they start.
    """

    start: int
    end: int
    items: Sequence[Member]
    arrays: Mapping[int, ArrayText] = {}

    def named(self, key: str) -> list[Member]:
        """Every member with this key."""
        return [member for member in self.items if member.key == key]


def skip_blanks(text: str, at: int) -> int:
    """The next place that is no JSON white space."""
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()


def object_at(text: str, start: int, into: Collection[str] = ()) -> ObjectText:
    """Find an object's members from its brace at `start` on, and the items of the arrays under keys in `into`."""
    members: list[Member] = []
    arrays: dict[int, ArrayText] = {}
    at = skip_blanks(text, start + 1)
    while text[at] != "}":
        key, key_end = _DECODER.raw_decode(text, at)
        value_start = skip_blanks(text, skip_blanks(text, key_end) + 1)
        if key in into and text[value_start] == "[":
            arrays[value_start] = array_at(text, value_start)
            end = arrays[value_start].end
        else:
            _, end = _DECODER.raw_decode(text, value_start)
        members.append(Member(key, at, key_end, value_start, end))
        at = _next(text, end)
    return ObjectText(start, at + 1, members, arrays)


def array_at(text: str, start: int) -> ArrayText:
    """Find the items of the array whose bracket stands at `start`."""
    items: list[Span] = []
    at = skip_blanks(text, start + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        items.append(Span(at, end))
        at = _next(text, end)
    return ArrayText(start, at + 1, items)


def _next(text: str, end: int) -> int:
    at = skip_blanks(text, end)
    return skip_blanks(text, at + 1) if text[at] == "," else at
