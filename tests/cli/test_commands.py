"""What each command prints, writes and ends with."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Protocol

from tests.documents import body_of

CANVAS = "课 件.canvas"
OFFLINE = ("--agent", "basic-decomposition", "--model", "offline")


class Shell(Protocol):
    """See conftest."""

    folder: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


def test_a_run_says_its_id_first_names_every_task_and_ends_with_a_summary(shell: Shell) -> None:
    done = shell.run("run", CANVAS, *OFFLINE)
    assert done.returncode == 0, done.stderr
    first, *lines = done.stderr.splitlines()
    execution_id = first.split(":")[0]
    assert re.fullmatch(r"exec-[0-9a-f]{16}", execution_id)
    assert sorted(line.split("] ")[1].split(" (")[0] for line in lines) == [f"completed node n{n}" for n in range(4)]
    assert done.stdout.startswith(f"{execution_id}  completed  4 of 4 tasks completed")
    assert "offline is not a language model" in done.stdout
    (path,) = shell.folder.glob("批量拆解结果-*.json")
    assert done.stdout.splitlines()[-1] == f"results: {path.name}"


def test_with_json_standard_output_is_the_document_that_stands_in_the_file_and_nothing_else(shell: Shell) -> None:
    done = shell.run("run", CANVAS, *OFFLINE, "--json", "--output", "out.json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == json.loads((shell.folder / "out.json").read_text(encoding="utf-8"))


def test_the_journal_knows_the_file_that_the_document_names(shell: Shell) -> None:
    run = body_of(shell.run("run", CANVAS, *OFFLINE, "--json", "--output", "out.json").stdout)
    (named,) = run["result_aggregation"]["file_paths"]
    assert named.endswith("out.json")
    again = body_of(shell.run("results", run["execution_id"]).stdout)
    assert again["result_aggregation"]["file_paths"] == [named]
    shell.run("results", run["execution_id"], "--output", "second.json")
    both = body_of(shell.run("results", run["execution_id"]).stdout)["result_aggregation"]["file_paths"]
    assert both[0] == named
    assert both[1].endswith("second.json")


def test_a_file_of_tasks_needs_no_agent_and_a_mix_has_a_name_without_title(shell: Shell) -> None:
    tasks = [
        {"agent_name": name, "input_data": {"material_content": "整除是一种关系。" * 5, "topic": "整除"}}
        for name in ("basic-decomposition", "oral-explanation")
    ]
    lines = "\n".join(json.dumps(task) for task in tasks)
    (shell.folder / "tasks.jsonl").write_text(lines, encoding="utf-8")
    done = shell.run("run", "tasks.jsonl", "--model", "offline")
    assert done.returncode == 0, done.stderr
    (path,) = shell.folder.glob("批量结果-*.json")
    assert len(body_of(path.read_text(encoding="utf-8"))["agent_execution_sessions"]) == 2


def test_only_the_nodes_that_were_named_are_run(shell: Shell) -> None:
    body = body_of(shell.run("run", CANVAS, *OFFLINE, "--nodes", "n2, n0", "--json").stdout)
    assert {session["input_data"]["node_id"] for session in body["agent_execution_sessions"]} == {"n0", "n2"}


def test_failures_are_named_on_the_way_and_at_the_end_and_the_code_says_so(shell: Shell) -> None:
    shell.canvas("fine material, long enough to be read", "refuse this material, long enough to be read")
    done = shell.run("run", CANVAS, "--agent", "picky.md")
    assert done.returncode == 1
    assert re.search(r"failed    node n1: .*it says no", done.stderr.replace("\n", " "))
    assert "completed_with_errors  1 of 2 tasks completed" in done.stdout
    assert "failed node n1" in done.stdout


def test_nothing_completed_is_a_failure(shell: Shell) -> None:
    shell.canvas("refuse this material, long enough to be read")
    done = shell.run("run", CANVAS, "--agent", "picky.md")
    assert done.returncode == 1
    assert "  failed  0 of 1 tasks completed" in done.stdout


def test_status_lists_all_newest_first_or_tells_one(shell: Shell) -> None:
    assert shell.run("status").stdout == "no executions\n"
    assert json.loads(shell.run("status", "--json").stdout) == []
    ids = [body_of(shell.run("run", CANVAS, *OFFLINE, "--json").stdout)["execution_id"] for _ in range(2)]
    listed = [line.split()[0] for line in shell.run("status").stdout.splitlines()]
    assert listed == ids[::-1]
    documents = json.loads(shell.run("status", "--json").stdout)
    assert [body_of(document)["execution_id"] for document in documents] == ids[::-1]
    one = body_of(shell.run("status", ids[0], "--json").stdout)
    assert (one["execution_id"], one["overall_status"]) == (ids[0], "completed")


def test_what_has_ended_is_neither_resumed_nor_cancelled(shell: Shell) -> None:
    assert "nothing to resume" in shell.run("resume").stderr
    execution_id = body_of(shell.run("run", CANVAS, *OFFLINE, "--json").stdout)["execution_id"]
    again = shell.run("resume", execution_id)
    assert (again.returncode, again.stdout) == (0, "")
    assert "has ended already" in again.stderr
    assert shell.run("cancel", execution_id).stdout == f"{execution_id} had ended already\n"


def test_the_journal_can_be_named_on_every_command(shell: Shell) -> None:
    run = shell.run("run", CANVAS, *OFFLINE, "--json", "--journal", "other.sqlite3")
    execution_id = body_of(run.stdout)["execution_id"]
    for command in ("status", "results", "cancel", "resume"):
        assert shell.run(command, execution_id, "--journal", "other.sqlite3").returncode == 0
        assert shell.run(command, execution_id).returncode == 2


def test_a_configuration_can_be_named(shell: Shell) -> None:
    yaml = "parallel_processing:\n  default_max_concurrent: 1\n  max_concurrent_limit: 1\n"
    (shell.folder / "one.yaml").write_text(yaml, encoding="utf-8")
    body = body_of(shell.run("run", CANVAS, *OFFLINE, "--json", "--config", "one.yaml").stdout)
    assert (body["execution_mode"], body["max_concurrent_agents"]) == ("serial", 1)
