"""Made-up tables, for whoever is asked for one."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TEMPLATE = re.compile(r"^\|.*\|[ \t]*\n\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*\n((?:\|.*\|[ \t]*(?:\n|\Z))+)", re.MULTILINE)
_NAMED = re.compile(r"^(?:\d+)\. (.+)$", re.MULTILINE)
_LIST = re.compile(r"(?:^\d+\. .+\n)+", re.MULTILINE)


def table_for(system: str, prompt: str, filler: str) -> str | None:
    """A table like the one that the system's text shows; None where it shows none.

    It has that one's first column, and a column for each entry of the first numbered list that the user gave.
    """
    template = _TEMPLATE.search(system)
    if template is None:
        return None
    corner = _first_cell(template[0])
    rows = [_first_cell(line) for line in template[1].splitlines()]
    listed = _LIST.search(prompt.removeprefix(system))
    columns = [found.replace("|", "\\|") for found in _NAMED.findall(listed[0])] if listed else ["（模拟）"]
    lines = [_row([corner, *columns]), _row(["---"] * (len(columns) + 1))]
    lines += [_row([row, *(f"（模拟）{column}：{filler}" for column in columns)]) for row in rows]
    return "\n".join(lines) + "\n"


def _first_cell(line: str) -> str:
    return line.removeprefix("|").partition("|")[0].strip()


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
