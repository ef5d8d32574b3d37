"""Markdown tables, read strictly: every row as wide as the first, nothing in them empty."""

from __future__ import annotations

import re

from parallel_agents.agents.answers import Problems

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_CELL_END = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")
_MARKS = re.compile(r"[*_`]{1,3}")


def table_in(markdown: str) -> list[list[str]]:
    """The one table of a text, its heads first, row by row; text around it and tables in code do not count.

    Raises:
        Problems: there is none, or several; its rows differ in width; a cell is empty.
    """
    found = _tables(markdown)
    if not found:
        raise Problems("there is no Markdown table (a row of heads, a row of dashes, then rows)")
    if len(found) > 1:
        raise Problems(f"there are {len(found)} tables, one is asked for")
    heads, *rows = found[0]
    problems = [
        f"row {number} of the table has {len(row)} cells, its heads are {len(heads)}"
        for number, row in enumerate(rows, 1)
        if len(row) != len(heads)
    ]
    problems += [
        f"row {number} of the table has an empty cell" for number, row in enumerate([heads, *rows]) if not all(row)
    ]
    if problems:
        raise Problems(*problems)
    return [heads, *rows]


def plain(cell: str) -> str:
    """What a cell says, without emphasis and escapes, for comparing."""
    return " ".join(_MARKS.sub("", cell.replace("\\|", "|")).split())


def _tables(markdown: str) -> list[list[list[str]]]:
    tables: list[list[list[str]]] = []
    lines = _outside_of_code(markdown)
    at = 0
    while at + 1 < len(lines):
        if "|" not in lines[at] or not _is_rule(lines[at + 1]):
            at += 1
            continue
        rows = [_cells(lines[at])]
        at += 2
        while at < len(lines) and "|" in lines[at]:
            rows.append(_cells(lines[at]))
            at += 1
        tables.append(rows)
    return tables


def _is_rule(line: str) -> bool:
    return "|" in line and all(_RULE.fullmatch(cell) for cell in _cells(line))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    cells = [cell.strip() for cell in _CELL_END.split(inner)]
    return cells[:-1] if cells[-1] == "" and len(cells) > 1 else cells


def _outside_of_code(markdown: str) -> list[str]:
    lines: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if mark is not None and not fence:
            fence = mark[1]
        elif mark is not None and mark[1].startswith(fence):
            fence = ""
        lines.append("" if fence or mark is not None else line)
    return lines
