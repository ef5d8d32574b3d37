"""Colour where a person looks: on a terminal that has it, and where nobody asked for none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TextIO, TypeAlias

Colour: TypeAlias = Literal["red", "green", "yellow"]

_CODES: dict[Colour, str] = {"red": "31", "green": "32", "yellow": "33"}


def has_colour(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether to colour what goes to a stream: `NO_COLOR` forbids it, then `FORCE_COLOR` asks for it."""
    if environ.get("NO_COLOR") or stream is None:
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream, environ)


def is_terminal(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a stream is a terminal that can move its cursor."""
    return stream is not None and environ.get("TERM") != "dumb" and stream.isatty()


def painted(text: str, colour: Colour | None) -> str:
    """A text in a colour; as it is for None."""
    return text if colour is None else f"\x1b[{_CODES[colour]}m{text}\x1b[0m"
