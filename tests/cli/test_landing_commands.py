"""`review`, `apply` and `undo` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.documents import body_of

RUN = ("--model", "offline", "--output", "out.json", "--json")


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> Any: ...


@pytest.fixture
def canvas(shell: Shell) -> Path:
    shell.environ["XDG_STATE_HOME"] = str(shell.folder.parent / "state")
    (shell.folder / ".obsidian").mkdir()
    return shell.folder / "课 件.canvas"


def executed(shell: Shell, agent: str = "basic-decomposition", *options: str) -> str:
    done = shell.run("run", "课 件.canvas", "--agent", agent, *RUN, *options)
    assert done.returncode == 0, done.stderr
    return body_of(json.loads(done.stdout))["execution_id"]


def numbers_in(canvas: Path) -> tuple[int, int]:
    data = json.loads(canvas.read_bytes())
    return len(data["nodes"]), len(data["edges"])


def test_results_are_reviewed_applied_and_taken_off_again(shell: Shell, canvas: Path) -> None:
    before = canvas.read_bytes()
    execution_id = executed(shell)

    review = shell.run("review", execution_id)
    assert review.returncode == 0
    assert "**[定义型]**" in review.stdout
    assert f"`parallel-agents apply {execution_id}` does it" in review.stderr
    assert canvas.read_bytes() == before

    applied = shell.run("apply", execution_id)
    nodes, edges = numbers_in(canvas)
    assert applied.returncode == 0
    assert f"canvas    {canvas}\nnodes     4 → {nodes}\nedges     0 → {edges}\n" in applied.stdout
    assert f"`parallel-agents undo {execution_id}` takes it off again" in applied.stderr

    again = shell.run("apply", execution_id)
    assert again.stdout == f"canvas    {canvas}\nunchanged nothing is missing on it\n"
    assert again.stderr == ""

    undone = shell.run("undo", execution_id)
    assert undone.returncode == 0
    assert f"removed   {nodes - 4} nodes, {edges} edges, 0 notes\nexact     it is byte for byte" in undone.stdout
    assert canvas.read_bytes() == before
    assert shell.run("undo", execution_id).stdout == f"nothing of {execution_id} is on a canvas\n"


def test_notes_are_named_and_leave_the_vault_again(shell: Shell, canvas: Path) -> None:
    execution_id = executed(shell, "oral-explanation", "--nodes", "n1")
    applied = shell.run("apply", execution_id)
    (note,) = (path.name for path in shell.folder.glob("*口语化解释*.md"))

    assert f"note      {note}\n" in applied.stdout
    undone = shell.run("undo", execution_id)
    assert f"notes     {shell.folder.parent / 'state'}" in undone.stdout
    assert list(shell.folder.glob("*口语化解释*.md")) == []


def test_one_node_of_them_lands_alone(shell: Shell, canvas: Path) -> None:
    execution_id = executed(shell)
    shell.run("apply", execution_id, "--only", "n2")

    edges = json.loads(canvas.read_bytes())["edges"]
    assert {edge["fromNode"] for edge in edges if edge["fromNode"].startswith("n")} == {"n2"}
    wrong = shell.run("apply", execution_id, "--only", "n22")
    assert (wrong.returncode, "Did you mean 'n2'?" in wrong.stderr) == (2, True)


def test_json_is_json_and_nothing_else(shell: Shell, canvas: Path) -> None:
    execution_id = executed(shell)
    review = json.loads(shell.run("review", execution_id, "--json").stdout)
    applied = json.loads(shell.run("apply", execution_id, "--json").stdout)
    undone = json.loads(shell.run("undo", execution_id, "--json").stdout)

    assert [len(one["proposals"]) for one in review["canvases"]] == [4]
    assert applied["canvases"][0]["nodes_before"] == 4
    assert undone["canvases"][0]["is_exact"] is True
    assert {review["execution_id"], applied["execution_id"], undone["execution_id"]} == {execution_id}


def test_what_stays_is_listed_in_the_language_of_the_user(shell: Shell, canvas: Path) -> None:
    execution_id = executed(shell)
    shell.run("apply", execution_id)
    data = json.loads(canvas.read_bytes())
    data["nodes"][-1]["text"] = "我的理解"
    canvas.write_text(json.dumps(data), encoding="utf-8")
    shell.environ["PARALLEL_AGENTS_LANG"] = "zh"
    undone = shell.run("undo", execution_id)

    assert f"保留      节点 {data['nodes'][-1]['id']}：此后被改动过" in undone.stdout
    assert "已撤掉" in undone.stdout


def test_a_canvas_that_is_gone_is_a_failure_that_is_told(shell: Shell, canvas: Path) -> None:
    execution_id = executed(shell)
    canvas.unlink()
    applied = shell.run("apply", execution_id)

    assert applied.returncode == 1
    assert "problem   课 件.canvas: there is no such file" in applied.stdout


@pytest.mark.parametrize("command", ["review", "apply", "undo"])
def test_an_unknown_execution_makes_no_journal(shell: Shell, command: str) -> None:
    done = shell.run(command, "exec-0000000000000000")

    assert done.returncode == 2
    assert "no execution 'exec-0000000000000000'" in done.stderr
    assert not (shell.folder / "journal.sqlite3").exists()
