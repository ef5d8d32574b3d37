"""A Markdown page as its reader follows it: files to save, commands to type, and what is shown for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs"
SHELLS = {"console", "bash"}
CTRL_C = "^C"
_BLOCK = re.compile(r"^```(?P<language>\w*)[ ]*(?P<file>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class SavedFile:
    """A block with a path behind its language: the reader saves it there."""

    path: str
    text: str


@dataclass
class Command:
    """What stands behind a prompt, with the lines that are shown below it."""

    text: str
    shown: list[str] = field(default_factory=list[str])

    @property
    def interrupted_after(self) -> str | None:
        """The line after which the reader presses Ctrl-C."""
        return self.shown[self.shown.index(CTRL_C) - 1] if CTRL_C in self.shown else None

    @property
    def lines(self) -> list[str]:
        """What is shown, without what stands for more and without the key that was pressed."""
        return [line for line in self.shown if line.strip() not in {"", "…", CTRL_C}]


def steps_of(text: str) -> list[SavedFile | Command]:
    """All files and commands of a page, in order."""
    found: list[SavedFile | Command] = []
    for block in _BLOCK.finditer(text):
        if block["language"] in SHELLS:
            found += _commands(block["text"])
        elif block["file"]:
            found.append(SavedFile(block["file"], block["text"]))
    return found


def languages_of(text: str) -> list[tuple[str, str]]:
    """Language and path of every block."""
    return [(block["language"], block["file"]) for block in _BLOCK.finditer(text)]


def _commands(text: str) -> list[Command]:
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line.removeprefix("$ ")))
        elif line.startswith("> "):
            found[-1].text += "\n" + line.removeprefix("> ")
        else:
            found[-1].shown.append(line)
    return found
