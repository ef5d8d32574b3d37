"""Looks a journal over without changing it: is it one, is it sound, does it agree with itself."""

from __future__ import annotations

import tempfile
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import apsw
import msgspec

from parallel_agents.core.errors import JournalError
from parallel_agents.journal.database import ELSEWHERE, Database, journal_error
from parallel_agents.journal.opening import check_kind, empty_beside_a_log
from parallel_agents.journal.queries import MIGRATIONS
from parallel_agents.journal.walfile import apply_log

_BUSY_MS = 10_000
_QUESTIONS = {
    "tasks_without_input": "{} tasks have lost their input",
    "tasks_without_execution": "{} tasks belong to an execution that is not there",
    "tasks_beside_their_history": "{} tasks are in another state than their history tells",
}


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a journal found. The counts are None where it was too damaged to count."""

    path: str
    problems: tuple[str, ...]
    executions: int | None = None
    tasks: int | None = None


def check(path: Path) -> Checked:
    """Look a whole journal over; it and its log are left as they are.

    Raises:
        JournalError: it is not there, cannot be read, is no journal at all or was written by a newer version.
    """
    if not path.is_file():
        raise JournalError(str(path), "there is no such file", hint=ELSEWHERE)
    place = path.resolve()
    if empty_beside_a_log(place):
        return Checked(path=str(path), problems=("it is empty, but its log is not",))
    try:
        with closing(_opened(place, str(path))) as database:
            checked = _checked(database, str(path))
    except apsw.CorruptError as error:
        checked = Checked(path=str(path), problems=(str(error),))
    except apsw.Error as error:
        raise journal_error(str(path), error) from error
    return msgspec.structs.replace(checked, problems=(*checked.problems, *_lost_in_log(place)))


def _lost_in_log(place: Path) -> list[str]:
    with tempfile.TemporaryFile() as nowhere:
        lost = apply_log(place.with_name(f"{place.name}-wal"), nowhere).lost
    return [f"{lost} pages of its log lie behind a broken one"] if lost else []


def _opened(place: Path, called: str) -> Database:
    # A log that is not there is not made either: nobody writes, so nothing can change under an immutable file.
    still = "" if place.with_name(f"{place.name}-wal").exists() else "&immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    database = Database(f"file:{quote(str(place))}?mode=ro{still}", flags, called, threading.Lock())
    database.connection.set_busy_timeout(_BUSY_MS)
    return database


def _checked(database: Database, path: str) -> Checked:
    database.execute("begin_read")
    check_kind(database)
    found = [str(row[0]) for row in database.rows("integrity")]
    problems = [] if found == ["ok"] else [line for text in found for line in text.splitlines() if line]
    try:
        if database.connection.pragma("user_version") == len(MIGRATIONS):
            problems += _disagreements(database)
        executions, tasks = database.rows("count_executions")[0][0], database.rows("count_all_tasks")[0][0]
    except apsw.CorruptError:
        return Checked(path=path, problems=tuple(problems))
    return Checked(path=path, problems=tuple(problems), executions=executions, tasks=tasks)


def _disagreements(database: Database) -> list[str]:
    counted = {question: database.rows(question)[0][0] for question in _QUESTIONS}
    return [_QUESTIONS[question].format(number) for question, number in counted.items() if number]
