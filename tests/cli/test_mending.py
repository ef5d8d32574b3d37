"""A damaged journal from the user's side: told, checked, rebuilt, and the batch goes on with the new one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Protocol

import pytest
from tests.documents import body_of, sessions_of
from tests.recovery.damage import overwrite, pages_of, root_of

from parallel_agents.cli.mending import rebuilt_lines
from parallel_agents.cli.translation import catalogue
from parallel_agents.journal import Kept, Rebuilt

pytestmark = pytest.mark.faults
RUN = ("run", "课 件.canvas", "--agent", "basic-decomposition", "--model")


class Shell(Protocol):
    """See conftest."""

    folder: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...


@pytest.mark.usefixtures("slow_model")
def test_a_batch_whose_journal_broke_under_a_dead_engine_goes_on_with_the_rebuilt_one(shell: Shell) -> None:
    process = shell.start(*RUN, "openai:simulated", "--max-concurrent", "1")
    assert process.stderr is not None
    lines = iter(process.stderr)
    execution_id = next(line for line in lines if line.startswith("exec-")).split(":")[0]
    next(line for line in lines if "completed" in line)
    process.kill()
    process.communicate(timeout=20)
    journal = shell.folder / "journal.sqlite3"
    assert shell.run("status").returncode == 0  # takes the log in
    overwrite(journal, [1, root_of(journal, "tasks_by_rank")])

    told = shell.run("resume", execution_id)
    assert told.returncode == 1
    assert "not a journal" in told.stderr
    assert f"journal rebuild {journal}` saves what can be read" in told.stderr
    saved = shell.run("journal", "rebuild", journal)
    assert "journal.rebuilt.sqlite3" in saved.stdout
    assert f"{execution_id}: 4 tasks are there" in saved.stdout
    assert "journal.sqlite3 was left as it is" in saved.stderr
    new = shell.folder / "journal.rebuilt.sqlite3"
    assert shell.run("journal", "check", new).returncode == 0
    done = shell.run("resume", execution_id, "--journal", new, "--json")
    assert done.returncode == 0, done.stderr
    assert [session["status"] for session in sessions_of(done.stdout)] == ["completed"] * 4


def finished(shell: Shell) -> tuple[str, Path]:
    done = shell.run(*RUN, "offline")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[0], shell.folder / "journal.sqlite3"


def test_a_sound_journal_is_said_to_be_sound(shell: Shell) -> None:
    _, journal = finished(shell)
    told = shell.run("journal", "check")
    assert (told.returncode, told.stdout) == (0, f"{journal}: sound, 1 executions, 4 tasks\n")
    found = json.loads(shell.run("journal", "check", journal, "--json").stdout)
    assert found == {"path": str(journal), "problems": [], "executions": 1, "tasks": 4}


def test_damage_is_told_with_the_way_out_and_results_without_figures_are_still_shown(shell: Shell) -> None:
    execution_id, journal = finished(shell)
    overwrite(journal, pages_of(journal, "attempts") or [root_of(journal, "attempts")])
    told = shell.run("journal", "check", journal)
    assert told.returncode == 1
    assert told.stdout.splitlines()[0] == f"{journal}: damaged"
    assert "journal rebuild" in told.stderr
    saved = shell.run("journal", "rebuild", journal, "--output", "saved.sqlite3", "--json")
    assert saved.returncode == 1
    found = json.loads(saved.stdout)
    assert (found["is_whole"], found["lost_attempts"]) == (False, 4)
    results = shell.run("results", execution_id, "--journal", "saved.sqlite3")
    body = body_of(results.stdout)
    for session in body["agent_execution_sessions"]:
        assert session["result"]["output_data"]["sub_questions"]
        assert session["result"]["performance_metrics"] is None
    assert body["result_aggregation"]["merged_results"]["total_sub_questions"] > 0


def test_rebuilding_what_is_not_there_or_over_what_is_there_is_refused(shell: Shell) -> None:
    _, journal = finished(shell)
    missing = shell.run("journal", "rebuild", "nothing.sqlite3")
    assert missing.returncode == 1
    assert "Traceback" not in missing.stderr
    there = shell.run("journal", "rebuild", journal, "--output", journal)
    assert there.returncode == 1
    assert "there already" in there.stderr
    assert shell.run("journal", "check", "nothing.sqlite3").returncode == 1


def test_every_line_about_a_rebuild_has_its_chinese() -> None:
    kept = [
        Kept(execution_id="exec-0", is_there=False, tasks=0, completed=0, known=3),
        Kept(execution_id="exec-1", is_there=True, tasks=0, completed=0, known=0),
        Kept(execution_id="exec-2", is_there=True, tasks=2, completed=1, known=3),
        Kept(execution_id="exec-3", is_there=True, tasks=3, completed=1, known=3),
    ]
    rebuilt = Rebuilt(
        path="new.sqlite3",
        leftovers="new.sqlite3.leftovers.jsonl",
        pages=9,
        unusable_pages=2,
        broken_rows=3,
        lost_log_pages=4,
        lost_history=5,
        lost_attempts=6,
        inputs_without_task=7,
        executions=tuple(kept),
    )
    lines = rebuilt_lines(rebuilt)
    assert len(lines) == 12
    assert [line for line in lines if catalogue().translated(line) is None] == []
