"""One SQLite connection that runs named queries."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias, cast

import apsw

from parallel_agents.core.errors import JournalError
from parallel_agents.journal.queries import QUERIES

Value: TypeAlias = str | int | float | bytes | None
Bindings: TypeAlias = Mapping[str, Value]
Row: TypeAlias = tuple[Any, ...]
"""The tables are STRICT, so the schema says what a column holds."""

ELSEWHERE = "--journal names another journal."


class _Connection(Protocol):
    """What is used of `apsw.Connection`, whose own annotations need Python 3.12."""

    in_transaction: bool

    def execute(self, statements: str, bindings: Bindings | None = None) -> _Cursor: ...
    def executemany(self, statements: str, sequenceofbindings: Iterable[Bindings | tuple[Value, ...]]) -> object: ...
    def pragma(self, name: str, value: str | int | None = None) -> Any: ...
    def changes(self) -> int: ...
    def last_insert_rowid(self) -> int: ...
    def readonly(self, name: str) -> bool: ...
    def set_busy_timeout(self, milliseconds: int) -> None: ...
    def close(self) -> None: ...


class _Cursor(Protocol):
    def fetchall(self) -> list[Row]: ...


class Database:
    """A connection. `path` is what messages call it.

    `lock` is held by whoever uses the connection. Connections to one in-memory journal share one lock, because there
    a reader and a writer exclude one another.

    Raises:
        apsw.Error: SQLite could not open the file.
    """

    def __init__(self, filename: str, flags: int, path: str, lock: threading.Lock) -> None:
        self.connection = cast("_Connection", apsw.Connection(filename, flags))
        self.path = path
        self.lock = lock

    def execute(self, query: str, bindings: Bindings | None = None) -> int:
        """Run a named query that changes rows; returns how many."""
        self.connection.execute(QUERIES[query], bindings)
        return self.connection.changes()

    def execute_many(self, query: str, bindings: Iterable[Bindings]) -> None:
        """Run a named query once for each of `bindings`."""
        self.connection.executemany(QUERIES[query], bindings)

    def rows(self, query: str, bindings: Bindings | None = None) -> list[Row]:
        """Run a named query and return all rows."""
        return self.connection.execute(QUERIES[query], bindings).fetchall()

    def row(self, query: str, bindings: Bindings | None = None) -> Row | None:
        """Run a named query and return its first row, None where there is none."""
        rows = self.rows(query, bindings)
        return rows[0] if rows else None

    def roll_back(self) -> None:
        """End the transaction without a trace; SQLite has done so by itself after some failures."""
        if self.connection.in_transaction:
            self.execute("rollback")

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """Hold one consistent state of the journal for every read inside. Raises `JournalError`."""
        with self.lock:
            try:
                self.execute("begin_read")
                try:
                    yield
                finally:
                    self.roll_back()
            except apsw.Error as error:
                raise journal_error(self.path, error) from error

    def close(self) -> None:
        """Close the connection. Safe to call twice."""
        self.connection.close()


def rebuilding(path: str) -> str:
    """The way out for a journal that cannot be read as it is."""
    return f"`parallel-agents journal rebuild {shlex.quote(path)}` saves what can be read."


def damaged(path: str, found: str) -> JournalError:
    """Say that a journal is damaged and what can be done about it."""
    return JournalError(path, f"it is damaged ({' '.join(found.split())})", hint=f"{rebuilding(path)} {ELSEWHERE}")


def journal_error(path: str, error: apsw.Error) -> JournalError:
    """Say what SQLite found and what can be done about it."""
    match error:
        case apsw.NotADBError():
            problem, hint = "it is not a journal", f"The file was left as it is. If it was one, {rebuilding(path)}"
        case apsw.CorruptError():
            return damaged(path, str(error))
        case apsw.BusyError():
            problem, hint = "another process keeps it locked", "Try again, or end that process."
        case apsw.FullError():
            problem, hint = "the disk is full", "Make room and start again; what was acknowledged is safe."
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            problem, hint = f"it cannot be opened for writing ({error})", "Make the file and its directory writable."
        case apsw.IOError():
            problem, hint = f"the disk failed ({error})", "Check the disk; what was acknowledged is safe."
        case apsw.ConnectionClosedError():
            problem, hint = "it is closed", ""
        case _:
            return JournalError(path, f"{type(error).__name__}: {error}")
    return JournalError(path, problem, hint=f"{hint} {ELSEWHERE}".lstrip())
