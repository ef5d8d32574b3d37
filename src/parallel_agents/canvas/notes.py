"""Markdown notes on disk: what one says, and what it gives an agent."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from parallel_agents.canvas.markdown import first_heading, without_front_matter
from parallel_agents.core.errors import SourceError

NOTE_LIMIT_BYTES = 1 << 20
GENERATED = re.compile(r"# .*\n+## 生成信息\n+(?:- .*\n)*- 生成Agent:")
"""How a note begins that an agent wrote beside a canvas."""
GIVEN = ("material_content", "topic", "concept", "node_text")
# A pipe that is put in a note's place after the check would keep its reader waiting, and a link lead elsewhere.
_OPENING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def note_text(path: Path) -> str:
    """Read a note without its front matter; line ends become newlines. The last part of `path` may not be a link.

    Raises:
        SourceError: it is no file of UTF-8 text, is larger than 1 MiB, or cannot be read.
    """
    raw = _bytes(path)
    if len(raw) > NOTE_LIMIT_BYTES:
        raise SourceError(path, f"is larger than {NOTE_LIMIT_BYTES >> 20} MiB", hint="Split it.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SourceError(path, f"is not UTF-8 (line {line})", hint="Save it as UTF-8.") from error
    return without_front_matter(re.sub(r"\r\n?", "\n", text))


def values_of(path: Path, text: str) -> dict[str, str]:
    """What a note gives an agent: its text as material, its first heading or else its name as topic and concept."""
    topic = first_heading(text) or path.stem
    return {"material_content": text, "topic": topic, "concept": topic, "node_text": text}


def is_generated(text: str) -> bool:
    """Tell whether a note is what an agent once wrote beside a canvas."""
    return GENERATED.match(text.lstrip("\n")) is not None


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise SourceError(path, "is not a regular file" if path.exists() else "there is no such file")
        with open(os.open(path, _OPENING), "rb") as note:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(note.fileno()).st_mode):
                raise SourceError(path, "is not a regular file")
            return note.read(NOTE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SourceError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
