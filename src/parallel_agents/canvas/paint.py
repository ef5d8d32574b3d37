"""The colours of a picture: what a palette calls a code, in the tones that Obsidian gives the name."""

from __future__ import annotations

import re

import msgspec

from parallel_agents.canvas.palette import PALETTES, Palette

_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)

LIGHT = {
    "red": "#e93147",
    "orange": "#ec7500",
    "yellow": "#e0ac00",
    "green": "#08b94e",
    "cyan": "#00bfbc",
    "blue": "#086ddd",
    "purple": "#7852ee",
    "grey": "#8b8b95",
}
DARK = {
    "red": "#fb464c",
    "orange": "#e9973f",
    "yellow": "#e0de71",
    "green": "#44cf6e",
    "cyan": "#53dfdd",
    "blue": "#4a9bff",
    "purple": "#a882ff",
    "grey": "#9a9aa4",
}


class Paint(msgspec.Struct, frozen=True):
    """A colour for the light, and the class that gives it another tone in the dark; "" where it has none."""

    value: str
    style: str = ""


class Shade(msgspec.Struct, frozen=True):
    """What a part of a picture is painted in where its node or edge has no colour; as `Paint`."""

    value: str
    style: str


PAGE = Shade("#f7f7f9", "page")
CARD = Shade("#ffffff", "card")
RIM = Shade("#cfcfd8", "rim")
ZONE = Shade("#9a9aa8", "zone")
INK = Shade("#2b2b33", "ink")
PALE = Shade("#6d6d78", "pale")
EDGE = Shade("#9c9ca8", "edge")
TIP = Shade("#9c9ca8", "tip")


def coloured(paint: Paint | None, *, fill: Shade | None = None, line: Shade | None = None) -> str:
    """The attributes of an element in a colour, or in the shades that stand for none; no `fill` leaves it empty."""
    told = {"fill": None if fill is None else fill.value, "stroke": None if line is None else line.value}
    styles = [] if fill is None else [fill.style]
    styles += [] if line is None else [line.style]
    if paint is not None:
        told = {name: value and paint.value for name, value in told.items()}
        styles = [f"{kind}-{paint.style}" for kind, is_there in (("fill", fill), ("line", line)) if is_there]
        styles = styles if paint.style else []
    values = "".join(f' {name}="{value}"' for name, value in told.items() if value is not None)
    return (f' class="{" ".join(styles)}"' if styles else "") + (values if fill else f' fill="none"{values}')


def paint_of(code: str | None, palette: Palette) -> Paint | None:
    """What a code of a canvas is painted in; None for no colour, or one that nobody knows.

    A hex value is itself. A code that the palette gives to a colour is that colour, one that it does not know is the
    standard's own.
    """
    if code is None:
        return None
    if _HEX.fullmatch(code):
        return Paint(code)
    for known in (palette, PALETTES["jsoncanvas"]):
        name = known.name_of(code)
        if name in LIGHT:
            return Paint(LIGHT[name], name)
    return None


def style_sheet() -> str:
    """The rules that turn a picture dark where its reader's system is."""
    plain = {
        ".page": "fill:#1b1b1f",
        ".card": "fill:#27272c",
        ".rim": "stroke:#4a4a54",
        ".ink": "fill:#dedee4",
        ".pale": "fill:#9a9aa6",
        ".edge": "stroke:#7d7d8a",
        ".tip": "fill:#7d7d8a",
    }
    for name, value in DARK.items():
        plain[f".fill-{name}"] = f"fill:{value}"
        plain[f".line-{name}"] = f"stroke:{value}"
    rules = "".join(f"{selector}{{{rule}}}" for selector, rule in plain.items())
    return f"@media (prefers-color-scheme:dark){{{rules}}}"
