from __future__ import annotations

import itertools
import re
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.journal.scene import EXECUTION, WORKER, bare, settle_one, settled, submitted

from parallel_agents import journal as package
from parallel_agents.core.errors import JournalError
from parallel_agents.core.outcome import Usage
from parallel_agents.core.states import SETTLED, TRANSITIONS, Charge, State, Trigger, charged_after, sources
from parallel_agents.journal import SqliteJournal
from parallel_agents.journal.moves import ADDED
from parallel_agents.journal.opening import open_writing
from parallel_agents.journal.queries import MIGRATIONS, QUERIES, parse_queries

SOURCES = Path(str(package.__file__)).parent
MOVED_BY = {
    "start_task": Trigger.STARTED,
    "release_due": Trigger.DUE,
    "release_final_round": Trigger.DUE,
    "skip_dependents": Trigger.DEPENDENCY_FAILED,
    "cancel_tasks": Trigger.CANCELLED,
    "retry_tasks": Trigger.RETRIED,
    "take_results": Trigger.REUSED,
    "renew_tasks": Trigger.RENEWED,
    "leave_out_unbound": Trigger.NOT_NEEDED,
    "fail_unbound": Trigger.INPUT_FAILED,
}
SETTLING = {
    Trigger.SUCCEEDED,
    Trigger.RETRY_SCHEDULED,
    Trigger.GAVE_UP,
    Trigger.SKIPPED,
    Trigger.WORKER_LOST,
    Trigger.ENGINE_LOST,
    Trigger.POISONED,
    Trigger.INTERRUPTED,
}


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncGenerator[Any]:
    """A journal with one task, opened past the journal."""
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    journal.start()
    await submitted(journal, 1)
    await journal.aclose()
    opened = bare(journal.path)
    yield opened
    opened.close()


def states_named(text: str) -> set[State]:
    return {State(name) for name in re.findall(r"'(\w+)'", text) if name in set(State)}


def guard_of(query: str) -> set[State]:
    where = query.partition("WHERE")[2]
    found = re.search(r"state (?:= ('\w+')|IN (\([^)]*\)))", where)
    assert found is not None, query
    return states_named(found.group(0))


def test_every_named_query_is_used() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.py"))

    assert [name for name in QUERIES if f'"{name}"' not in code] == []


def test_no_sql_stands_in_python() -> None:
    statement = re.compile(r"[\"'](?:SELECT|INSERT|UPDATE|DELETE|CREATE|BEGIN|COMMIT|ROLLBACK|PRAGMA|SAVEPOINT)\b")

    assert [path.name for path in SOURCES.glob("*.py") if statement.search(path.read_text(encoding="utf-8"))] == []


def test_a_query_file_is_split_at_its_names() -> None:
    assert parse_queries("-- why\n\n-- name: one\nSELECT 1\n\n-- name: two\n-- note\nSELECT 2\n") == {
        "one": "SELECT 1",
        "two": "-- note\nSELECT 2",
    }
    with pytest.raises(ValueError, match="twice"):
        parse_queries("-- name: one\nSELECT 1\n-- name: one\nSELECT 2\n")


def test_the_schema_knows_exactly_the_states_of_the_table() -> None:
    check = re.search(r"state +TEXT.*?\bIN (\([^)]*\))", MIGRATIONS[0], re.DOTALL)
    assert check is not None
    assert re.findall(r"'(\w+)'", check.group(1)) == [state.value for state in State]

    ended = re.search(r"completed_at IS NOT NULL\) = \(state IN (\([^)]*\))", MIGRATIONS[0])
    assert ended is not None
    assert states_named(ended.group(1)) == SETTLED


def test_every_write_moves_from_the_states_that_the_table_allows() -> None:
    moving = {name for name, query in QUERIES.items() if re.search(r"UPDATE tasks\s+SET state\b", query)}

    assert moving == {*MOVED_BY, "settle_task"}
    for name, trigger in MOVED_BY.items():
        # A running task is the owner's to stop: it is cancelled by a settlement.
        expected = set(sources(trigger)) - ({State.RUNNING} if trigger is Trigger.CANCELLED else set())
        assert guard_of(QUERIES[name]) == expected, name
        assert f"moved_by = '{trigger.value}'" in QUERIES[name]
    assert guard_of(QUERIES["settle_task"]) == {State.RUNNING}
    assert {row.trigger for row in TRANSITIONS if row.source is State.RUNNING} == SETTLING | {Trigger.CANCELLED}


@pytest.mark.parametrize("charge", ["none", "add", "refund"])
def test_charges_in_sql_are_those_of_the_table(charge: Charge) -> None:
    assert [max(0, charged + ADDED[charge]) for charged in range(4)] == [
        charged_after(charged, charge) for charged in range(4)
    ]
    assert "charged = max(0, charged + :charge)" in QUERIES["settle_task"]


