from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.landing.scene import a_material, make_vault

from parallel_agents.journal import SqliteJournal


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncGenerator[SqliteJournal]:
    made = SqliteJournal(tmp_path / "journal.sqlite3")
    made.start()
    yield made
    await made.aclose()


@pytest.fixture
def canvas(tmp_path: Path) -> Path:
    """A canvas with three materials, in a vault."""
    return make_vault(tmp_path, a_material("甲"), a_material("乙", y=900), a_material("丙", y=1800))
