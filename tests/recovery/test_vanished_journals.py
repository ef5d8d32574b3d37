"""A journal whose files go away under a running engine: what is acknowledged from then on would be nowhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.journal.scene import WORKER, counts_of, settled, submitted

from parallel_agents.core.errors import JournalError
from parallel_agents.journal import SqliteJournal


def moved(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def deleted(folder: Path) -> None:
    shutil.rmtree(folder)


def replaced(folder: Path) -> None:
    path = folder / "journal.sqlite3"
    path.rename(path.with_name("old.sqlite3"))
    shutil.copy(path.with_name("old.sqlite3"), path)


def without_log(folder: Path) -> None:
    (folder / "journal.sqlite3-wal").unlink()


@pytest.mark.faults
@pytest.mark.parametrize("go_away", [moved, deleted, replaced, without_log])
async def test_nothing_is_acknowledged_that_went_into_a_file_which_is_gone(
    tmp_path: Path, go_away: Callable[[Path], None]
) -> None:
    folder = tmp_path / "state"
    journal = SqliteJournal(folder / "journal.sqlite3")
    journal.start()
    keys = await submitted(journal, 3)
    assert await journal.begin(keys[0], 1, WORKER, 1.0)
    go_away(folder)

    with pytest.raises(JournalError, match="moved, replaced or deleted"):
        await journal.settle(settled(keys[0], 1))
    with pytest.raises(JournalError, match="moved, replaced or deleted"):
        await journal.begin(keys[1], 1, WORKER, 2.0)
    await journal.aclose()


@pytest.mark.faults
async def test_a_journal_that_was_moved_holds_what_was_acknowledged_and_goes_on_there(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    journal = SqliteJournal(folder / "journal.sqlite3")
    journal.start()
    keys = await submitted(journal, 2)
    assert await journal.begin(keys[0], 1, WORKER, 1.0)
    assert (await journal.settle(settled(keys[0], 1))).landed
    moved(folder)
    with pytest.raises(JournalError):
        await journal.begin(keys[1], 1, WORKER, 2.0)
    await journal.aclose()

    again = SqliteJournal(tmp_path / "elsewhere" / "journal.sqlite3")
    again.start()
    assert counts_of(again).completed == 1
    await again.aclose()
