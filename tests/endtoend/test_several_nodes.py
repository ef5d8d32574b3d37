"""One task about several nodes, from the command line through a real client to the canvas and back."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.documents import body_of

EXAMPLES = Path(__file__).parents[2] / "examples"
THREE = ("96abb06192694205", "1d3d0a75883e3c96", "5f2f808b40d0fddd")


class Simulator(Protocol):
    """See conftest."""

    url: str

    def stats(self) -> dict[str, Any]: ...


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def document(self, *arguments: str | Path) -> dict[str, Any]: ...


@pytest.fixture
def canvas(shell: Shell) -> Path:
    shutil.copytree(EXAMPLES / "笔记库", shell.folder / "笔记库")
    shell.environ["XDG_STATE_HOME"] = str(shell.folder / "state")
    return shell.folder / "笔记库" / "离散数学" / "离散数学.canvas"


def items(path: Path, name: str) -> dict[str, Mapping[str, Any]]:
    return {one["id"]: one for one in json.loads(path.read_text(encoding="utf-8"))[name]}


def execution_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stderr.rsplit("undo ", 1)[1].split("`")[0]


def test_three_nodes_are_compared_in_one_call_and_the_note_hangs_on_all_three(
    shell: Shell, simulator: Simulator, canvas: Path
) -> None:
    before, edges = canvas.read_bytes(), items(canvas, "edges")
    done = shell.run(
        "run",
        canvas,
        "--agent",
        "comparison-table",
        "--nodes",
        ",".join(THREE),
        "--model",
        "openai:simulated",
        "--apply",
    )
    execution = execution_of(done)
    assert simulator.stats()["requests"] == 1

    (note,) = canvas.parent.glob("*对比表-*.md")
    assert note.name.startswith("条件命题与逆否命题vs量词及其否定vs等价关系与划分-对比表-")
    assert "| 对比维度 | 条件命题与逆否命题 | 量词及其否定 | 等价关系与划分 |" in note.read_text(encoding="utf-8")
    new = [edge for one, edge in items(canvas, "edges").items() if one not in edges]
    from_nodes = [edge for edge in new if edge["fromNode"] in THREE]
    assert [(edge["fromNode"], edge["label"]) for edge in from_nodes] == [(one, "对比分析") for one in THREE]
    (blue,) = {edge["toNode"] for edge in from_nodes}
    assert items(canvas, "nodes")[blue]["text"] == "📊 对比表（点击查看详细内容）"

    document = shell.document("results", execution)
    (session,) = document["agent_execution_sessions"]
    assert session["metadata"]["node_ids"] == list(THREE)
    assert "unchanged" in shell.run("apply", execution, "--only", THREE[2]).stdout
    shell.run("undo", execution)
    assert canvas.read_bytes() == before
    assert not list(canvas.parent.glob("*对比表-*.md"))


def test_red_and_purple_nodes_become_a_review_canvas_that_opens(
    shell: Shell, simulator: Simulator, canvas: Path
) -> None:
    before = canvas.read_bytes()
    chosen = "96abb06192694205,cad0fd120c3eacde,951251a9a7e54397"
    run = ("run", canvas, "--agent", "verification-question-agent", "--nodes", chosen, "--palette", "project-v1")
    execution = execution_of(shell.run(*run, "--model", "anthropic:simulated", "--apply"))
    assert simulator.stats()["requests"] == 1

    (board,) = canvas.parent.glob("离散数学-检验白板-*.canvas")
    asked = [node for node in items(board, "nodes").values() if node.get("text")]
    assert {node["sourceNodeId"] for node in asked} == set(chosen.split(","))
    assert {node["originalCanvasPath"] for node in asked} == {"离散数学/离散数学.canvas"}
    scored = shell.run("run", board, "--agent", "scoring-agent", "--model", "openai:simulated")
    assert "there is nothing to run" in scored.stderr  # the answers are still to be written
    again = shell.run("apply", execution)
    assert "unchanged" in again.stdout
    assert len(list(canvas.parent.glob("*检验白板-*.canvas"))) == 1

    shell.run("undo", execution)
    assert canvas.read_bytes() == before
    assert not list(canvas.parent.glob("*检验白板-*.canvas"))


def test_without_a_language_model_or_enough_nodes_it_says_so(shell: Shell, canvas: Path) -> None:
    told = shell.run("run", canvas, "--agent", "comparison-table", "--nodes", THREE[0], "--model", "offline")
    assert told.returncode != 0
    assert "one task takes at least 2 nodes, and there are 1" in told.stderr
    told = shell.run("run", canvas, "--agent", "comparison-table", "--nodes", ",".join(THREE), "--model", "offline")
    assert told.returncode == 1
    assert "not the contract 'table'" in told.stderr + told.stdout


def test_tasks_written_by_hand_name_their_concepts(shell: Shell, simulator: Simulator) -> None:
    tasks = shell.folder / "tasks.jsonl"
    given = [{"concepts": ["单射", "满射", "双射"]}, {"concepts": ["单射"]}]
    tasks.write_text("\n".join(json.dumps({"agent_name": "comparison-table", "input_data": one}) for one in given))
    done = shell.run("run", tasks, "--model", "openai:simulated", "--json")
    told = json.dumps(body_of(done.stdout), ensure_ascii=False)
    assert "| 对比维度 | 单射 | 满射 | 双射 |" in told
    assert "'concepts' has 1 entries, 2 to 5 are needed" in told
    assert simulator.stats()["requests"] == 1
