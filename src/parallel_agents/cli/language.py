"""The language in which the command line speaks: English or Chinese. Costs nothing to ask."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["en", "zh"]

VARIABLE = "PARALLEL_AGENTS_LANG"
_LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")


def language_of(environ: Mapping[str, str]) -> Language:
    """The language that the environment asks for: our own variable first, then the locale's, the first that is set."""
    asked = environ.get(VARIABLE, "").strip().lower()
    if asked in {"en", "zh"}:
        return "zh" if asked == "zh" else "en"
    locale = next(filter(None, map(environ.get, _LOCALES)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def spoken() -> Language:
    """The language to speak in this process: what was asked for, where both streams can show it."""
    return "zh" if language_of(os.environ) == "zh" and _shows_chinese() else "en"


def _shows_chinese() -> bool:
    for stream in (sys.stdout, sys.stderr):
        try:
            "中".encode(getattr(stream, "encoding", None) or "utf-8")
        except (UnicodeEncodeError, LookupError):
            return False
    return True
