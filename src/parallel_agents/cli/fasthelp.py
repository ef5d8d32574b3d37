"""Help and completions without loading anything: texts written beforehand by `scripts/write_help.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parallel_agents import __version__
from parallel_agents.cli.language import Language

FOLDER = Path(__file__).with_name("helptexts")
COMPLETIONS = Path(__file__).with_name("completions")
SHELLS = ("bash", "zsh", "fish")
_ASKS = frozenset({"--help", "-h"})


def text_for(arguments: Sequence[str], language: Language) -> str | None:
    """What `--version`, `COMMAND --help` and `completion SHELL` print; None when none of them was asked."""
    match list(arguments):
        case ["--version"]:
            return f"{__version__}\n"
        case ["completion", shell] if shell in SHELLS:
            return completion_for(shell)
        case _:
            return help_for(arguments, language)


def help_for(arguments: Sequence[str], language: Language) -> str | None:
    """The help of the command that `arguments` start with; None when nobody asked for help.

    A group of commands, called by its name alone, shows what it has.
    """
    options = list(arguments[: arguments.index("--")]) if "--" in arguments else list(arguments)
    if _ASKS.isdisjoint(options):
        return _text(options, language) if tuple(options) in {(), ("agents",), ("config",)} else None
    for length in (2, 1):
        text = _text(options[:length], language) if len(options) > length else None
        if text is not None:
            return text
    return _text((), language) if options[0] in _ASKS else None


def completion_for(shell: str) -> str:
    """The completion script of a shell."""
    return (COMPLETIONS / f"parallel-agents.{shell}").read_text(encoding="utf-8")


def file_for(tokens: Sequence[str], language: Language) -> Path:
    """Where the text of a command stands."""
    return FOLDER / language / f"{'_'.join(tokens) or 'parallel-agents'}.txt"


def _text(tokens: Sequence[str], language: Language) -> str | None:
    if not all(token.replace("-", "").isalpha() for token in tokens):
        return None
    path = file_for(tokens, language)
    return path.read_text(encoding="utf-8") if path.is_file() else None
