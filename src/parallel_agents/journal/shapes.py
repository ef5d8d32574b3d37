"""What a row of each table looks like, derived from the schema: how rows without a tree are told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from parallel_agents.journal.database import Database, Value
from parallel_agents.journal.pages import Row

TABLES = (
    "executions",
    "files",
    "tasks",
    "inputs",
    "attempts",
    "history",
    "calls",
    "commands",
    "dependencies",
    "landings",
    "budgets",
    "charges",
    "requests",
    "fingerprints",
    "reused",
    "bindings",
)
"""Parents before children."""

_FITS: Mapping[str, Callable[[Value], bool]] = {
    "INTEGER": lambda value: isinstance(value, int),
    "REAL": lambda value: isinstance(value, int | float),
    "TEXT": lambda value: isinstance(value, str),
    "BLOB": lambda value: isinstance(value, bytes),
}
_as_msgpack = msgspec.msgpack.Decoder().decode
_as_json = msgspec.json.Decoder().decode
_READABLE: Mapping[tuple[str, str], Callable[[Any], object]] = {
    ("executions", "settings"): _as_json,
    ("executions", "agents"): _as_json,
    ("executions", "resources"): _as_msgpack,
    ("tasks", "output"): _as_msgpack,
    ("inputs", "input_data"): _as_msgpack,
    ("inputs", "metadata"): _as_msgpack,
    ("attempts", "effective"): _as_json,
    ("attempts", "error"): _as_json,
    ("calls", "response"): _as_msgpack,
    ("commands", "arguments"): _as_json,
    ("landings", "added"): _as_msgpack,
    ("landings", "reversal"): _as_msgpack,
    ("bindings", "binding"): _as_msgpack,
}


class Column(NamedTuple):
    """One column. `default` is what a row written before the column was added has in it."""

    name: str
    type: str
    may_be_null: bool
    has_default: bool
    default: Value


class Shape(NamedTuple):
    """One table. `key` is the place of the column that the row id stands for, None where it stands for none."""

    table: str
    columns: tuple[Column, ...]
    has_row_ids: bool
    key: int | None

    def completed(self, row: Row) -> tuple[Value, ...] | None:
        """The row as this table has it; None for a row of another table, or one that nobody could read."""
        if len(row.values) > len(self.columns) or (row.rowid is not None) != self.has_row_ids:
            return None
        values = list(row.values)
        if self.key is not None:
            if values[self.key] is not None:
                return None
            values[self.key] = row.rowid
        added = self.columns[len(values) :]
        if not all(column.has_default or column.may_be_null for column in added):
            return None
        values += [column.default for column in added]
        return tuple(values) if all(map(self._fits, self.columns, values)) else None

    def _fits(self, column: Column, value: Value) -> bool:
        if value is None:
            return column.may_be_null
        if not _FITS[column.type](value):
            return False
        read = _READABLE.get((self.table, column.name))
        if read is None:
            return True
        try:
            read(value)
        except (msgspec.DecodeError, ValueError):
            return False
        return True


def shapes_of(database: Database) -> tuple[Shape, ...]:
    """The shapes of all tables of a sound journal."""
    return tuple(_shape(database, table) for table in TABLES)


def _shape(database: Database, table: str) -> Shape:
    found = database.rows("columns_of", {"table": table})
    columns = tuple(
        Column(
            name, kind, may_be_null=not (needed or place), has_default=default is not None, default=_literal(default)
        )
        for name, kind, needed, default, place in found
    )
    keys = [at for at, row in enumerate(found) if row[4]]
    has_row_ids = database.row("has_row_ids", {"table": table}) == (1,)
    is_row_id = has_row_ids and len(keys) == 1 and columns[keys[0]].type == "INTEGER"
    return Shape(table, columns, has_row_ids, keys[0] if is_row_id else None)


def _literal(text: str | None) -> Value:
    if text is None:
        return None
    return text[1:-1].replace("''", "'") if text.startswith("'") else int(text)
