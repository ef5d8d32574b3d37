"""Help without loading anything: texts written beforehand by `scripts/write_help.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parallel_agents import __version__

FOLDER = Path(__file__).with_name("helptexts")
_ASKS = frozenset({"--help", "-h"})


def text_for(arguments: Sequence[str]) -> str | None:
    """What `--version` and `COMMAND --help` print; None when neither was asked."""
    return f"{__version__}\n" if list(arguments) == ["--version"] else help_for(arguments)


def help_for(arguments: Sequence[str]) -> str | None:
    """The text that `COMMAND --help` prints; None when that is not what was asked."""
    if not arguments:
        return _text(())
    *tokens, last = arguments
    return _text(tokens) if last in _ASKS and all(token.isidentifier() or "-" in token for token in tokens) else None


def file_for(tokens: Sequence[str]) -> Path:
    """Where the text of a command stands."""
    return FOLDER / ("-".join(["parallel-agents", *tokens]) + ".txt")


def _text(tokens: Sequence[str]) -> str | None:
    path = file_for(tokens)
    return path.read_text(encoding="utf-8") if path.parent == FOLDER and path.is_file() else None
