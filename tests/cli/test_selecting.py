"""Nodes chosen on the command line, and what is said of the canvas and of what was left out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Protocol

import pytest

AGENT = ("--agent", "basic-decomposition", "--model", "offline")


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


def coloured(shell: Shell, *colours: str) -> Path:
    path = shell.canvas(*(f"命题 {number}：整除的定义和它的例子。" for number in range(len(colours))))
    data = json.loads(path.read_text(encoding="utf-8"))
    for node, colour in zip(data["nodes"], colours, strict=True):
        node["color"] = colour
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_a_palette_of_ones_own_says_what_is_red(shell: Shell) -> None:
    (shell.folder / "mine.yaml").write_text('red: ["1", "#a020f0"]\n', encoding="utf-8")
    canvas = coloured(shell, "1", "#A020F0", "4")
    done = shell.run("run", canvas, *AGENT, "--select", "red", "--palette", "mine.yaml")
    assert done.returncode == 0
    assert "2 of 2 tasks completed" in done.stdout


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "warning   the key 'edges' stands 2 times; only the last one counts\n"),
        ("zh", "注意 键 'edges' 出现了 2 次，只有最后一个有效\n"),
    ],
)
def test_what_is_odd_about_a_canvas_is_told(shell: Shell, language: str, words: str) -> None:
    canvas = coloured(shell, "1")
    canvas.write_text(canvas.read_text(encoding="utf-8").replace('"edges"', '"edges": [], "edges"'), encoding="utf-8")
    shell.environ["PARALLEL_AGENTS_LANG"] = language
    done = shell.run("run", canvas, *AGENT)
    assert done.returncode == 0
    assert words in done.stderr
    assert words not in shell.run("run", canvas, *AGENT, "--quiet").stderr


def test_what_a_selection_leaves_out_is_counted(shell: Shell) -> None:
    canvas = coloured(shell, "1", "4", "4")
    done = shell.run("run", canvas, *AGENT, "--select", "1 or text:/^命题 2/")
    assert "skipped   1 node: not selected\n" in done.stderr
    assert "2 of 2 tasks completed" in done.stdout
    shell.environ["PARALLEL_AGENTS_LANG"] = "zh"
    assert "跳过 2 个节点：没有被选中\n" in shell.run("run", canvas, *AGENT, "--select", "1").stderr


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "--select '(red or 4', column 1: this parenthesis is not closed\n"),
        ("zh", "--select '(red or 4' 第 1 列：这个括号没有闭合\n"),
    ],
)
def test_a_wrong_expression_is_told_with_its_column_and_nothing_runs(shell: Shell, language: str, words: str) -> None:
    shell.environ["PARALLEL_AGENTS_LANG"] = language
    done = shell.run("run", coloured(shell, "1"), *AGENT, "--select", "(red or 4")
    assert done.returncode == 2
    assert done.stderr.endswith(words)
    assert not list(shell.folder.glob("*.json"))


def test_a_second_run_takes_what_has_changed_since_the_first(shell: Shell) -> None:
    canvas = coloured(shell, "1", "1", "1")
    changed = ("--select", "changed-since-last-run")
    assert "3 of 3 tasks completed" in shell.run("run", canvas, *AGENT, *changed).stdout
    assert "no node fits 'changed-since-last-run'" in shell.run("run", canvas, *AGENT, *changed).stderr
    twin = shell.folder / "b" / canvas.name
    twin.parent.mkdir()
    twin.write_bytes(canvas.read_bytes())
    assert "3 of 3 tasks completed" in shell.run("run", twin, *AGENT, *changed).stdout
    text = canvas.read_text(encoding="utf-8")
    canvas.write_text(json.dumps(json.loads(text.replace("\\u547d\\u9898 1", "\\u5b9a\\u7406 1"))), encoding="utf-8")
    done = shell.run("run", canvas, *AGENT, *changed)
    assert "1 of 1 tasks completed" in done.stdout
    assert "skipped   2 nodes: not selected\n" in done.stderr


def test_an_earlier_run_is_found_again_from_another_folder(shell: Shell) -> None:
    (shell.folder / ".obsidian").mkdir()
    canvas = coloured(shell, "1", "1")
    changed = ("--select", "changed-since-last-run")
    assert "2 of 2 tasks completed" in shell.run("run", canvas.name, *AGENT, *changed).stdout
    shell.folder = shell.folder / "elsewhere"
    shell.folder.mkdir()
    assert "no node fits 'changed-since-last-run'" in shell.run("run", f"../{canvas.name}", *AGENT, *changed).stderr
    # The report reads the canvas, which was named as it lay beside the command.
    assert "cannot be read" not in (told := shell.run("report").stdout), told
    assert "no such file" not in told


@pytest.mark.usefixtures("slow_model")
def test_a_scored_understanding_is_not_scored_again(shell: Shell) -> None:
    canvas = shell.canvas("什么是整除，它和因数有什么关系？", "能除尽、没有余数就叫整除，除数就是因数。")
    data = json.loads(canvas.read_text(encoding="utf-8"))
    data["edges"] = [{"id": "e", "fromNode": "n0", "toNode": "n1", "label": "个人理解"}]
    canvas.write_text(json.dumps(data), encoding="utf-8")
    scoring = ("--agent", "scoring-agent", "--select", "unscored")
    # The offline model never scores, so what it leaves is unscored still.
    assert "1 of 1 tasks completed" in shell.run("run", canvas, *scoring, "--model", "offline").stdout
    assert "1 of 1 tasks completed" in shell.run("run", canvas, *scoring, "--model", "openai:simulated").stdout
    done = shell.run("run", canvas, *scoring, "--model", "openai:simulated")
    assert done.returncode == 2
    assert "no node fits 'unscored'" in done.stderr
