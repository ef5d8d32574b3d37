"""Several agents in one run: one batch, one document, and each agent told for itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.documents import body_of

TWO = ("--agent", "picky.md", "--agent", "basic-decomposition", "--model", "offline")


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


@pytest.fixture
def canvas(shell: Shell) -> Path:
    """Material, a question about it, what was understood, and a group."""
    path = shell.canvas(
        "命题 1：若一个整数能被 2 整除，则 2 是它的因数，这就是整除的定义。",
        "什么是整除，它和因数有什么关系？",
        "能除尽、没有余数就叫整除，除数就是因数，余数为零。",
        "",
    )
    data = json.loads(path.read_text(encoding="utf-8"))
    data["nodes"][3].update(type="group", label="小组")
    data["edges"] = [
        {"id": "e1", "fromNode": "n0", "toNode": "n1", "label": "基础拆解问题"},
        {"id": "e2", "fromNode": "n1", "toNode": "n2", "label": "个人理解"},
    ]
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return path


def sessions(shell: Shell) -> list[tuple[str, str | None, str]]:
    told: list[dict[str, Any]] = body_of(shell.folder / "out.json")["agent_execution_sessions"]
    return [(one["agent_name"], one["input_data"].get("node_id"), one["status"]) for one in told]


def test_each_agent_gets_its_nodes_and_says_why_others_are_not(shell: Shell, canvas: Path) -> None:
    agents = ("--agent", "scoring-agent", "--agent", "basic-decomposition", "--model", "offline")
    done = shell.run("run", canvas, *agents, "--output", "out.json")
    assert done.returncode == 0, done.stderr
    assert sessions(shell) == [("scoring-agent", "n2", "completed"), ("basic-decomposition", "n0", "completed")]
    assert "skipped   node n3: a group holds no text\n" in done.stderr
    assert "node n0 for scoring-agent: no question leads to it" in done.stderr
    assert "node n2 for basic-decomposition: is an understanding; the agent reads material\n" in done.stderr
    assert done.stderr.count("node n3") == 1
    shell.environ["PARALLEL_AGENTS_LANG"] = "zh"
    assert "跳过 节点 n0（scoring-agent）：" in shell.run("plan", canvas, *agents).stderr


def test_tasks_stand_agent_by_agent_in_the_order_given(shell: Shell) -> None:
    done = shell.run("run", "课 件.canvas", *TWO, "--output", "out.json")
    assert done.returncode == 0, done.stderr
    found = [(agent, node) for agent, node, _ in sessions(shell)]
    assert found == [(agent, f"n{n}") for agent in ("picky", "basic-decomposition") for n in range(4)]
    other = shell.run("plan", "课 件.canvas", *TWO, "--json")
    plan = json.loads(other.stdout)["plan"]
    assert [(one["agent"], one["tasks"]) for one in plan["by_agent"]] == [("picky", 4), ("basic-decomposition", 4)]
    assert [(one["agent"], one["tasks"]) for one in plan["agents"]] == [("picky", 4), ("basic-decomposition", 4)]


@pytest.mark.parametrize(
    ("again", "told"),
    [
        (("scoring-agent", "scoring-agent"), "--agent: 'scoring-agent' was named before"),
        (("scoring-agent", "scoring"), "--agent: 'scoring' is 'scoring-agent', which was named before"),
        (("picky.md", "./picky.md"), "--agent: './picky.md' is 'picky', which was named before"),
    ],
)
def test_an_agent_that_is_named_twice_is_refused(shell: Shell, again: tuple[str, str], told: str) -> None:
    done = shell.run("run", "课 件.canvas", "--agent", again[0], "--agent", again[1], "--model", "offline")
    assert done.returncode == 2
    assert told in done.stderr
    assert not list(shell.folder.glob("*.json"))


def test_a_selection_is_asked_for_each_agent(shell: Shell) -> None:
    changed = ("--select", "changed-since-last-run")
    shell.run("run", "课 件.canvas", "--agent", "picky.md", "--nodes", "n0")
    done = shell.run("run", "课 件.canvas", *TWO, *changed, "--output", "out.json")
    assert len(sessions(shell)) == 7
    assert "skipped   1 node for picky: not selected\n" in done.stderr
    (shell.folder / "third.md").write_text(
        (shell.folder / "picky.md").read_text(encoding="utf-8").replace("name: picky", "name: third"), encoding="utf-8"
    )
    planned = shell.run("plan", "课 件.canvas", *TWO, "--agent", "third.md", *changed)
    assert "warning   picky has nothing to run: no node fits 'changed-since-last-run'\n" in planned.stderr
    assert "课 件.canvas: 4 tasks" in planned.stdout
    nothing = shell.run("run", "课 件.canvas", *TWO, *changed)
    assert nothing.returncode == 2
    assert "no node fits 'changed-since-last-run'" in nothing.stderr


def test_a_line_that_names_no_agent_is_a_task_for_each(shell: Shell) -> None:
    tasks = shell.folder / "tasks.jsonl"
    lines = [
        {"input_data": {"material_content": "整除的定义", "topic": "整除"}},
        {"agent_name": "basic-decomposition", "input_data": {"material_content": "因数的定义", "topic": "因数"}},
    ]
    tasks.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    done = shell.run("run", "tasks.jsonl", *TWO, "--output", "out.json")
    assert done.returncode == 0, done.stderr
    assert [agent for agent, _, _ in sessions(shell)] == ["picky", "basic-decomposition", "basic-decomposition"]
    tasks.write_text(json.dumps({"task_id": "mine", **lines[0]}), encoding="utf-8")
    refused = shell.run("run", "tasks.jsonl", *TWO)
    assert refused.returncode == 2
    assert "tasks.jsonl:1: has a task_id and no agent_name, and cannot be a task of 2 agents" in refused.stderr


def test_notes_and_a_folder_are_read_for_each_agent(shell: Shell) -> None:
    (shell.folder / "notes").mkdir()
    for name in ("a", "b"):
        text = f"命题 {name}：若一个整数能被 2 整除，则 2 是它的因数，这就是整除的定义。"
        (shell.folder / "notes" / f"{name}.md").write_text(text, encoding="utf-8")
    planned = shell.run("plan", "notes", "--notes", *TWO, "--json")
    assert [one["tasks"] for one in json.loads(planned.stdout)["plan"]["agents"]] == [2, 2]
    refused = shell.run("plan", "notes", "--notes", "--agent", "picky.md", "--agent", "scoring-agent")
    assert "agent 'scoring-agent' reads understandings, and a note is material" in refused.stderr
    folder = shell.run("plan", ".", *TWO, "--json")
    assert [one["tasks"] for one in json.loads(folder.stdout)["plan"]["agents"]] == [4, 4]
