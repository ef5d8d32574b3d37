"""`run --apply`: results are on the canvas while others still run, and whatever happens to the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.documents import body_of

LIMIT_S = 60.0
RUN = ("--agent", "basic-decomposition", "--output", "out.json", "--apply")


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> Any: ...

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...


@pytest.fixture
def canvas(shell: Shell) -> Path:
    shell.environ["XDG_STATE_HOME"] = str(shell.folder.parent / "state")
    (shell.folder / ".obsidian").mkdir()
    return shell.folder / "课 件.canvas"


def nodes_in(canvas: Path) -> list[dict[str, Any]]:
    return json.loads(canvas.read_bytes())["nodes"]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_a_run_puts_its_results_on_the_canvas_and_an_undo_gives_the_bytes_back(shell: Shell, canvas: Path) -> None:
    before = canvas.read_bytes()
    done = shell.run("run", "课 件.canvas", *RUN, "--model", "offline")
    nodes = nodes_in(canvas)
    execution_id = body_of(shell.folder / "out.json")["execution_id"]

    assert done.returncode == 0, done.stderr
    assert f"nodes     4 → {len(nodes)}\n" in done.stdout
    assert "checked   all of it is there" in done.stdout
    assert shell.run("apply", execution_id).stdout == f"canvas    {canvas}\nunchanged nothing is missing on it\n"
    shell.run("undo", execution_id)
    assert canvas.read_bytes() == before


@pytest.mark.faults
def test_a_run_that_is_killed_is_resumed_and_everything_lands_once(
    shell: Shell, canvas: Path, slow_model: None
) -> None:
    before = canvas.read_bytes()
    process = shell.start("run", "课 件.canvas", *RUN, "--model", "openai:simulated", "--max-concurrent", "1")
    try:
        wait_for(lambda: len(nodes_in(canvas)) > 4)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate(timeout=20)
    early = nodes_in(canvas)
    resumed = shell.run("resume", "--output", "resumed.json")
    document = body_of(shell.folder / "resumed.json")
    shell.run("apply", document["execution_id"])

    assert resumed.returncode == 0, resumed.stderr
    late = nodes_in(canvas)
    assert late[: len(early)] == early
    asked = sum(len(one["result"]["output_data"]["sub_questions"]) for one in document["agent_execution_sessions"])
    assert len(late) == 4 + 2 * asked
    assert len({node["id"] for node in late}) == len(late)
    shell.run("undo", document["execution_id"])
    assert canvas.read_bytes() == before


def test_json_stays_json(shell: Shell, canvas: Path) -> None:
    done = shell.run("run", "课 件.canvas", *RUN, "--model", "offline", "--json")

    assert body_of(done.stdout)["overall_status"] == "completed"
    assert len(nodes_in(canvas)) > 4


def test_results_that_are_not_on_the_canvas_are_a_failure(shell: Shell, canvas: Path) -> None:
    (shell.folder / ".obsidian").rmdir()
    done = shell.run("run", "课 件.canvas", "--agent", "oral-explanation", "--model", "offline", "--apply")

    assert done.returncode == 1
    assert done.stdout.count("the canvas lies in no vault (a folder with .obsidian), so no note of it opens") == 4
    quiet = shell.run("run", "课 件.canvas", "--agent", "oral-explanation", "--model", "offline", "--apply", "-q")
    assert quiet.returncode == 1
    assert "not every result is on its canvas; `parallel-agents apply exec-" in quiet.stderr


def test_colours_are_asked_for_with_an_apply(shell: Shell, canvas: Path) -> None:
    done = shell.run("run", "课 件.canvas", "--agent", "scoring-agent", "--model", "offline", "--recolour")

    assert done.returncode == 2
