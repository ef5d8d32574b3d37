"""Results of a later step: they hang where the learner will look, on the understanding of the question they explain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from parallel_agents import CanvasLandings, ParallelAgentExecutor, create_pipeline_tasks

VAULT = Path(__file__).parents[2] / "examples" / "笔记库"
MATERIAL = "1d3d0a75883e3c96"


def read(canvas: Path) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    told = json.loads(canvas.read_text(encoding="utf-8"))
    return {node["id"]: node for node in told["nodes"]}, told["edges"]


def explained(canvas: Path) -> list[tuple[str, str]]:
    """Of every explanation that was added, the text above the node that it hangs on, and the note's question."""
    nodes, edges = read(canvas)
    into = {edge["toNode"]: edge["fromNode"] for edge in edges}
    notices = [edge for edge in edges if edge.get("label") == "口语化解释" and edge["fromNode"] in into]
    return [(edge["fromNode"], nodes[into[edge["fromNode"]]].get("text", "")) for edge in notices]


async def test_an_explanation_of_a_new_question_hangs_on_the_understanding_below_it(tmp_path: Path) -> None:
    canvas = Path(shutil.copytree(VAULT, tmp_path / "笔记 库")) / "离散数学" / "离散数学.canvas"
    before = canvas.read_bytes()
    known, _ = read(canvas)
    tasks = create_pipeline_tasks(str(canvas), "decompose-explain", [MATERIAL])
    async with ParallelAgentExecutor(journal=tmp_path / "j.sqlite3", model="offline", environ={}) as executor:
        landings = CanvasLandings(executor.journal, state=tmp_path / "state")
        execution_id = await executor.submit_batch_tasks(tasks)
        await executor.wait(execution_id)

        await landings.apply(execution_id, palette="project-v1")
        nodes, _ = read(canvas)
        found = [(place, question) for place, question in explained(canvas) if place not in known]
        assert len(found) > 1
        assert all(nodes[place]["text"] == "" and question.startswith("**[") for place, question in found)
        assert len({place for place, _ in found}) == len(found)

        whole = canvas.read_bytes()
        await landings.apply(execution_id, palette="project-v1")
        assert canvas.read_bytes() == whole
        await landings.undo(execution_id)
        assert canvas.read_bytes() == before


async def test_without_that_question_it_hangs_on_the_node_that_all_of_it_was_about(tmp_path: Path) -> None:
    canvas = Path(shutil.copytree(VAULT, tmp_path / "库")) / "离散数学" / "离散数学.canvas"
    tasks = create_pipeline_tasks(str(canvas), "decompose-explain", [MATERIAL])
    async with ParallelAgentExecutor(journal=tmp_path / "j.sqlite3", model="offline", environ={}) as executor:
        landings = CanvasLandings(executor.journal, state=tmp_path / "state")
        execution_id = await executor.submit_batch_tasks(tasks)
        await executor.wait(execution_id)
        last = str(tasks[-1]["task_id"])

        await landings.apply(execution_id, [last], palette="project-v1")

    _, edges = read(canvas)
    (edge,) = [one for one in edges if one.get("label") == "口语化解释" and one["fromNode"] == MATERIAL]
    assert edge["toNode"] in read(canvas)[0]
