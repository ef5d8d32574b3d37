"""Text as it fits into a box of a picture: widths estimated without a font, lines broken as Chinese and Latin ask."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import msgspec

FONT_SIZE = 16.0
"""Pixels; a line takes `LINE` times as much."""

LINE = 1.45
ELLIPSIS = "…"

_HEADING_SIZES = {1: 1.45, 2: 1.25, 3: 1.12}
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*)")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_RULE = re.compile(r"\s*(?:(?:[-*_]\s*){3,}|\|?[\s:|-]*-[\s:|-]*\|[\s:|-]*)")
_ITEM = re.compile(r"(\s*)[-*+]\s+(?:\[([ xX])\]\s+)?")
_QUOTE = re.compile(r"\s*>\s?")
_EMBED = re.compile(r"!?\[\[([^\]|]*)(?:\|([^\]]*))?\]\]")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_STRONG = re.compile(r"(\*\*|__|~~|==)(?=\S)(.+?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])|(?<!`)`([^`]+)`(?!`)")
_OPENING, _CLOSING = "（【《「『“‘〈〔([{", "，。、；：？！）】》」』”’〉〕…—,.;:?!)]}"
_WIDE = (
    "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\U0001f000-\U0003fffd"
)
_ATOM = re.compile(
    rf"\s+|[{re.escape(_OPENING)}]{{0,4}}(?:[{_WIDE}]|[^\s{_WIDE}{re.escape(_OPENING)}]{{1,80}})[{re.escape(_CLOSING)}]{{0,4}}|."
)
_NARROW, _BROAD = frozenset("iljtfrI.,:;'|!()[]{}`·"), frozenset("mwMW@%—+=<>~")
_LONGEST_LINE = 4000


class Line(msgspec.Struct, frozen=True):
    """One line of a text in a box. `baseline` counts from the top of the text, in pixels, as does `size`."""

    text: str
    baseline: float
    size: float
    is_bold: bool = False


class _Block(msgspec.Struct, frozen=True):
    text: str
    size: float
    is_bold: bool = False


def fitted(text: str, width: float, height: float) -> list[Line]:
    """Set Markdown into a box of `width` by `height` pixels, marks taken away; what does not fit ends in "…".

    A box that is too small for a line of small print takes nothing. The time depends on the box, not on the text.
    """
    lines: list[Line] = []
    top = 0.0
    for block in _blocks(text):
        if not block.text:
            top += block.size * LINE / 2 if lines else 0.0
            continue
        for piece in wrapped(block.text, width / _scale(block)):
            if top + block.size * LINE > height + 1:
                return _cut(lines, width)
            lines.append(Line(piece, top + block.size * 1.1, block.size, block.is_bold))
            top += block.size * LINE
    return lines


def one_line(text: str, width: float, size: float = FONT_SIZE) -> str:
    """The beginning of a plain text as one line of `width` pixels."""
    plain = " ".join(text[:_LONGEST_LINE].split())
    return plain if width_of(plain) * size <= width else shortened(plain, width / size)


def plain_beginning(text: str, width: float) -> str:
    """The first line that a Markdown text says, without marks, in `width` times the font's size."""
    first = next((block.text for block in _blocks(text) if block.text), "")
    return first if width_of(first) <= width else shortened(first, width)


def wrapped(text: str, width: float) -> Iterator[str]:
    """Break a text without line breaks into lines of at most `width` times the font's size."""
    line, taken = "", 0.0
    for atom in _atoms(text, width):
        wide = width_of(atom)
        if line and taken + wide > width:
            yield line.rstrip()
            line, taken = "", 0.0
            if atom.isspace():
                continue
        line, taken = line + atom, taken + wide
    if line.strip():
        yield line.rstrip()


def shortened(text: str, width: float) -> str:
    """The beginning of a text with "…" behind it, in at most `width` times the font's size."""
    left = width - _width(ELLIPSIS)
    for position, character in enumerate(text):
        left -= _width(character)
        if left < 0:
            return text[:position].rstrip() + ELLIPSIS
    return text + ELLIPSIS


def width_of(text: str) -> float:
    """The estimated width of a text, in font sizes; rather too much than too little."""
    return sum(map(_width, text))


def is_right_to_left(text: str) -> bool:
    """Tell whether the first letter with a direction runs from right to left."""
    directions = (unicodedata.bidirectional(character) for character in text[:_LONGEST_LINE])
    return next((way != "L" for way in directions if way in {"L", "R", "AL"}), False)


def _atoms(text: str, width: float) -> Iterator[str]:
    for found in _ATOM.finditer(text):
        atom = found.group()
        while width_of(atom) > width and len(atom) > 1:
            yield (first := _part(atom, width))
            atom = atom[len(first) :]
        yield atom


def _part(word: str, width: float) -> str:
    """As much of the beginning of a word as fits, at least one character."""
    taken = _width(word[0])
    for position, character in enumerate(word[1:], start=1):
        taken += _width(character)
        if taken > width:
            return word[:position]
    return word


def _cut(lines: list[Line], width: float) -> list[Line]:
    if not lines:
        return lines
    last = lines[-1]
    text = last.text + ELLIPSIS
    if width_of(text) * last.size > width:
        text = shortened(last.text, width / last.size)
    return [*lines[:-1], msgspec.structs.replace(last, text=text)]


def _scale(block: _Block) -> float:
    return block.size * (1.06 if block.is_bold else 1.0)


def _blocks(text: str) -> Iterator[_Block]:
    for line in _lines(text):
        if _FENCE.match(line) or _RULE.fullmatch(line):
            continue
        heading = _HEADING.match(line)
        if heading:
            factor = _HEADING_SIZES.get(len(heading[1]), 1.0)
            yield _Block(_plain(heading[2]), FONT_SIZE * factor, is_bold=True)
        else:
            yield _Block(_plain(line), FONT_SIZE)


def _lines(text: str) -> Iterator[str]:
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start : min(end, start + _LONGEST_LINE)]
        start = end + 1


def _plain(line: str) -> str:
    line = _QUOTE.sub("", line, count=1) if _QUOTE.match(line) else line
    item = _ITEM.match(line)
    if item:
        mark = {None: "•", " ": "☐"}.get(item[2], "☑")
        line = f"{mark} {line[item.end() :]}"
    line = _EMBED.sub(lambda found: found[2] or found[1], line)
    line = _LINK.sub(r"\1", line)
    line = _STRONG.sub(r"\2", line)
    return _EMPHASIS.sub(lambda found: found[1] or found[2], line).strip()


@lru_cache(maxsize=8192)
def _width(character: str) -> float:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0.0
    match unicodedata.east_asian_width(character):
        case "W" | "F":
            return 1.25 if ord(character) > 0x1F000 and ord(character) < 0x20000 else 1.0
        case "A":
            return 1.0
        case _:
            return _narrow_width(character)


def _narrow_width(character: str) -> float:
    if character.isspace():
        return 0.3
    if character in _NARROW:
        return 0.36
    if character in _BROAD:
        return 0.95
    if ord(character) > 0x2000:
        return 0.85
    return 0.74 if character.isupper() else 0.6
