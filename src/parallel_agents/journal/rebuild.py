"""A new journal from what can be read of a damaged one, which itself is only ever read."""

from __future__ import annotations

import shutil
import struct
import tempfile
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

import apsw
import msgspec

from parallel_agents.core.errors import JournalError
from parallel_agents.journal.database import ELSEWHERE, Database, journal_error
from parallel_agents.journal.leftovers import write_leftovers
from parallel_agents.journal.lock import FileOwners, owners_directory
from parallel_agents.journal.opening import open_writing
from parallel_agents.journal.pages import DEFAULT_PAGE_BYTES, HEADER_BYTES, MAGIC, PageFile
from parallel_agents.journal.staging import keep_what_fits, stage
from parallel_agents.journal.walfile import Applied, apply_log

_LOCK_TIMEOUT_S = 10.0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one execution. `known` counts the tasks that anything in the old journal still tells of."""

    execution_id: str
    is_there: bool
    tasks: int
    completed: int
    known: int

    @property
    def is_whole(self) -> bool:
        """Whether every task that is known of is there."""
        return self.is_there and self.tasks > 0 and self.tasks == self.known


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild found. `leftovers` is the file of what could be read and has no place in a journal.

    Lost rows are those seen to be broken; rows on unusable pages were not seen, so all counts are "at least". Lost
    pages of the log are writes since the file was last brought up to date.
    """

    path: str
    leftovers: str | None
    pages: int
    unusable_pages: int
    broken_rows: int
    lost_log_pages: int
    lost_history: int
    lost_attempts: int
    inputs_without_task: int
    executions: tuple[Kept, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be lost."""
        damage = self.unusable_pages, self.broken_rows, self.lost_log_pages, self.lost_history, self.lost_attempts
        return not any(damage) and not self.inputs_without_task and all(kept.is_whole for kept in self.executions)


def rebuild(source: Path, target: Path) -> Rebuilt:
    """Write what can be read of the journal `source` into the new journal `target`. `source` is left as it was.

    Raises:
        JournalError: `source` cannot be read, is in use or holds nothing of a journal; `target` is there already or
            cannot be written. Nothing is left behind then.
    """
    _refuse_in_use(source)
    try:
        with tempfile.TemporaryDirectory(prefix=".rebuild-", dir=target.parent) as folder:
            copy, log = Path(folder, "copy"), Path(folder, "copy-wal")
            _copy_aside(source, copy, log)
            with _new_file(target), copy.open("r+b") as file:
                return _rebuild(source, file, log, target, Path(folder, "found"))
    except FileExistsError:
        raise JournalError(str(target), "it is there already", hint="Name another file with --output.") from None
    except OSError as error:
        raise JournalError(str(source), f"it cannot be rebuilt ({error.strerror or error})", hint=ELSEWHERE) from error


def _refuse_in_use(source: Path) -> None:
    if FileOwners(owners_directory(source.resolve()), str(source)).is_any_owned():
        hint = "End that process first; it may still hold what the file lacks."
        raise JournalError(str(source), "a process runs an execution of it", hint=hint)


def _copy_aside(source: Path, copy: Path, log: Path) -> None:
    place = source.resolve()
    shutil.copyfile(place, copy)
    written = place.with_name(f"{place.name}-wal")
    if written.exists():
        shutil.copyfile(written, log)


@contextmanager
def _new_file(target: Path) -> Generator[None]:
    target.touch(exist_ok=False)
    try:
        yield
    except BaseException:
        for ending in ("", "-wal", "-shm"):
            target.with_name(f"{target.name}{ending}").unlink(missing_ok=True)
        raise


def _rebuild(source: Path, file: BinaryIO, log: Path, target: Path, staged: Path) -> Rebuilt:
    applied = apply_log(log, file)
    file.flush()
    if not file.seek(0, 2):
        raise JournalError(
            str(source), "it is empty, and so is its log", hint=f"The file was left as it is. {ELSEWHERE}"
        )
    with mmap(file.fileno(), 0, access=ACCESS_READ) as image:
        pages = PageFile(image, _page_bytes(image, applied))
        expected = max(pages.count, _pages_announced(image))
        with closing(_opened(target)) as database:
            try:
                return _fill(source, database, pages, expected, applied, target, staged)
            except apsw.Error as error:
                raise journal_error(str(target), error) from error


def _opened(target: Path) -> Database:
    return open_writing(str(target.resolve()), str(target), threading.Lock(), lock_timeout_s=_LOCK_TIMEOUT_S)


def _fill(
    source: Path,
    database: Database,
    pages: PageFile,
    expected: int,
    applied: Applied,
    target: Path,
    staged: Path,
) -> Rebuilt:
    database.execute("stage", {"path": str(staged)})
    seen = stage(database, pages)
    executions = keep_what_fits(database)
    if not executions:
        hint = f"The file was left as it is. {ELSEWHERE}"
        raise JournalError(str(source), "nothing of a journal can be read in it", hint=hint)
    return Rebuilt(
        path=str(target),
        leftovers=write_leftovers(database, target),
        pages=expected,
        unusable_pages=seen.unusable_pages + expected - pages.count,
        broken_rows=seen.broken_rows,
        lost_log_pages=applied.lost,
        lost_history=_number(database, "lost_history"),
        lost_attempts=_number(database, "missing_attempts"),
        inputs_without_task=_number(database, "inputs_without_task"),
        executions=tuple(
            Kept(execution_id=execution_id, is_there=bool(is_there), tasks=tasks, completed=completed, known=known)
            for execution_id, is_there, tasks, completed, known in executions
        ),
    )


def _number(database: Database, query: str) -> int:
    row = database.row(query)
    return 0 if row is None else row[0]


def _page_bytes(image: mmap, applied: Applied) -> int:
    if image[: len(MAGIC)] == MAGIC:
        (size,) = struct.unpack_from(">H", image, len(MAGIC))
        if size == 1 or (size >= 512 and not size & (size - 1)):
            return 65536 if size == 1 else size
    return applied.page_bytes or DEFAULT_PAGE_BYTES


def _pages_announced(image: mmap) -> int:
    """How many pages the file says that it has; a header that is no header says nothing."""
    if len(image) < HEADER_BYTES or image[: len(MAGIC)] != MAGIC:
        return 0
    changed, announced = struct.unpack_from(">II", image, 24)
    (valid_for,) = struct.unpack_from(">I", image, 92)
    return announced if changed == valid_for else 0
