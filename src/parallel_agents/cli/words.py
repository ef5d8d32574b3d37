"""Words of canvases that have a Chinese name of their own: those of colours."""

from __future__ import annotations

from parallel_agents.canvas.palette import NAMES
from parallel_agents.canvas.survey import NO_COLOUR
from parallel_agents.cli.language import Language, spoken

_CHINESE = {english: chinese for chinese, english in NAMES.items() if english != "grey"} | {"grey": "灰"}
_NO_COLOUR: dict[Language, str] = {"en": "none", "zh": "无色"}


def colour_word(name: str, language: Language | None = None) -> str:
    """The name of a colour in a language, that of this process by default; a code stays a code."""
    chosen = language or spoken()
    if name == NO_COLOUR:
        return _NO_COLOUR[chosen]
    return _CHINESE.get(name, name) if chosen == "zh" else name
