"""Write the diagram and the table of docs/explanation/life-of-a-task.md from the transition table.

python scripts/write_life_of_a_task.py            write them
python scripts/write_life_of_a_task.py --check    change nothing; exit 1 when they are out of date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from parallel_agents.core.states import SETTLED, TRANSITIONS, State, Transition

PAGE = Path(__file__).resolve().parent.parent / "docs" / "explanation" / "life-of-a-task.md"
CHARGES = {"none": "", "add": "+1", "refund": "−1", "reset": "0"}


def main(check: bool) -> int:
    """Write or check; returns the exit code."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = written(text)
    if check and wanted != text:
        sys.stderr.write(f"{PAGE.name} is out of date: run `python scripts/write_life_of_a_task.py`\n")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


def written(page: str) -> str:
    """Put the diagram and the table in their places in the page's text."""
    for name, part in PARTS.items():
        place = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not place.search(page):
            raise SystemExit(f"{PAGE.name} has no place for the {name}")
        page = place.sub(lambda found, part=part: f"{found[1]}\n{part()}\n{found[2]}", page)
    return page


def diagram() -> str:
    """Draw every move as an edge; the marks after a trigger are charges."""
    edges = [f"    {_node(row.source)} --> {row.target}: {_label(row)}" for row in TRANSITIONS]
    ends = [f"    {state} --> [*]" for state in State if state in SETTLED]
    return "\n".join(["```mermaid", "stateDiagram-v2", *edges, *ends, "```\n"])


def table() -> str:
    """List every move with its cause and its charge."""
    rows = [
        f"| {row.source or '–'} | `{row.trigger}` | {row.target} | {CHARGES[row.charge]} | {row.cause} |"
        for row in TRANSITIONS
    ]
    return "\n".join(["| from | trigger | to | charged | cause |", "|---|---|---|---|---|", *rows, ""])


PARTS: dict[str, Callable[[], str]] = {"diagram": diagram, "table": table}


def _node(state: State | None) -> str:
    return state.value if state else "[*]"


def _label(row: Transition) -> str:
    mark = {"add": " (+1)", "refund": " (−1)", "reset": " (to 0)"}.get(row.charge, "")
    return f"{row.trigger}{mark}"


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
