"""How much room a text takes in a node, estimated: nobody but the program that draws it knows exactly."""

from __future__ import annotations

import math
import re
import unicodedata

LINE_HEIGHT = 24
HALF_WIDTH = 8
PADDING_ACROSS = 48
PADDING_DOWN = 32
_WORDS = re.compile(r"[!-~]+|[^!-~]")


def height_of(text: str, width: int) -> int:
    """The height in pixels of a node of this width in which the text is seen whole."""
    columns = max(1, (width - PADDING_ACROSS) // HALF_WIDTH)
    lines = sum(_lines(line, columns) for line in text.split("\n"))
    return PADDING_DOWN + LINE_HEIGHT * lines


def _lines(line: str, columns: int) -> int:
    lines, used = 1, 0
    for word in _WORDS.findall(line):
        width = len(word) if word.isascii() else _columns_of(word)
        if used + width > columns and used:
            lines, used = lines + 1, 0
        lines += max(0, math.ceil(width / columns) - 1)
        used += width - columns * max(0, math.ceil(width / columns) - 1)
    return lines


def _columns_of(sign: str) -> int:
    """The columns of one character: 2 for what is written as wide as it is high, or may be."""
    if unicodedata.category(sign) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WFA" else 1
