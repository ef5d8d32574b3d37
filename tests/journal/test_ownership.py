from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest
from tests.journal.scene import EXECUTION, OTHER, names_in

from parallel_agents.core.errors import JournalError
from parallel_agents.journal import SqliteJournal
from parallel_agents.journal.lock import FileOwners, Found, lock_file

ROOT = Path(__file__).parents[2]


@contextmanager
def child(*arguments: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """A program that holds what it was told to hold; gives it and its first line."""
    program = [sys.executable, "-m", "tests.journal.children", *arguments]
    with subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def owners(directory: Path) -> FileOwners:
    return FileOwners(directory / "owners", "journal")


def lock_files(journal: SqliteJournal) -> list[str]:
    path = Path(journal.path)
    return names_in(path.with_name(f".{path.name}.owners"))


async def test_an_execution_is_owned_until_it_is_given_back(journal: SqliteJournal) -> None:
    assert not journal.is_owned(EXECUTION)
    assert journal.try_own(EXECUTION)
    assert journal.try_own(EXECUTION)
    assert journal.is_owned(EXECUTION)
    assert not journal.is_owned(OTHER)

    journal.disown(EXECUTION)
    journal.disown(EXECUTION)

    assert not journal.is_owned(EXECUTION)


async def test_a_second_journal_on_the_file_cannot_own_what_the_first_does(file_journal: SqliteJournal) -> None:
    second = SqliteJournal(file_journal.path)
    second.start()
    assert file_journal.try_own(EXECUTION)

    assert not second.try_own(EXECUTION)
    assert second.is_owned(EXECUTION)
    assert second.try_own(OTHER)

    await file_journal.aclose()
    assert second.try_own(EXECUTION)
    await second.aclose()


async def test_a_journal_under_two_names_has_one_set_of_owners(file_journal: SqliteJournal, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.sqlite3"
    link.parent.mkdir()
    link.symlink_to(file_journal.path)
    second = SqliteJournal(link)
    second.start()

    assert file_journal.try_own(EXECUTION)
    assert not second.try_own(EXECUTION)
    await second.aclose()


async def test_lock_files_do_not_stay_behind(file_journal: SqliteJournal) -> None:
    for execution_id in (EXECUTION, OTHER):
        assert file_journal.try_own(execution_id)
    assert lock_files(file_journal) == [f"{EXECUTION}.lock", f"{OTHER}.lock"]

    file_journal.disown(EXECUTION)
    assert lock_files(file_journal) == [f"{OTHER}.lock"]
    await file_journal.aclose()
    assert lock_files(file_journal) == []


async def test_any_id_has_a_lock_file_of_its_own_in_the_directory(file_journal: SqliteJournal) -> None:
    odd = ["../../escape", "a/b", "离散", "x" * 4000, "x" * 4000 + "y", ".."]

    assert [file_journal.try_own(execution_id) for execution_id in odd] == [True] * len(odd)
    assert len(lock_files(file_journal)) == len(odd)


async def test_asking_makes_no_files(file_journal: SqliteJournal, tmp_path: Path) -> None:
    assert not file_journal.is_owned(EXECUTION)
    assert not any(name.endswith(".owners") for name in names_in(tmp_path))


async def test_a_directory_that_cannot_be_used_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "owners").touch()

    with pytest.raises(JournalError, match="cannot be locked"):
        owners(tmp_path).try_own(EXECUTION)
    with pytest.raises(JournalError, match="cannot be locked"):
        owners(tmp_path).is_owned(EXECUTION)


def test_a_lock_counts_only_on_the_file_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    with FileIO(path, "a+") as opened_before, FileIO(path, "a+") as also_before:
        path.unlink()
        assert lock_file(opened_before, path) is Found.STALE
        with FileIO(path, "a+") as current, FileIO(path, "a+") as later:
            assert lock_file(also_before, path) is Found.STALE
            assert lock_file(current, path) is Found.MINE
            assert lock_file(later, path) is Found.TAKEN


def test_one_who_only_asks_is_told_from_an_owner(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    with FileIO(path, "a+") as asking, FileIO(path, "a+") as wanting:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert lock_file(wanting, path) is Found.PROBED
        fcntl.flock(asking, fcntl.LOCK_UN)
        assert lock_file(wanting, path) is Found.MINE


@pytest.mark.faults
async def test_an_execution_is_free_once_its_owner_was_killed(file_journal: SqliteJournal) -> None:
    with child("own", file_journal.path, EXECUTION) as (process, said):
        assert said == "owned"
        assert file_journal.is_owned(EXECUTION)
        assert not file_journal.try_own(EXECUTION)

        process.kill()
        process.wait(30)

        assert not file_journal.is_owned(EXECUTION)
        assert file_journal.try_own(EXECUTION)


@pytest.mark.faults
async def test_a_forked_child_does_not_keep_the_ownership_of_its_dead_parent(file_journal: SqliteJournal) -> None:
    with child("own_and_fork", file_journal.path, EXECUTION) as (process, forked):
        assert file_journal.is_owned(EXECUTION)
        process.kill()
        process.wait(30)
        try:
            os.kill(int(forked), 0)
            assert file_journal.try_own(EXECUTION)
        finally:
            os.kill(int(forked), signal.SIGKILL)


def in_threads(*jobs: Callable[[], None]) -> list[BaseException]:
    errors: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


def test_asking_never_keeps_an_owner_out(tmp_path: Path) -> None:
    ended = threading.Event()

    def ask() -> None:
        mine = owners(tmp_path)
        while not ended.is_set():
            mine.is_owned(EXECUTION)

    def own() -> None:
        mine = owners(tmp_path)
        try:
            for _ in range(300):
                assert mine.try_own(EXECUTION)
                assert mine.is_owned(EXECUTION)
                mine.disown(EXECUTION)
        finally:
            ended.set()

    assert in_threads(ask, ask, ask, own) == []


def test_there_is_never_more_than_one_owner_while_lock_files_come_and_go(tmp_path: Path) -> None:
    inside: list[int] = []
    wins = 0

    def contend(number: int) -> None:
        nonlocal wins
        mine = owners(tmp_path)
        for _ in range(400):
            if mine.try_own(EXECUTION):
                inside.append(number)
                assert inside == [number]
                wins += 1
                inside.remove(number)
                mine.disown(EXECUTION)

    assert in_threads(*(lambda number=number: contend(number) for number in range(4))) == []
    assert wins > 0
    assert names_in(tmp_path / "owners") == []
