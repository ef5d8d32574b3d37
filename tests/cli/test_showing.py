"""`show`: a canvas in a few lines or as a picture."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "笔记库" / "离散数学" / "离散数学.canvas"


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...


def test_a_canvas_is_told_in_lines_that_add_up(shell: Shell) -> None:
    done = shell.run("show", EXAMPLE, "--palette", "project-v1")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == f"{EXAMPLE}: nodes 33, edges 19"
    assert "  types: group 1, text 30, link 1, file 1" in done.stdout
    assert "  questions 10, without an understanding 4" in done.stdout
    assert "without an understanding: node f57a77cfa7b1ec87: 怎样证明两个集合相等？" in done.stdout


def test_the_same_in_chinese_and_as_json(shell: Shell) -> None:
    shell.environ["PARALLEL_AGENTS_LANG"] = "zh"
    told = shell.run("show", EXAMPLE, "--palette", "project-v1").stdout
    assert "  颜色（按 project-v1 的含义）：无色 9, 黄 9, 红 7" in told
    assert "没有理解：节点 f57a77cfa7b1ec87：怎样证明两个集合相等？" in told
    survey = json.loads(shell.run("show", EXAMPLE, "--palette", "project-v1", "--json").stdout)
    assert (survey["nodes"], survey["colours"]["red"], len(survey["unanswered"])) == (33, 7, 4)


def test_a_picture_is_written_whole_and_never_over_another_file(shell: Shell) -> None:
    first = shell.run("show", EXAMPLE, "-o", "a.svg")
    second = shell.run("show", EXAMPLE, "--output", "a.svg")
    assert (first.stdout, second.stdout) == ("picture: a.svg\n", "picture: a-2.svg\n")
    assert "a.svg is there already and is left alone" in second.stderr
    pictures = [(shell.folder / name).read_bytes() for name in ("a.svg", "a-2.svg")]
    assert pictures[0] == pictures[1]
    assert ElementTree.fromstring(pictures[0]).tag.endswith("svg")
    assert "鸽巢原理" in pictures[0].decode()


def test_a_file_that_does_not_open_is_told_with_the_picture(shell: Shell) -> None:
    path = shell.folder / "b.canvas"
    path.write_text(json.dumps({"nodes": [{"id": "f", "type": "file", "file": "../x.md"}]}), encoding="utf-8")
    (shell.folder / ".obsidian").mkdir()
    done = shell.run("show", "b.canvas", "-o", "b.svg")
    assert (done.returncode, done.stdout) == (0, "picture: b.svg\n")
    assert "does not open: node f: '../x.md' climbs with '..'" in done.stderr
    assert "does not open: node f: '../x.md' climbs with '..'" in shell.run("show", "b.canvas").stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("gone.canvas",), "there is no such file"),
        (("课 件.canvas", "-o", "a.png"), "its name ends in .svg"),
        (("课 件.canvas", "-o", "gone/a.svg"), "there is no folder gone"),
        (("课 件.canvas", "-o", "a.svg", "--json"), "exclude one another"),
        (("课 件.canvas", "--palette", "projct-v1"), "Did you mean 'project-v1'?"),
        ((), "CANVAS is missing"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line_and_leaves_nothing(
    shell: Shell, arguments: tuple[str, ...], problem: str
) -> None:
    before = sorted(shell.folder.iterdir())
    done = shell.run("show", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(shell.folder.iterdir()) == before
