"""The page on the life of a task is held against the transition table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from parallel_agents.core.states import SETTLED, TRANSITIONS, State, Trigger

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "life-of-a-task.md").read_text(encoding="utf-8")
EDGE = re.compile(r"^    (\S+) --> (\w+): (\w+)", re.MULTILINE)
END = re.compile(r"^    (\w+) --> \[\*\]", re.MULTILINE)


def test_the_page_is_what_the_table_gives() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "write_life_of_a_task.py"), "--check"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_diagram_has_every_move_and_no_other() -> None:
    drawn = {(source, target, trigger) for source, target, trigger in EDGE.findall(PAGE)}
    assert drawn == {(row.source or "[*]", row.target, row.trigger) for row in TRANSITIONS}


def test_the_diagram_ends_where_a_task_does() -> None:
    assert set(END.findall(PAGE)) == SETTLED


def test_the_text_speaks_of_every_state_and_every_trigger() -> None:
    text = re.sub(r"<!-- (\w+): .*?<!-- end of \1 -->", "", PAGE, flags=re.DOTALL)
    assert [word for word in (*State, *Trigger) if f"`{word}`" not in text] == []
