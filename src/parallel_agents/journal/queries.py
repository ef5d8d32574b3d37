"""The SQL of the journal: named queries and numbered migrations, all in `.sql` files beside this module."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_MIGRATION = re.compile(r"(\d{4})_\w+\.sql")


def parse_queries(text: str) -> dict[str, str]:
    """Split the text of a `.sql` file at its `-- name: …` lines; what stands before the first is a comment."""
    parts = _NAME.split(text)
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) < len(names):
        raise ValueError(f"a query name stands twice in {names}")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}


def _sql_files() -> list[Traversable]:
    folder = files("parallel_agents.journal") / "sql"
    return sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)


def _load_queries() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in _sql_files():
        if not _MIGRATION.fullmatch(file.name):
            queries = parse_queries(file.read_text(encoding="utf-8"))
            if twice := found.keys() & queries.keys():
                raise ValueError(f"{file.name}: already named in another file: {', '.join(sorted(twice))}")
            found |= queries
    return found


def _load_migrations() -> tuple[str, ...]:
    migrations = [file for file in _sql_files() if _MIGRATION.fullmatch(file.name)]
    for version, file in enumerate(migrations, start=1):
        if not file.name.startswith(f"{version:04}_"):
            raise ValueError(f"{file.name} stands where migration {version:04} should")
    return tuple(file.read_text(encoding="utf-8") for file in migrations)


QUERIES = _load_queries()
MIGRATIONS = _load_migrations()
"""The script at place n takes a journal from schema n to schema n + 1."""
