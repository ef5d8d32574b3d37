"""Whether the files of a journal are where they were: one that was deleted or moved takes writes without a word."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from parallel_agents.core.errors import JournalError
from parallel_agents.journal.database import ELSEWHERE

_Identity: TypeAlias = tuple[int, int]


class Presence:
    """The files of one journal, known by what they are on the disk and not by their names. `called` is for messages."""

    def __init__(self, place: Path, called: str) -> None:
        self._called = called
        self._known: dict[Path, _Identity] = {}
        self._watched = (place, place.with_name(f"{place.name}-wal"))

    def check(self) -> None:
        """Make sure that what was written is where it is looked for; the first call notes what is there.

        Raises:
            JournalError: a file was moved, replaced or deleted since.
        """
        for path in self._watched:
            found = _identity(path)
            if found is None or self._known.setdefault(path, found) != found:
                hint = f"Put it back with its -wal file beside it, then resume. {ELSEWHERE}"
                raise JournalError(self._called, "its file was moved, replaced or deleted while in use", hint=hint)


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
