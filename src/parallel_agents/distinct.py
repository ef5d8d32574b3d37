"""`core.firsts.Firsts` for any number of claims: in memory first, then in a temporary file that leaves with us."""

from __future__ import annotations

import tempfile
from types import TracebackType
from typing import Any, Self, cast

import apsw

from parallel_agents.core.errors import OutputError
from parallel_agents.core.firsts import RememberedFirsts

IN_MEMORY = 20_000
_CACHE_KIB = 4096


class StoredFirsts:
    """Keeps at most `in_memory` claims in memory; the rest goes to an unnamed file of SQLite in the temporary folder.

    A context manager: leaving it removes the file, and so does the system when the process dies.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._remembered = RememberedFirsts()
        self._stored: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stored is not None:
            self._stored.close()

    def claim(self, number: int, claimant: str) -> str | None:
        """As `Firsts.claim`.

        Raises:
            OutputError: the temporary folder takes no more.
        """
        if self._stored is None and len(self._remembered) < self._in_memory:
            return self._remembered.claim(number, claimant)
        try:
            return self._claim_stored(number, claimant)
        except apsw.Error as error:
            hint = "TMPDIR names another folder."
            raise OutputError(tempfile.gettempdir(), f"{error}", started=True, hint=hint) from error

    def _claim_stored(self, number: int, claimant: str) -> str | None:
        if self._stored is None:
            self._stored = _temporary_table()
            rows = self._remembered.items()
            self._stored.executemany("INSERT INTO firsts (number, claimant) VALUES (?, ?)", rows)
            self._remembered = RememberedFirsts()
        added = self._stored.execute(
            "INSERT INTO firsts (number, claimant) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1",
            (number, claimant),
        ).fetchone()
        if added is not None:
            return None
        found = self._stored.execute("SELECT claimant FROM firsts WHERE number = ?", (number,)).fetchone()
        return cast("str", found[0])


def _temporary_table() -> Any:
    connection: Any = apsw.Connection("")  # "" is SQLite's name for a temporary database on disk, deleted when closed
    connection.pragma("cache_size", -_CACHE_KIB)
    connection.pragma("synchronous", "off")
    connection.pragma("journal_mode", "off")
    connection.execute("CREATE TABLE firsts (number INTEGER PRIMARY KEY, claimant TEXT NOT NULL) STRICT")
    connection.execute("BEGIN")  # nobody else reads it, and a commit for each claim would cost more than the claim
    return connection
