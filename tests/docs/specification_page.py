"""The page that follows the specification: its tables, and what its cells name."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "parallel_agents"
PAGE = ROOT / "docs" / "specification.md"
LATER = (
    "The engine, complete",
    "The canvas, complete",
    "Models: quota-aware, within budget",
    "Agents, complete",
    "Isolation, complete and honest",
    "Measured",
    "The service",
    "The dashboard, telemetry, deployment",
)
"""Titles of work to come."""

HEAD = ("specification", "where it lives", "shown by", "figure, or what is open")
_CODE = re.compile(r"`([^`]+)`")
_OPEN = re.compile(r"later: (?P<title>[^;.]+)")


@dataclass(frozen=True)
class Row:
    """One line of a table. `subject` is what the specification says, the rest what became of it."""

    section: str
    subject: str
    where: str
    shown_by: str
    figure: str

    @property
    def names(self) -> list[str]:
        """What the subject names."""
        return _CODE.findall(self.subject)

    @property
    def paths(self) -> list[str]:
        """Files and folders of the project that the row names, tests aside."""
        return [name for name in _CODE.findall(self.where + self.figure) if "/" in name and " " not in name]

    @property
    def tests(self) -> list[str]:
        """Tests, as path and function."""
        return [name for name in _CODE.findall(self.shown_by) if name.startswith("tests/")]

    @property
    def later(self) -> list[str]:
        """Titles of the work that the rest comes with."""
        return [found["title"].strip() for found in _OPEN.finditer(self.figure)]


def rows_of(text: str) -> list[Row]:
    """Every row of every table, with its section.

    Raises:
        ValueError: a table has other columns.
    """
    found: list[Row] = []
    section = ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if not line.startswith("| "):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        if len(cells) != len(HEAD):
            raise ValueError(f"{len(cells)} columns, not {len(HEAD)}: {line}")
        if tuple(cells) != HEAD:
            found.append(Row(section, *cells))
    return found


def is_there(path: str) -> bool:
    """Whether a path is one of the project, from its top or from that of the package."""
    return any((top / path).exists() for top in (ROOT, PACKAGE))


def is_test(name: str) -> bool:
    """Whether `path::function` is a test, or a path a file or folder of tests."""
    path, _, function = name.partition("::")
    if not function:
        return (ROOT / path).exists()
    return function.split("[")[0] in _tests_in(ROOT / path)


@cache
def _tests_in(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(name for name in functions if name.startswith("test_"))
