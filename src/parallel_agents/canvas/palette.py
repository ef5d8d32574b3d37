"""What colours mean: a palette names the codes that count as a colour. No code means anything by itself.

`jsoncanvas` is the standard's own (https://jsoncanvas.org/spec/1.0/). The `project` palettes are of vaults whose theme
shows the codes in other colours; canvases of `project-v1` hold both "1" and "4" as red.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

import msgspec

from parallel_agents.core.errors import InputError

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_CODE = re.compile(r"[1-6]")

NAMES = {
    "红": "red",
    "橙": "orange",
    "黄": "yellow",
    "绿": "green",
    "青": "cyan",
    "蓝": "blue",
    "紫": "purple",
    "灰": "grey",
    "gray": "grey",
}


class Palette(msgspec.Struct, frozen=True):
    """A name, and the codes that count as each colour."""

    name: str
    codes: Mapping[str, frozenset[str]]

    def codes_of(self, term: str) -> frozenset[str] | None:
        """The codes that a colour's name, a code or a hex value stands for; None where it is none of these."""
        if _CODE.fullmatch(term) or _HEX.fullmatch(term):
            return frozenset({term.lower()})
        plain = term.casefold().removesuffix("色")
        return self.codes.get(NAMES.get(plain, plain))


def _palette(name: str, **codes: str) -> Palette:
    return Palette(name, {colour: frozenset(listed.split()) for colour, listed in codes.items()})


PALETTES = {
    palette.name: palette
    for palette in (
        _palette("jsoncanvas", red="1", orange="2", yellow="3", green="4", cyan="5", blue="5", purple="6"),
        _palette("project-v1", red="1 4", green="2", purple="3", blue="5", yellow="6"),
        _palette("project-v2", grey="1", red="4", green="2", purple="3", blue="5", yellow="6"),
    )
}
DEFAULT = "jsoncanvas"


def palette_named(name: str | None) -> Palette:
    """Find a palette; None means the standard's own.

    Raises:
        InputError: there is none of this name.
    """
    found = PALETTES.get(name or DEFAULT)
    if found is not None:
        return found
    close = difflib.get_close_matches(str(name), PALETTES, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(f"palette {name!r} is not one of {', '.join(PALETTES)}.{hint}")
