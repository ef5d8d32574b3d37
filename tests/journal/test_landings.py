from __future__ import annotations

import msgspec
import pytest
from tests.journal.scene import EXECUTION, OTHER, a_landing, landings_of, submitted

from parallel_agents.core.errors import JournalError, UnknownExecutionError
from parallel_agents.journal import SqliteJournal
from parallel_agents.ports.entries import LandingState


async def test_a_landing_is_noted_before_and_after(journal: SqliteJournal) -> None:
    await submitted(journal, 1)
    await submitted(journal, 1, OTHER)
    landing = a_landing()

    first = await journal.begin_landing(landing)
    await journal.begin_landing(a_landing(OTHER))
    second = await journal.begin_landing(landing)
    begun = landings_of(journal)
    await journal.move_landing(first, "done", 9.0)

    assert begun == [msgspec.structs.replace(landing, landing_id=one, moved_at=5.0) for one in (first, second)]
    assert [(one.state, one.moved_at) for one in landings_of(journal)] == [("done", 9.0), ("begun", 5.0)]
    assert len(landings_of(journal, OTHER)) == 1


@pytest.mark.parametrize(
    ("moves", "last"),
    [
        (["done", "undone"], "undone"),
        (["undone"], "undone"),
        (["dropped"], "dropped"),
        (["dropped", "done"], "dropped"),
        (["done", "dropped"], "done"),
        (["done", "undone", "done"], "undone"),
        (["undone", "begun"], "undone"),
    ],
)
async def test_a_landing_only_goes_forwards(
    journal: SqliteJournal, moves: list[LandingState], last: LandingState
) -> None:
    await submitted(journal, 1)
    one = await journal.begin_landing(a_landing())

    took = [await journal.move_landing(one, move, 9.0) for move in moves]

    assert landings_of(journal)[0].state == last
    assert took[0]
    assert took[-1] == (moves[-1] == last)


async def test_what_was_found_afterwards_is_kept_with_it(journal: SqliteJournal) -> None:
    await submitted(journal, 1)
    one = await journal.begin_landing(a_landing())

    await journal.note_check(one, b"\x80")

    assert landings_of(journal)[0].checked == b"\x80"
    with pytest.raises(JournalError, match="no landing 99"):
        await journal.note_check(99, b"\x80")


async def test_a_landing_of_an_unknown_execution_is_refused(journal: SqliteJournal) -> None:
    with pytest.raises(UnknownExecutionError, match=EXECUTION):
        await journal.begin_landing(a_landing())
