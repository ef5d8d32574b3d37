"""The rows that can be read of a damaged journal: staged without any rule, then kept by the rules of a journal."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from parallel_agents.journal.database import Database, Row, Value
from parallel_agents.journal.pages import BrokenPageError, PageFile
from parallel_agents.journal.pages import Row as StoredRow
from parallel_agents.journal.queries import QUERIES
from parallel_agents.journal.shapes import Shape, shapes_of

_BATCH = 1000
_KEEP = (
    "keep_executions",
    "keep_files",
    "keep_tasks",
    "keep_inputs",
    "keep_attempts",
    "keep_history",
    "keep_calls",
    "keep_commands",
    "keep_dependencies",
    "keep_landings",
    "keep_budgets",
    "keep_charges",
    "keep_requests",
    "keep_fingerprints",
    "keep_reused",
    "keep_bindings",
    "take_answers_back",
    "count_all_blockers",
)


class Seen(NamedTuple):
    """What a look at all pages found that it could not use."""

    unusable_pages: int
    broken_rows: int


class _Stage:
    """Rows on their way into the staged tables, some at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shapes = shapes_of(database)
        self._waiting: defaultdict[str, list[tuple[Value, ...]]] = defaultdict(list)

    def put(self, row: StoredRow) -> None:
        """Stage a row of a table of ours; entries of indexes and SQLite's own rows are none."""
        for shape in self._shapes:
            completed = shape.completed(row)
            if completed is not None:
                waiting = self._waiting[shape.table]
                waiting.append(completed)
                if len(waiting) == _BATCH:
                    self._write(shape, waiting)
                return

    def finish(self) -> None:
        """Stage what is left."""
        for shape in self._shapes:
            self._write(shape, self._waiting[shape.table])

    def _write(self, shape: Shape, rows: list[tuple[Value, ...]]) -> None:
        places = ", ".join("?" * len(shape.columns))
        statement = QUERIES["stage_row"].replace("TABLE", shape.table).replace("PLACES", places)
        self._database.connection.executemany(statement, rows)
        rows.clear()


def stage(database: Database, pages: PageFile) -> Seen:
    """Read every page and stage every row that is one. `found` is attached."""
    database.execute("begin_write")
    database.execute("stage_tables")
    staged = _Stage(database)
    free = pages.free_pages()
    odd: set[int] = set()
    broken = 0
    for number in range(1, pages.count + 1):
        if number not in free:
            try:
                broken += _stage_page(staged, pages, number)
            except BrokenPageError:
                odd.add(number)
    staged.finish()
    database.execute("stage_indexes")
    database.execute("commit")
    # Pages that a row is continued on look like nothing by themselves.
    return Seen(unusable_pages=len(odd - pages.used), broken_rows=broken)


def keep_what_fits(database: Database) -> list[Row]:
    """Move what obeys the rules into the journal, in one commit; returns what is known of each execution."""
    database.execute("begin_write")
    triggers = database.rows("triggers")
    for name, _ in triggers:
        # The history is copied as it was, not written a second time.
        database.connection.execute(QUERIES["drop_trigger"].replace("NAME", name))
    for query in _KEEP:
        database.execute(query)
    database.execute("continue_sequence")
    for _, statement in triggers:
        database.connection.execute(statement)
    database.execute("commit")
    return database.rows("known_executions")


def _stage_page(staged: _Stage, pages: PageFile, number: int) -> int:
    cells = pages.cells(number)
    broken = 0
    for row in cells.rows() if cells is not None else ():
        if row is None:
            broken += 1
        else:
            staged.put(row)
    return broken
