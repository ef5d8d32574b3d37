from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from parallel_agents.journal import SqliteJournal


@pytest.fixture(params=["file", "memory"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[SqliteJournal]:
    """Every implementation that there is; what holds for one holds for all."""
    made = SqliteJournal(tmp_path / "journal.sqlite3" if request.param == "file" else ":memory:")
    made.start()
    yield made
    await made.aclose()


@pytest.fixture
async def file_journal(tmp_path: Path) -> AsyncGenerator[SqliteJournal]:
    """For what only a file can do."""
    made = SqliteJournal(tmp_path / "journal.sqlite3")
    made.start()
    yield made
    await made.aclose()
