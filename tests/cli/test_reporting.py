"""`report`: printed, as a note in the vault, as a page, as JSON; refused before anything is written."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
CANVAS = "笔记库/离散数学/离散数学.canvas"


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def sh(self, script: str) -> subprocess.CompletedProcess[str]: ...


def an_execution(shell: Shell, *arguments: str) -> str:
    shell.run("run", *arguments, "--quiet")
    return shell.run("status").stdout.split()[0]  # the newest stands first


@pytest.fixture
def vault(shell: Shell) -> Path:
    return Path(shutil.copytree(EXAMPLES / "笔记库", shell.folder / "笔记库", ignore=shutil.ignore_patterns("批量*")))


def test_a_report_of_questions_names_what_is_open_and_changes_no_canvas(shell: Shell, vault: Path) -> None:
    before = (shell.folder / CANVAS).read_bytes()
    chosen = an_execution(shell, CANVAS, "--agent", "basic-decomposition", "--model", "offline")
    done = shell.run("report", chosen, "--palette", "project-v1")
    assert done.returncode == 0
    assert "# Study report · 离散数学" in done.stdout
    assert "11 of 11 tasks completed" in done.stdout
    assert "offline is not a language model" in done.stdout
    assert "4 of the 10 questions on the canvas are not answered yet:" in done.stdout
    assert "| red | 7 |" in done.stdout
    assert "This execution gave no score." in done.stdout
    assert (shell.folder / CANVAS).read_bytes() == before


@pytest.mark.usefixtures("slow_model")
def test_scores_of_a_model_come_out_as_they_were_accepted_in_every_form(shell: Shell, vault: Path) -> None:
    chosen = an_execution(shell, CANVAS, "--agent", "scoring-agent", "--model", "openai:simulated")
    study = json.loads(shell.run("report", chosen, "--json").stdout)
    rows = [json.loads(line) for line in shell.run("results", chosen, "--format", "jsonl").stdout.splitlines()]
    totals = sorted(row["result"]["output_data"]["total_score"] for row in rows)
    assert [one["total"] for one in study["scores"]["lowest"]] == totals
    assert study["scores"]["mean"] == round(sum(totals) / len(totals), 2)
    shell.environ["PARALLEL_AGENTS_LANG"] = "zh"
    written = shell.run("report", chosen, "-o", "笔记库/学习报告.md")
    assert written.stdout == "报告：笔记库/学习报告.md\n"
    report = (vault / "学习报告.md").read_text(encoding="utf-8")
    assert f"已评分 6 个，平均 {study['scores']['mean']:g}/100；未评分 0 个" in report
    assert "[[离散数学/离散数学.canvas|离散数学]]" in report
    assert shell.run("report", chosen, "-o", "outside.md").returncode == 0
    assert "[[" not in (shell.folder / "outside.md").read_text(encoding="utf-8")
    shell.run("report", chosen, "-o", "page.html")
    assert (shell.folder / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert shell.run("report", chosen, "--html").stdout.startswith("<!DOCTYPE html>")


def test_what_failed_is_told_with_the_command_that_tries_it_again(shell: Shell) -> None:
    path = shell.folder / "tasks.jsonl"
    task = {"agent_name": "picky.md", "input_data": {"material_content": "please refuse this"}, "task_id": "t 1"}
    path.write_text(json.dumps(task), encoding="utf-8")
    chosen = an_execution(shell, "tasks.jsonl")
    told = shell.run("report", chosen).stdout
    assert "Failed tasks: 1." in told
    assert "item: refused: \\[31mit says no" in told.replace("\x1b", "")
    (line,) = [line for line in told.splitlines() if "only this one" in line]
    command = line.split("`")[1].replace("parallel-agents", "pa")
    assert shell.sh(f"{command} --output again.json").stderr.startswith("1 task is tried again")


def test_an_existing_report_is_never_replaced(shell: Shell) -> None:
    chosen = an_execution(shell, "课 件.canvas", "--agent", "picky.md")
    for name in ("r.md", "r-2.md"):
        assert shell.run("report", chosen, "-o", "r.md").stdout == f"report: {name}\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("exec-0000000000000000",), "no execution 'exec-0000000000000000'"),
        (("exec-0000000000000000", "-o", "gone/a.md"), "there is no folder gone"),
        (("exec-0000000000000000", "--html", "-o", "a.md"), "does not end in .html"),
        (("exec-0000000000000000", "--json", "--html"), "--json is printed as it is"),
        (("exec-0000000000000000", "--palette", "gone.yaml"), "gone.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_reported_is_refused_in_one_line_and_leaves_nothing(
    shell: Shell, arguments: tuple[str, ...], problem: str
) -> None:
    before = sorted(shell.folder.iterdir())
    done = shell.run("report", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(shell.folder.iterdir()) == before
