"""Results of tasks about several nodes, on their canvases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.landing.scene import EXECUTION, Given, content, edges_of, explanation, landings_on, nodes_of, submit, write

from parallel_agents.canvas.checking import check_canvas
from parallel_agents.canvas.document import load_document
from parallel_agents.canvas.vault import Vault
from parallel_agents.journal import SqliteJournal


def compared(canvas: Path, *node_ids: str) -> Given:
    concepts = [f"概念{one}" for one in node_ids]
    return Given(
        "comparison-table", node_ids[0], explanation("| 表 |"), canvas, node_ids=node_ids, concepts=concepts
    )  # fmt: skip


def verified(canvas: Path, *node_ids: str, guidance: str = "") -> Given:
    asked = [
        {
            "source_node_id": node_id,
            "question_text": f"关于{node_id}的第 {number} 问？",
            "question_type": "检验型",
            "difficulty": "深度",
            "guidance": guidance,
            "rationale": "检验",
        }
        for node_id in node_ids
        for number in range(3)
    ]
    nodes = [{"id": node_id, "type": "purple", "content": node_id} for node_id in node_ids]
    return Given(
        "verification-question-agent", node_ids[0], {"questions": asked}, canvas, node_ids=node_ids, nodes=nodes
    )  # fmt: skip


def boards_in(canvas: Path) -> list[Path]:
    return sorted(canvas.parent.glob("*检验白板*.canvas"))


async def test_a_table_hangs_on_each_of_its_nodes_that_is_still_there(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    await submit(
        journal, [compared(canvas, "甲", "gone", "乙"), compared(canvas, "gone", "乙"), compared(canvas, "gone")]
    )
    outcome = await landings_on(journal, tmp_path).apply(EXECUTION)
    (applied,) = outcome.canvases
    assert [edge["fromNode"] for edge in edges_of(canvas) if edge.get("label") == "对比分析"] == ["甲", "乙", "乙"]
    (refused,) = applied.refused
    assert (refused.node_id, refused.reason) == ("gone", "there is no such node on this canvas")
    assert applied.is_sound
    assert [Path(file).name.partition("-对比表-")[0] for file in applied.files] == [
        "概念甲vs概念gonevs概念乙",
        "概念gonevs概念乙",
    ]


async def test_a_result_is_found_by_any_of_its_nodes(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    await submit(journal, [compared(canvas, "甲", "乙"), compared(canvas, "甲", "丙")])
    outcome = await landings_on(journal, tmp_path).apply(EXECUTION, only=["丙"])
    assert [edge["fromNode"] for edge in edges_of(canvas) if edge.get("label") == "对比分析"] == ["甲", "丙"]
    assert outcome.is_whole


async def test_applying_twice_adds_nothing_and_undo_takes_all_of_it_off(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    before, names = content(canvas), sorted(path.name for path in canvas.parent.iterdir())
    await submit(journal, [compared(canvas, "甲", "乙", "丙"), verified(canvas, "甲", "乙"), verified(canvas, "丙")])
    landings = landings_on(journal, tmp_path)
    (applied,) = (await landings.apply(EXECUTION)).canvases
    assert (applied.nodes_added, applied.edges_added, len(applied.files)) == (4, 4, 3)
    (again,) = (await landings.apply(EXECUTION)).canvases
    assert (again.nodes_added, again.edges_added, again.files) == (0, 0, ())
    (reverted,) = await landings.undo(EXECUTION)
    assert reverted.is_exact
    assert content(canvas) == before
    assert sorted(path.name for path in canvas.parent.iterdir()) == names


async def test_a_review_canvas_takes_a_free_name_and_one_that_was_written_into_stays(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    landings = landings_on(journal, tmp_path)
    await submit(journal, [verified(canvas, "甲")], execution_id="exec-00000000000000b2")
    await landings.apply("exec-00000000000000b2")
    (first,) = boards_in(canvas)
    theirs = content(first)
    await submit(journal, [verified(canvas, "甲")])
    await landings.apply(EXECUTION)
    assert content(first) == theirs
    (second,) = set(boards_in(canvas)) - {first}
    assert second.name == f"{first.stem}-2.canvas"
    write(second, second.read_text(encoding="utf-8").replace('"text": ""', '"text": "我的回答"', 1))
    (reverted,) = await landings.undo(EXECUTION)
    assert [kept.reason for kept in reverted.kept] == ["it was changed since"]
    assert "我的回答" in second.read_text(encoding="utf-8")


async def test_a_review_canvas_has_room_for_every_question_and_leads_back(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    ids = ("甲", "乙", "丙")
    await submit(journal, [verified(canvas, *ids, guidance="💡 提示：" + "想一想再说。" * 40)])
    await landings_on(journal, tmp_path).apply(EXECUTION)
    (board,) = boards_in(canvas)
    nodes, edges = nodes_of(board), edges_of(board)
    checked = check_canvas(load_document(board), Vault(board), nodes.keys() | {edge["id"] for edge in edges})
    assert (checked.overlaps, checked.unopened, checked.dangling) == ((), (), ())
    (origin,) = (node for node in nodes.values() if node["type"] == "file")
    assert origin["file"] == "离散/图 论.canvas"
    back = [nodes[edge["fromNode"]] for edge in edges if edge.get("label") == "来源"]
    assert [node["sourceNodeId"] for node in back] == list(ids)
    answers = [(nodes[edge["fromNode"]], nodes[edge["toNode"]]) for edge in edges if edge.get("label") == "个人理解"]
    assert len(answers) == 9
    assert all(asked["text"] and below["text"] == "" and below["y"] > asked["y"] for asked, below in answers)
    assert {key for node in nodes.values() if node["type"] == "text" for key in extra(node)} == {
        "sourceNodeId",
        "originalCanvasPath",
        "generationTimestamp",
    }
    assert json.loads(content(board)).keys() == {"nodes", "edges"}


def extra(node: dict[str, Any]) -> set[str]:
    return node.keys() - {"id", "type", "text", "x", "y", "width", "height", "color"}
