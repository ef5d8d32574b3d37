"""What colours mean: a palette names the codes that count as a colour, the first one of which is written.

No code means anything by itself.

`jsoncanvas` is the standard's own (https://jsoncanvas.org/spec/1.0/). The `project` palettes are of vaults whose theme
shows the codes in other colours; canvases of `project-v1` hold both "1" and "4" as red.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from parallel_agents.canvas.roles import Role

_CODE = re.compile(r"[1-6]|#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)

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


ROLE_COLOURS = {Role.QUESTION: "red", Role.UNDERSTANDING: "yellow", Role.EXPLANATION: "blue"}
"""The colour that a new node of a part gets; material keeps what it has."""


class Palette(msgspec.Struct, frozen=True):
    """A name, and the codes that count as each colour, the one to be written first.

    `deep_questions` is the colour of questions that ask about an understanding.
    """

    name: str
    codes: Mapping[str, Sequence[str]]
    deep_questions: str = "purple"

    def codes_of(self, term: str) -> frozenset[str] | None:
        """The codes that a colour's name, a code or a hex value stands for; None where it is none of these."""
        if _CODE.fullmatch(term):
            return frozenset({term.lower()})
        found = self.codes.get(colour_name(term))
        return None if found is None else frozenset(code.lower() for code in found)

    def code_for(self, colour: str) -> str | None:
        """The code that is written for a colour; None where the palette does not have it."""
        return next(iter(self.codes.get(colour_name(colour), ())), None)

    def name_of(self, code: str) -> str:
        """The first colour that has a code; the code itself where none does."""
        wanted = code.lower()
        named = (name for name, codes in self.codes.items() if wanted in {one.lower() for one in codes})
        return next(named, code)

    def code_of_role(self, role: Role, *, is_deep: bool = False) -> str | None:
        """The code of a new node that plays a part; None: it gets no colour."""
        if role is Role.QUESTION and is_deep:
            return self.code_for(self.deep_questions)
        colour = ROLE_COLOURS.get(role)
        return None if colour is None else self.code_for(colour)


def colour_name(term: str) -> str:
    """The name of a colour as palettes write it, from one in either language and any case."""
    plain = term.casefold().removesuffix("色")
    return NAMES.get(plain, plain)


def _palette(name: str, **codes: str) -> Palette:
    return Palette(name, {colour: tuple(listed.split()) for colour, listed in codes.items()})


PALETTES = {
    palette.name: palette
    for palette in (
        _palette("jsoncanvas", red="1", orange="2", yellow="3", green="4", cyan="5", blue="5", purple="6"),
        _palette("project-v1", red="1 4", green="2", purple="3", blue="5", yellow="6"),
        _palette("project-v2", grey="1", red="4", green="2", purple="3", blue="5", yellow="6"),
    )
}
DEFAULT = "jsoncanvas"
