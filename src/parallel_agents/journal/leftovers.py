"""What could be read of a damaged journal and has no place in a new one: kept as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.core.formats import json_bytes
from parallel_agents.journal.database import Database, Value
from parallel_agents.journal.shapes import shapes_of

_QUERIES = {"tasks": "left_over_tasks", "inputs": "left_over_inputs", "calls": "left_over_calls"}


def write_leftovers(database: Database, target: Path) -> str | None:
    """Write them beside the new journal; returns the file's path, None where nothing is left over.

    Raises:
        OSError: the file is there already or cannot be written.
    """
    if database.row("left_over") == (0,):
        return None
    path = target.with_name(f"{target.name}.leftovers.jsonl")
    with path.open("xb") as file:
        file.writelines(_lines(database))
    return str(path)


def _lines(database: Database) -> Iterator[bytes]:
    columns = {shape.table: [column.name for column in shape.columns] for shape in shapes_of(database)}
    for table, query in _QUERIES.items():
        for row in database.rows(query):
            values = {name: _legible(value) for name, value in zip(columns[table], row, strict=True)}
            yield json_bytes({"table": table, "row": values}) + b"\n"


def _legible(value: Value) -> Any:
    return msgspec.msgpack.decode(value) if isinstance(value, bytes) else value
