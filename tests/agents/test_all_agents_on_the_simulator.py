"""Every agent that ships, on the example vault, through both real clients; and a provider that errs now and then."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor, Settings
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.core.settings import ContextIsolation, ParallelProcessing
from parallel_agents.landing import CanvasLandings
from parallel_agents.simulator import Options, running

VAULT = Path(__file__).parents[2] / "examples" / "笔记库"
CANVAS = Path("离散数学", "离散数学.canvas")
UNDERSTANDING = "a6efbd265597db8e"
MATERIAL = "1d3d0a75883e3c96"
CODES = {"red": {"1", "4"}, "purple": {"3"}, "yellow": {"6"}, "blue": {"5"}}
"""Colours as the palette of this vault has them (`project-v1`)."""


class Lands(msgspec.Struct, frozen=True, kw_only=True):
    """How the result of one agent has to stand on a canvas: a colour, the label of the edge, what the node says."""

    kind: str
    label: str = ""
    colour: str = ""
    says: str = ""
    file: str = ""


def explains(says: str, label: str, file: str) -> Lands:
    return Lands(kind="explanation", label=label, colour="blue", says=f"{says}（点击查看详细内容）", file=file)


EXPECTED = {
    "basic-decomposition": Lands(kind="questions", label="基础拆解问题", colour="red"),
    "deep-decomposition": Lands(kind="questions", label="深度拆解", colour="purple"),
    "question-decomposition": Lands(kind="questions", label="深度拆解", colour="purple"),
    "oral-explanation": explains("💬 口语化解释", "口语化解释", "口语化解释"),
    "clarification-path": explains("🔍 澄清路径", "深度解释", "澄清路径"),
    "memory-anchor": explains("⚓ 记忆锚点", "记忆辅助", "记忆锚点"),
    "four-level-explanation": explains("🎯 四层次答案", "四层次解释", "四层次答案"),
    "example-teaching": explains("📝 例题教学", "例题教学", "例题教学"),
    "scoring-agent": Lands(kind="score"),
}
BY_NODE = [name for name in AgentRegistry().names() if name in EXPECTED]


def executor_on(folder: Path, url: str, model: str) -> ParallelAgentExecutor:
    parallel = ParallelProcessing(context_isolation=ContextIsolation(isolation_level="coroutine"))
    environ = {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": "k",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "k",
    }
    settings = Settings(model=model, parallel_processing=parallel)
    return ParallelAgentExecutor(settings=settings, journal=folder / "journal.sqlite3", environ=environ)


def task_on(agent: str, canvas: Path) -> dict[str, Any]:
    """A task about a node that the agent is meant for, with what that node gives it."""
    known = AgentRegistry().resolve(agent)
    node = UNDERSTANDING if "understanding" in known.reads else MATERIAL
    given = {
        "material_content": "原命题与逆否命题等价。",
        "topic": "命题逻辑",
        "concept": "什么是逆否命题？",
        "question_text": "什么是逆否命题？",
        "user_understanding": "把两边否定再倒过来。",
        "reference_material": "真值表相同。",
    }
    fields = {field: given[field] for field in known.fields}
    return {"agent_name": agent, "canvas_path": str(canvas), "node_id": node, "input_data": fields}


def read(canvas: Path) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    told = json.loads(canvas.read_text(encoding="utf-8"))
    return {node["id"]: node for node in told["nodes"]}, told["edges"]


@pytest.mark.parametrize("model", ["openai:simulated", "anthropic:simulated"])
async def test_each_result_lands_as_its_agent_says(model: str, tmp_path: Path) -> None:
    vault = Path(shutil.copytree(VAULT, tmp_path / "笔记 库"))
    canvas = vault / CANVAS
    before, edges_before = read(canvas)
    ids: dict[str, str] = {}
    async with running(Options(seed=3)) as url, executor_on(tmp_path, url, model) as engine:
        landings = CanvasLandings(engine.journal, state=tmp_path / "state")
        execution_id = await engine.submit_batch_tasks([task_on(agent, canvas) for agent in BY_NODE], 4)
        document = body_of(await engine.wait(execution_id))
        ids = {session["agent_name"]: session["task_id"] for session in document["agent_execution_sessions"]}
        outputs = {one["agent_name"]: one["result"]["output_data"] for one in document["agent_execution_sessions"]}
        for agent in BY_NODE:
            there, edges = read(canvas)
            await landings.apply(execution_id, [ids[agent]], palette="project-v1", recolour=True)
            now, edges_now = read(canvas)
            new = [node for key, node in now.items() if key not in there]
            drawn = edges_now[len(edges) :]
            looked_at(EXPECTED[agent], outputs[agent], task_on(agent, canvas)["node_id"], new, drawn, vault)
    after, edges_after = read(canvas)
    moved = [key for key, node in before.items() if node | {"color": 0} != after[key] | {"color": 0}]
    assert (moved, edges_after[: len(edges_before)]) == ([], edges_before)
    recoloured = [key for key, node in before.items() if node != after[key]]
    assert set(recoloured) <= {"6d78f080df50ce42"}


def looked_at(
    expected: Lands,
    output: dict[str, Any],
    source: str,
    nodes: list[dict[str, Any]],
    edges: list[dict[str, Any]],
    vault: Path,
) -> None:
    """Hold what a result added against what its agent says."""
    if expected.kind == "score":
        assert (nodes, edges) == ([], [])
        return
    from_source = [edge for edge in edges if edge["fromNode"] == source]
    assert from_source[0].get("label") == expected.label
    assert not [edge for edge in from_source[1:] if "label" in edge]
    if expected.kind == "explanation":
        notice, shown = nodes
        assert (notice["text"], notice["color"] in CODES["blue"]) == (expected.says, True)
        assert f"-{expected.file}-" in shown["file"]
        note = (vault / shown["file"]).read_text(encoding="utf-8")
        assert output["markdown"] in note
        assert (edges[0]["toNode"], edges[1]["fromNode"], edges[1]["toNode"]) == (
            notice["id"],
            notice["id"],
            shown["id"],
        )
        return
    asked: list[dict[str, str]] = output.get("sub_questions") or output["questions"]
    questions, empty = nodes[::2], nodes[1::2]
    assert [node["text"].split("\n")[0] for node in questions] == [
        f"**[{one['type']}]** {one['text']}" for one in asked
    ]
    assert {node["color"] for node in questions} <= CODES[expected.colour]
    assert [(node["text"], node["color"] in CODES["yellow"]) for node in empty] == [("", True)] * len(asked)
    assert len(edges) == 2 * len(asked)


async def test_of_malformed_answers_each_is_repaired_or_kept_whole(tmp_path: Path) -> None:
    agents = BY_NODE * 7
    tasks = [task_on(agent, tmp_path / "x.canvas") for agent in agents]
    for number, task in enumerate(tasks):
        task["input_data"] = {field: f"{text} 第 {number} 份。" for field, text in task["input_data"].items()}
        del task["canvas_path"], task["node_id"]
    async with running(Options(seed=11, malformed_rate=0.1)) as url:
        async with executor_on(tmp_path, url, "openai:simulated") as engine:
            execution_id = await engine.submit_batch_tasks(tasks, 8)
            document = body_of(await engine.wait(execution_id))
        seen = await asyncio.to_thread(stats, url)
    sessions = document["agent_execution_sessions"]
    states = Counter(session["status"] for session in sessions)
    assert states["completed"] + states["failed"] == len(tasks)
    failed = [session for session in sessions if session["status"] == "failed"]
    for session in failed:
        (told,) = session["error_handling"]["error_history"]
        assert (told["class"], bool(told["raw_answer"])) == ("contract", True)
    # A first misfit costs one more call; a second one, of the same task, its result.
    repairs = seen["requests"] - len(tasks)
    assert seen["misfits"] > 0
    assert seen["misfits"] == repairs + len(failed)
    assert len(seen["by_prompt"]) == seen["requests"]


def stats(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/stats", timeout=10) as answer:
        return json.load(answer)
