"""The size ratchet: what has grown past it is split, there is no list of exceptions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE_LINES = 400
FUNCTION_LINES = 40


def modules() -> Iterator[Path]:
    for folder in ("src", "tests", "scripts"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, first line and length of every function, from `def` to its last line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_is_longer_than_400_lines() -> None:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert sizes
    assert [f"{path.relative_to(ROOT)}: {size}" for path, size in sizes.items() if size > MODULE_LINES] == []


def test_no_function_is_longer_than_40_lines() -> None:
    found = [(path, *function) for path in modules() for function in functions(path)]
    assert found
    long = [
        f"{path.relative_to(ROOT)}:{line} {name}: {size}" for path, name, line, size in found if size > FUNCTION_LINES
    ]
    assert long == []
