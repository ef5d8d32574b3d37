"""Folders of canvases and of notes on the command line."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Protocol

import pytest
from tests.documents import body_of

OFFLINE = ("--agent", "basic-decomposition", "--model", "offline")
TEXT = "命题 1：若一个整数能被另一个整除，则后者是它的因数，这就是整除的定义。"


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


@pytest.fixture
def vault(shell: Shell) -> Path:
    """Two canvases of one name and one node id in two folders."""
    source = shell.canvas(TEXT)
    vault = shell.folder / "笔记 库"
    for name in ("代数", "分析"):
        (vault / name).mkdir(parents=True)
        (vault / name / "图.canvas").write_bytes(source.read_bytes())
    return vault


def test_all_canvases_of_a_folder_are_one_execution_with_one_document_beside_it(shell: Shell, vault: Path) -> None:
    before = sorted(vault.rglob("*"))
    done = shell.run("run", "笔记 库", *OFFLINE)
    assert done.returncode == 0, done.stderr
    (written,) = shell.folder.glob("批量拆解结果-*.json")
    sessions = body_of(written)["agent_execution_sessions"]
    assert [(one["input_data"]["canvas_path"], one["input_data"]["node_id"]) for one in sessions] == [
        ("笔记 库/代数/图.canvas", "n0"),
        ("笔记 库/分析/图.canvas", "n0"),
    ]
    assert body_of(written)["source"] == "笔记 库"
    assert sorted(vault.rglob("*")) == before


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            ["skipped   笔记 库/代数/图.canvas, node n1: is empty", "skipped   笔记 库/x.canvas: line 1: is not JSON"],
        ),
        ("zh", ["跳过 笔记 库/代数/图.canvas，节点 n1：是空的", "跳过 笔记 库/x.canvas：第 1 行：不是 JSON"]),
    ],
)
def test_what_is_left_out_is_told_with_its_canvas(shell: Shell, vault: Path, language: str, lines: list[str]) -> None:
    shell.environ["PARALLEL_AGENTS_LANG"] = language
    data = json.loads((vault / "代数" / "图.canvas").read_text(encoding="utf-8"))
    data["nodes"].append({**data["nodes"][0], "id": "n1", "text": " "})
    (vault / "代数" / "图.canvas").write_text(json.dumps(data), encoding="utf-8")
    (vault / "x.canvas").write_text("{", encoding="utf-8")
    refused = shell.run("run", "笔记 库", *OFFLINE)
    assert refused.returncode == 2
    assert "笔记 库/x.canvas:1" in refused.stderr
    assert "--skip-unreadable" in refused.stderr
    assert not list(shell.folder.glob("*.json"))
    done = shell.run("run", "笔记 库", *OFFLINE, "--skip-unreadable")
    assert done.returncode == 0, done.stderr
    for line in lines:
        assert line in done.stderr


def test_a_failure_is_told_with_its_canvas(shell: Shell, vault: Path) -> None:
    (vault / "分析" / "图.canvas").write_bytes(shell.canvas("refuse this, please").read_bytes())
    done = shell.run("run", "笔记 库", "--agent", "picky.md", "--output", "out.json")
    assert done.returncode == 1
    assert "failed node n0 of 笔记 库/分析/图.canvas: refused" in done.stdout
    (failed,) = body_of(shell.folder / "out.json")["error_management"]["failed_tasks"]
    assert (failed["canvas_path"], failed["note_path"]) == ("笔记 库/分析/图.canvas", None)


def test_a_second_run_of_a_folder_takes_what_changed_on_any_of_its_canvases(shell: Shell, vault: Path) -> None:
    changed = (*OFFLINE, "--select", "changed-since-last-run")
    assert "2 of 2 tasks completed" in shell.run("run", "笔记 库", *changed).stdout
    assert "no node fits 'changed-since-last-run'" in shell.run("run", "笔记 库", *changed).stderr
    path = vault / "分析" / "图.canvas"
    assert "no node fits" in shell.run("run", path, *changed).stderr
    path.write_text(path.read_text(encoding="utf-8").replace("因数", "约数"), encoding="utf-8")
    done = shell.run("run", "笔记 库", *changed)
    assert "1 of 1 tasks completed" in done.stdout
    assert "1 node: not selected" in done.stderr


def test_notes_become_tasks_only_where_that_is_asked_for(shell: Shell) -> None:
    notes = shell.folder / "notes"
    notes.mkdir()
    for name in ("整除", "refuse"):
        (notes / f"{name}.md").write_text(f"---\ntags: [a]\n---\n# {name}\n{name}：{TEXT}", encoding="utf-8")
    refused = shell.run("run", "notes", "--agent", "picky.md")
    assert refused.returncode == 2
    assert "--notes makes a task of each of its 2 notes" in refused.stderr
    done = shell.run("run", "notes", "--agent", "picky.md", "--notes", "--output", "out.csv")
    assert done.returncode == 1, done.stderr
    assert "failed    notes/refuse.md: " in done.stderr
    assert "failed notes/refuse.md: " in done.stdout
    rows = list(csv.DictReader((shell.folder / "out.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["note_path"], row["node_id"], row["status"]) for row in rows] == [
        ("notes/refuse.md", "", "failed"),
        ("notes/整除.md", "", "completed"),
    ]
    assert json.loads(rows[1]["output_data"])["seen"].startswith("# 整除\n整除：")


@pytest.mark.parametrize(("language", "words"), [("en", "there is nothing to run; 2 files"), ("zh", "跳过了 2 个文件")])
def test_notes_that_say_nothing_are_no_batch(shell: Shell, language: str, words: str) -> None:
    shell.environ["PARALLEL_AGENTS_LANG"] = language
    (shell.folder / "n").mkdir()
    for name in ("a", "b"):
        (shell.folder / "n" / f"{name}.md").write_text("# 只有标题\n", encoding="utf-8")
    done = shell.run("run", "n", *OFFLINE, "--notes")
    assert done.returncode == 2
    assert words in done.stderr
