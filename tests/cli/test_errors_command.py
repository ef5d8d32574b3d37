"""`errors`: what went wrong, in lines and as JSON, in both languages, and named by the summary of a run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Protocol

from tests.documents import body_of

from parallel_agents.cli.failures import report_lines
from parallel_agents.cli.translation import catalogue
from parallel_agents.core.error_report import WHAT_TO_DO
from parallel_agents.core.outcome import ErrorClass

EXECUTION = "exec-0123456789abcdef"
FINE, REFUSED = "fine material, long enough to be read", "refuse this material, long enough to be read"
FAILING = """
async def run(context):
    raise OSError("the disk of the agent is gone")
"""


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


def failed_run(shell: Shell) -> tuple[str, subprocess.CompletedProcess[str]]:
    canvas = shell.canvas(FINE, REFUSED, REFUSED)
    done = shell.run("run", canvas, "--agent", "picky.md", "--output", "out.json")
    assert done.returncode == 1, done.stderr
    return done.stdout.split()[0], done


def test_a_run_names_the_classes_its_tasks_failed_by_and_where_more_is_said(shell: Shell) -> None:
    execution_id, done = failed_run(shell)
    assert f"failed by: 2 item; `parallel-agents errors {execution_id}` says what to do" in done.stdout


def test_errors_tells_class_agent_example_and_what_to_do(shell: Shell) -> None:
    execution_id, _ = failed_run(shell)
    told = shell.run("errors", execution_id)
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0] == f"{execution_id}: 2 errors in 2 tasks"
    assert lines[2] == "item: 2 errors in 2 tasks"
    assert "  2 charged, 2 failed for good" in lines
    assert "  agents: picky 2" in lines
    assert any("attempt 1: refused: [31mit says no" in line for line in lines)
    assert lines[-1].strip() == WHAT_TO_DO[ErrorClass.ITEM]


def test_json_is_the_report_of_the_document(shell: Shell) -> None:
    execution_id, _ = failed_run(shell)
    found = json.loads(shell.run("errors", execution_id, "--json").stdout)
    document = body_of(shell.folder / "out.json")
    assert found == {"execution_id": execution_id, "error_report": document["error_management"]["error_report"]}
    (group,) = found["error_report"]["by_class"]
    assert (group["class"], group["errors"], group["agents"]) == ("item", 2, {"picky": 2})


def test_retries_are_errors_too_and_an_execution_without_any_says_so(shell: Shell) -> None:
    (shell.folder / "picky.py").write_text(FAILING, encoding="utf-8")
    execution_id, _ = failed_run(shell)
    (group,) = json.loads(shell.run("errors", execution_id, "--json").stdout)["error_report"]["by_class"]
    assert (group["class"], group["tasks"], group["failed_tasks"]) == ("transient", 3, 3)
    canvas = shell.canvas(FINE * 3)
    done = shell.run("run", canvas, "--agent", "basic-decomposition", "--model", "offline")
    fine = done.stdout.split()[0]
    assert shell.run("errors", fine).stdout == f"{fine}: no errors\n"


def test_in_chinese_every_line_of_ours_is(shell: Shell) -> None:
    execution_id, _ = failed_run(shell)
    shell.environ["PARALLEL_AGENTS_LANG"] = "zh"
    told = shell.run("errors", execution_id)
    assert f"{execution_id}：2 个任务中有 2 次错误" in told.stdout
    assert "请修正输入或 Agent 后重新提交这些任务" in told.stdout
    assert "charged" not in told.stdout


def test_an_execution_that_is_not_there_is_refused(shell: Shell) -> None:
    failed_run(shell)
    told = shell.run("errors", EXECUTION)
    assert told.returncode == 2
    assert EXECUTION in told.stderr


def test_every_line_of_a_report_with_every_class_has_its_chinese() -> None:
    for line in report_lines(EXECUTION, a_whole_report()):
        if line.strip():
            assert catalogue().translated(line.strip()) is not None, line


def a_whole_report() -> dict[str, Any]:
    figures: dict[str, Any] = {
        "errors": 1,
        "charged": 1,
        "tasks": 1,
        "failed_tasks": 0,
        "first_at": "2025-01-22T17:00:00.000Z",
        "last_at": "2025-01-22T17:00:00.000Z",
        "example": {"task_id": "task-1", "attempt": 1, "message": "the engine was stopped"},
    }
    classes = [
        {"class": kind.value, **figures, "agents": {"echo": 1}, "what_to_do": text} for kind, text in WHAT_TO_DO.items()
    ]
    counted = {kind.value: 1 for kind in WHAT_TO_DO}
    agents = [{"agent_name": name, **figures, "classes": counted} for name in ("echo", "other")]
    return {
        "total_errors": 9,
        "charged_errors": 9,
        "tasks_with_errors": 9,
        "attempts_taken_back": 2,
        "by_class": classes,
        "by_agent": agents,
    }
