"""Results in every form, what happened line by line, and trying again only what failed."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.documents import body_of, sessions_of

CANVAS = "课 件.canvas"
OFFLINE = ("--agent", "basic-decomposition", "--model", "offline")
PICKY = ("--agent", "picky.md")
FINE, REFUSED = "fine material, long enough to be read", "refuse this material, long enough to be read"


class Shell(Protocol):
    """See conftest."""

    folder: Path

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


def ran(shell: Shell, *options: str) -> str:
    done = shell.run("run", CANVAS, *(options or OFFLINE), "--json", "--output", "out.json")
    return body_of(done.stdout)["execution_id"]


def told(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_results_are_printed_as_a_document_lines_a_table_or_totals(shell: Shell) -> None:
    execution_id = ran(shell)
    whole = body_of(shell.run("results", execution_id).stdout)
    lines = shell.run("results", execution_id, "--format", "jsonl").stdout
    assert told(lines) == whole["agent_execution_sessions"]
    table = list(csv.DictReader(shell.run("results", execution_id, "--format", "csv").stdout.splitlines()))
    assert [row["node_id"] for row in table] == ["n0", "n1", "n2", "n3"]
    totals = json.loads(shell.run("results", execution_id, "--aggregate", "merge").stdout)
    assert totals == whole["result_aggregation"]
    both = json.loads(shell.run("results", execution_id, "--aggregate", "preserve_individual").stdout)
    assert [one["task_id"] for one in both["results"]] == [s["task_id"] for s in whole["agent_execution_sessions"]]


@pytest.mark.parametrize("by", ["format", "ending"])
def test_a_run_writes_the_table_that_is_asked_for_where_spreadsheets_read_it(shell: Shell, by: str) -> None:
    options = ("--format", "csv") if by == "format" else ("--output", "out.csv")
    done = shell.run("run", CANVAS, *OFFLINE, *options)
    assert done.returncode == 0, done.stderr
    (path,) = shell.folder.glob("批量拆解结果-*.csv" if by == "format" else "out.csv")
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert {row["status"] for row in rows} == {"completed"}
    execution_id = done.stdout.split()[0]
    (named,) = body_of(shell.run("results", execution_id).stdout)["result_aggregation"]["file_paths"]
    assert named.endswith(path.name)


def test_json_on_standard_output_is_the_document_whatever_the_file_is(shell: Shell) -> None:
    done = shell.run("run", CANVAS, *OFFLINE, "--json", "--output", "out.csv")
    assert len(sessions_of(done.stdout)) == 4
    assert (shell.folder / "out.csv").read_bytes().startswith(b"\xef\xbb\xbftask_id,")


def test_the_file_names_itself_and_an_existing_one_is_left_alone_in_every_format(shell: Shell) -> None:
    execution_id = ran(shell)
    (shell.folder / "totals.json").write_text("mine", encoding="utf-8")
    done = shell.run("results", execution_id, "--aggregate", "merge", "--output", "totals.json")
    assert done.returncode == 0, done.stderr
    assert (shell.folder / "totals.json").read_text(encoding="utf-8") == "mine"
    totals = json.loads((shell.folder / "totals-2.json").read_text(encoding="utf-8"))
    assert [Path(path).name for path in totals["file_paths"]] == ["out.json", "totals-2.json"]


@pytest.mark.parametrize(
    ("options", "word"),
    [(("--format", "xml"), "xml"), (("--aggregate", "sum"), "sum"), (("--formt", "csv"), "--formt")],
)
def test_an_unknown_form_is_refused(shell: Shell, options: tuple[str, str], word: str) -> None:
    done = shell.run("results", "exec-0000000000000000", *options)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert word in line


def test_events_tell_the_life_of_every_task_in_order(shell: Shell) -> None:
    shell.canvas(FINE, REFUSED)
    execution_id = ran(shell, *PICKY)
    events = told(shell.run("events", execution_id).stdout)
    assert [event["sequence"] for event in events] == sorted(event["sequence"] for event in events)
    by_task: dict[str, list[str]] = {}
    for event in events:
        by_task.setdefault(event["task_id"], []).append(event["type"])
    assert sorted(by_task.values()) == [
        ["task.submitted", "task.started", "task.completed"],
        ["task.submitted", "task.started", "task.failed"],
    ]
    (failed,) = (event for event in events if event["type"] == "task.failed")
    assert (failed["from"], failed["to"], failed["attempt"]) == ("running", "failed", 1)
    assert "it says no" in failed["detail"]
    assert failed["at"].endswith("Z")


def test_following_ends_with_the_execution_and_its_code(shell: Shell) -> None:
    shell.canvas(FINE, REFUSED)
    execution_id = ran(shell, *PICKY)
    done = shell.run("events", execution_id, "--follow")
    *events, last = told(done.stdout)
    assert done.returncode == 1
    assert len(events) == 6
    assert (last["type"], last["overall_status"]) == ("execution.ended", "completed_with_errors")
    assert last["task_queue"]["failed_tasks"] == 1


@pytest.mark.usefixtures("slow_model")
def test_following_sees_what_another_process_does_while_it_does_it(shell: Shell) -> None:
    run = shell.start(
        "run", CANVAS, "--agent", "basic-decomposition", "--model", "openai:simulated", "--max-concurrent", "1"
    )
    assert run.stderr is not None
    execution_id = run.stderr.readline().split(":")[0]
    follower = shell.start("events", execution_id, "--follow")
    assert follower.stdout is not None
    seen: list[dict[str, Any]] = []
    for line in follower.stdout:
        seen.append(json.loads(line))
        if seen[-1]["type"] == "task.completed" and run.poll() is None:
            break
    running_then = run.poll() is None
    rest = told(follower.communicate(timeout=60)[0])
    run.communicate(timeout=60)
    assert running_then
    assert [event["type"] for event in [*seen, *rest]].count("task.completed") == 4
    assert rest[-1]["type"] == "execution.ended"
    assert follower.returncode == 0


def test_only_what_failed_is_tried_again(shell: Shell) -> None:
    shell.canvas(FINE, REFUSED)
    execution_id = ran(shell, *PICKY)
    program = shell.folder / "picky.py"
    program.write_text(program.read_text(encoding="utf-8").replace('"refuse" in', '"never" in'), encoding="utf-8")
    done = shell.run("retry", execution_id, "--failed", "--json")
    assert done.returncode == 0, done.stderr
    assert "1 task is tried again" in done.stderr
    sessions = sessions_of(done.stdout)
    assert [session["status"] for session in sessions] == ["completed", "completed"]
    assert [session["attempt"] for session in sessions] == [1, 2]
    again = shell.run("retry", execution_id, "--failed")
    assert "0 tasks are tried again" in again.stderr


def test_failed_and_named_tasks_exclude_one_another(shell: Shell) -> None:
    execution_id = ran(shell)
    done = shell.run("retry", execution_id, "--failed", "--task", "x")
    assert done.returncode == 2
    assert "--failed and --task" in done.stderr