def test_a_start_adds_a_charge_and_a_retry_by_the_user_resets_it() -> None:
    charges = {row.trigger: row.charge for row in TRANSITIONS}

    assert charges[Trigger.STARTED] == "add"
    assert "charged = charged + 1" in QUERIES["start_task"]
    assert charges[Trigger.RETRIED] == "reset"
    assert charges[Trigger.RENEWED] == "reset"
    assert all("charged = 0" in QUERIES[query] for query in ("retry_tasks", "renew_tasks"))
    assert {charges[trigger] for trigger in (Trigger.DUE, Trigger.CANCELLED)} == {"none"}


async def test_the_history_takes_the_moves_of_the_table_and_no_other(connection: Any) -> None:
    legal = {(move.source, move.trigger.value, move.target) for move in TRANSITIONS}
    legal |= {(state, "result_discarded", state) for state in State}
    triggers = [*(trigger.value for trigger in Trigger), "result_discarded", "invented"]

    taken: set[tuple[State | None, str, State]] = set()
    for source, trigger, target in itertools.product([None, *State], triggers, State):
        try:
            connection.execute(
                "INSERT INTO history (execution_id, key, attempt, at, trigger, source, target) VALUES (?,1,0,0,?,?,?)",
                (EXECUTION, trigger, source and source.value, target.value),
            )
            taken.add((source, trigger, target))
        except apsw.ConstraintError:
            pass

    assert taken == legal


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history SET detail = 'rewritten'",
        "DELETE FROM history",
        "UPDATE tasks SET state = 'completed', output = x'80', completed_at = 1, moved_by = 'succeeded'",
        "UPDATE tasks SET state = 'failed', moved_by = 'gave_up'",
        "UPDATE tasks SET state = 'lost'",
        "UPDATE tasks SET charged = 1",
        "UPDATE tasks SET output = x'80'",
        "UPDATE tasks SET due_at = 5",
        "UPDATE tasks SET completed_at = 5",
        "UPDATE executions SET max_concurrent = 0",
    ],
)
async def test_the_schema_itself_refuses_what_must_not_be(connection: Any, statement: str) -> None:
    with pytest.raises(apsw.ConstraintError):
        connection.execute(statement)


async def test_a_change_of_state_cannot_go_without_its_history_line(connection: Any) -> None:
    connection.execute("UPDATE tasks SET state = 'cancelled', completed_at = 5, moved_by = 'cancelled', moved_at = 5")

    lines = connection.execute("SELECT trigger, source, target, at FROM history ORDER BY sequence").fetchall()
    assert lines == [("submitted", None, "pending", 1000.5), ("cancelled", "pending", "cancelled", 5.0)]


async def test_a_move_that_is_undone_leaves_no_history(journal: SqliteJournal) -> None:
    (key,) = await submitted(journal, 1)
    await journal.begin(key, 1, WORKER, 1.0)
    before = journal.read_now(lambda reader: reader.history(EXECUTION))
    unbindable: Any = ["not a text"]

    with pytest.raises(JournalError, match="refused"):
        await settle_one(journal, settled(key, 1, usage=Usage(thread_id=unbindable)))

    assert journal.read_now(lambda reader: reader.history(EXECUTION)) == before


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("ready_by_priority", "tasks_by_rank"),
        ("ready_first_in_first_out", "tasks_pending"),
        ("ready_last_in_first_out", "tasks_pending"),
        ("tasks_in_states", "tasks_by_rank"),
        ("counts", "tasks_by_rank"),
        ("next_due_at", "tasks_due"),
        ("release_due", "tasks_due"),
        ("open_commands", "commands_open"),
        ("history", "history_by_execution"),
        ("discarded", "history_discarded"),
        ("landings", "landings_by_execution"),
        ("find_origins", "fingerprints_answered"),
        ("answered", "fingerprints_answered"),
        ("count_reused", "reused_by_execution"),
    ],
)
def test_frequent_queries_go_by_an_index(tmp_path: Path, query: str, index: str) -> None:
    filename = str(tmp_path / "journal.sqlite3")
    open_writing(filename, filename, threading.Lock(), lock_timeout_s=1).close()
    names = dict.fromkeys(re.findall(r":(\w+)", QUERIES[query]))
    connection = bare(filename)
    plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {QUERIES[query]}", names)]
    connection.close()

    assert any(f"INDEX {index} " in step for step in plan), plan
    if query.startswith("ready"):
        assert not any("ORDER BY" in step for step in plan), plan


def test_commits_are_on_the_disk_before_they_are_acknowledged(tmp_path: Path) -> None:
    filename = str(tmp_path / "journal.sqlite3")
    database = open_writing(filename, filename, threading.Lock(), lock_timeout_s=1)

    assert database.connection.pragma("journal_mode") == "wal"
    assert database.connection.pragma("synchronous") == 2
    assert database.connection.pragma("foreign_keys") == 1
    database.close()
