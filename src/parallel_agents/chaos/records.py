"""The journal read from outside: a connection and SQL of our own, so that no part of the engine vouches for itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import apsw
import msgspec

Row: TypeAlias = tuple[Any, ...]

_TASKS = "SELECT key, execution_id, task_id, state, attempt, retry_attempts, output FROM tasks ORDER BY key"
_MOVES = "SELECT key, attempt, at, trigger, source, target FROM history ORDER BY sequence"
_ATTEMPTS = "SELECT key, attempt, worker_pid, started_at, ended_at, outcome FROM attempts ORDER BY key, attempt"
_ANSWERS = "SELECT key, answered_at FROM calls ORDER BY key, answered_at"
_PROGRESS = (
    "SELECT coalesce(max(sequence), ?), sum(trigger IN ('succeeded', 'gave_up', 'skipped', 'poisoned', 'cancelled')) "
    "FROM history WHERE sequence > ?"
)
_EXECUTIONS = "SELECT execution_id FROM executions"
_BUSY_MS = 5000


class TaskRow(msgspec.Struct, frozen=True):
    """A row of the table of tasks."""

    key: int
    execution_id: str
    task_id: str
    state: str
    attempt: int
    retry_attempts: int
    output: bytes | None


class MoveRow(msgspec.Struct, frozen=True):
    """A row of the history. `at` is in seconds since the epoch."""

    key: int
    attempt: int
    at: float
    trigger: str
    source: str | None
    target: str


class AttemptRow(msgspec.Struct, frozen=True):
    """A row of the table of attempts."""

    key: int
    attempt: int
    worker_pid: int
    started_at: float
    ended_at: float | None
    outcome: str | None


class _Cursor(Protocol):
    def fetchall(self) -> list[Row]: ...


class _Connection(Protocol):
    def execute(self, statements: str, bindings: tuple[Any, ...] = ()) -> _Cursor: ...
    def set_busy_timeout(self, milliseconds: int) -> None: ...
    def close(self) -> None: ...


class Records:
    """A journal opened for reading. Raises `apsw.Error` where it is not one."""

    def __init__(self, path: Path) -> None:
        self._connection = cast("_Connection", apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY))
        self._connection.set_busy_timeout(_BUSY_MS)
        self._seen = 0
        self._settled = 0

    def settled(self) -> int:
        """How many tasks have settled, counted in the history; every look reads only what is new."""
        seen, more = self._rows(_PROGRESS, (self._seen, self._seen))[0]
        self._seen, self._settled = seen, self._settled + (more or 0)
        return self._settled

    @property
    def seen(self) -> int:
        """How far the history had come at the last look."""
        return self._seen

    def executions(self) -> list[str]:
        """The ids of all executions."""
        return [row[0] for row in self._rows(_EXECUTIONS)]

    def tasks(self) -> list[TaskRow]:
        """All tasks."""
        return [TaskRow(*row) for row in self._rows(_TASKS)]

    def moves(self) -> list[MoveRow]:
        """The whole history, in order."""
        return [MoveRow(*row) for row in self._rows(_MOVES)]

    def attempts(self) -> list[AttemptRow]:
        """All attempts that a worker had."""
        return [AttemptRow(*row) for row in self._rows(_ATTEMPTS)]

    def answers(self) -> dict[int, list[float]]:
        """When the kept answers of each task were kept, in order."""
        found: dict[int, list[float]] = {}
        for key, at in self._rows(_ANSWERS):
            found.setdefault(key, []).append(at)
        return found

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[Row]:
        return self._connection.execute(sql, bindings).fetchall()
