"""How a journal is opened: checked before anything is changed, then made or migrated."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import apsw

from parallel_agents.core.errors import JournalError
from parallel_agents.journal.database import ELSEWHERE, Database, damaged, journal_error, rebuilding
from parallel_agents.journal.queries import MIGRATIONS

APPLICATION_ID = 0x70416731
_CACHE_KIB = 16_384
_WAL_BYTES_KEPT = 64 * 1024 * 1024
_CHEAP_BYTES = 4 * 1024 * 1024


def open_writing(filename: str, path: str, lock: threading.Lock, *, lock_timeout_s: float) -> Database:
    """Open for writing; make or migrate the journal where need be.

    `filename` is what SQLite opens (a `file:` URI for a journal in memory) and `path` what messages call it.
    `lock_timeout_s` is how long a statement waits for a lock of another process.

    Raises:
        JournalError: it is not a journal, of a newer version, damaged or not writable. Nothing was changed.
    """
    in_memory = filename.startswith("file:")
    if not in_memory:
        _refuse_empty_beside_a_log(filename, path)
    database = _connect(filename, path, lock, lock_timeout_s)
    try:
        _check(database)
        if not in_memory:
            _look_over(database, Path(filename))
        _prepare(database, in_memory=in_memory)
        migrate(database, MIGRATIONS)
    except apsw.Error as error:
        database.close()
        raise journal_error(path, error) from error
    except JournalError:
        database.close()
        raise
    return database


def open_reading(filename: str, path: str, lock: threading.Lock, *, lock_timeout_s: float) -> Database:
    """Open a connection that refuses to write. Raises `JournalError`."""
    database = _connect(filename, path, lock, lock_timeout_s)
    database.connection.pragma("query_only", 1)
    return database


def migrate(database: Database, migrations: Sequence[str]) -> None:
    """Bring the schema forward to the last of `migrations`: all of it or, when one fails, none."""
    if database.connection.pragma("user_version") >= len(migrations):
        return
    database.execute("begin_write")
    try:
        # Read again: another process may have migrated while this one waited for the lock.
        done: int = database.connection.pragma("user_version")
        for script in migrations[done:]:
            database.connection.execute(script).fetchall()  # to its last statement
        database.execute("commit")
    except apsw.Error:
        database.roll_back()
        raise


def empty_beside_a_log(place: Path) -> bool:
    """Tell whether a file was cut to nothing while its log holds something: SQLite would throw that log away."""
    try:
        return not place.stat().st_size and place.with_name(f"{place.name}-wal").stat().st_size > 0
    except OSError:
        return False


def _refuse_empty_beside_a_log(filename: str, path: str) -> None:
    if empty_beside_a_log(Path(filename)):
        raise JournalError(path, "it is empty, but its log is not", hint=f"{rebuilding(path)} {ELSEWHERE}")


def _look_over(database: Database, place: Path) -> None:
    """Look a journal over where that takes no time; in a large one damage is told when a read meets it."""
    if not place.exists() or place.stat().st_size > _CHEAP_BYTES:
        return
    (found,) = database.rows("soundness")
    if found != ("ok",):
        raise damaged(database.path, str(found[0]))


def _connect(filename: str, path: str, lock: threading.Lock, lock_timeout_s: float) -> Database:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    if filename.startswith("file:"):
        flags |= apsw.SQLITE_OPEN_URI
    try:
        database = Database(filename, flags, path, lock)
    except apsw.Error as error:
        raise journal_error(path, error) from error
    except UnicodeEncodeError:
        raise JournalError(path, "its name is not valid UTF-8", hint=ELSEWHERE) from None
    database.connection.set_busy_timeout(int(lock_timeout_s * 1000))
    return database


def _check(database: Database) -> None:
    connection = database.connection
    if connection.readonly("main"):
        hint = f"Make the file and its directory writable. {ELSEWHERE}"
        raise JournalError(database.path, "it cannot be opened for writing", hint=hint)
    check_kind(database)


def check_kind(database: Database) -> None:
    """Make sure that a file is a journal, and of a version that is known. Raises `JournalError`."""
    connection = database.connection
    version: int = connection.pragma("user_version")
    is_new = not version and database.row("count_tables") == (0,)
    if not is_new and connection.pragma("application_id") != APPLICATION_ID:
        hint = f"The file was left as it is. {ELSEWHERE}"
        raise JournalError(database.path, "it is a database of another program, not a journal", hint=hint)
    if version > len(MIGRATIONS):
        problem = f"a newer version wrote it (schema {version}; this one knows up to {len(MIGRATIONS)})"
        raise JournalError(database.path, problem, hint=f"Upgrade parallel-agents. {ELSEWHERE}")


def _prepare(database: Database, *, in_memory: bool) -> None:
    connection = database.connection
    if not in_memory and connection.pragma("journal_mode", "wal") != "wal":
        problem = "its file system cannot share memory between processes (a network share?)"
        raise JournalError(database.path, problem, hint=f"Keep it on a local disk. {ELSEWHERE}")
    connection.pragma("synchronous", "full")
    connection.pragma("foreign_keys", 1)
    connection.pragma("cache_size", -_CACHE_KIB)
    connection.pragma("journal_size_limit", _WAL_BYTES_KEPT)
