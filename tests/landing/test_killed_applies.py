from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.canvas.desk import hidden_in
from tests.landing.scene import (
    EXECUTION,
    Given,
    a_material,
    content,
    everything_below,
    explanation,
    landings_on,
    make_vault,
    nodes_of,
    notes_in,
    questions,
    submit,
)

from parallel_agents.canvas.writing import Point
from parallel_agents.journal import SqliteJournal

ROOT = Path(__file__).parents[2]
NOT_OF_AN_UNDO = {Point.NOTED, Point.FILED, Point.DONE}
UNDISTURBED = [point for point in Point if point is not Point.SWAPPED_BACK]

pytestmark = pytest.mark.faults


def given_on(canvas: Path) -> list[Given]:
    return [
        Given("basic-decomposition", "甲", questions(3), canvas),
        Given("oral-explanation", "乙", explanation(), canvas),
    ]


def killed(work: str, point: Point, folder: Path) -> None:
    command = [sys.executable, "-m", "tests.landing.appliers", work, str(int(point)), str(folder)]
    done = subprocess.run(command, cwd=ROOT, timeout=60, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture
async def whole(tmp_path: Path) -> tuple[bytes, list[str]]:
    """What an undisturbed apply leaves: the canvas, and the names of the notes."""
    folder = tmp_path / "undisturbed"
    canvas = make_vault(folder, a_material("甲"), a_material("乙", y=900), a_material("丙", y=1800))
    journal = SqliteJournal(folder / "journal.sqlite3")
    journal.start()
    await submit(journal, given_on(canvas))
    await landings_on(journal, folder).apply(EXECUTION)
    await journal.aclose()
    return content(canvas), notes_in(canvas.parent)


@pytest.mark.parametrize("point", UNDISTURBED)
async def test_an_apply_that_was_killed_is_completed_by_the_next(
    journal: SqliteJournal, canvas: Path, tmp_path: Path, whole: tuple[bytes, list[str]], point: Point
) -> None:
    old = content(canvas)
    before = everything_below(canvas.parents[1])
    await submit(journal, given_on(canvas))
    killed("apply", point, tmp_path)
    left = content(canvas)

    assert left == (old if point < Point.SWAPPED else whole[0])
    shown = {node["file"] for node in nodes_of(canvas).values() if node["type"] == "file"}
    assert {Path(path).name for path in shown} <= set(notes_in(canvas.parent))  # no node shows a note that is not there

    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)

    assert (content(canvas), notes_in(canvas.parent)) == whole
    assert hidden_in(canvas.parent) == []

    await landings.undo(EXECUTION)

    assert everything_below(canvas.parents[1]) == before


@pytest.mark.parametrize("point", UNDISTURBED)
async def test_an_apply_that_was_killed_can_be_undone(
    journal: SqliteJournal, canvas: Path, tmp_path: Path, point: Point
) -> None:
    before = everything_below(canvas.parents[1])
    await submit(journal, given_on(canvas))
    killed("apply", point, tmp_path)

    await landings_on(journal, tmp_path).undo(EXECUTION)

    assert {name: held for name, held in everything_below(canvas.parents[1]).items() if "/." not in name} == before


@pytest.mark.parametrize("point", [point for point in UNDISTURBED if point not in NOT_OF_AN_UNDO])
async def test_an_undo_that_was_killed_is_completed_by_the_next(
    journal: SqliteJournal, canvas: Path, tmp_path: Path, point: Point
) -> None:
    before = everything_below(canvas.parents[1])
    await submit(journal, given_on(canvas))
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    killed("undo", point, tmp_path)

    (reverted,) = await landings.undo(EXECUTION)

    assert everything_below(canvas.parents[1]) == before
    assert reverted.kept == ()
