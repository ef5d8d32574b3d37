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
