"""Which nodes become one task together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.choice import NodeChoice, chosen_nodes
from parallel_agents.canvas.earlier import Earlier, input_digest
from parallel_agents.canvas.gathering import concept_of, tasks_of
from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.inputs import AgentInputs
from parallel_agents.canvas.palette import PALETTES
from parallel_agents.core.errors import CanvasError, NothingFitsError
from parallel_agents.sources.reading import plan_source

Draw = Callable[..., Canvas]


def inputs_of(name: str) -> AgentInputs:
    agent = AgentRegistry().resolve(name)
    return AgentInputs(fields=agent.fields, reads=agent.reads, gathers=agent.gathers, palette=PALETTES["jsoncanvas"])


TABLE, ASKING = inputs_of("comparison-table"), inputs_of("verification-question-agent")


def materials(number: int) -> dict[str, str]:
    return {f"m{one}": f"## 概念{one}\n\n这是第 {one} 个概念的说明。" for one in range(number)}


def marked(number: int, colour: str) -> dict[str, dict[str, Any]]:
    return {f"{colour}{one}": {"type": "text", "text": f"第 {one} 个难点", "color": colour} for one in range(number)}


def group(label: str, y: int, height: int) -> dict[str, Any]:
    return {"type": "group", "label": label, "x": -50, "y": y, "width": 400, "height": height}


def test_named_nodes_are_one_task_in_the_order_in_which_they_were_named(draw: Draw) -> None:
    found = tasks_of(draw(materials(7)), TABLE, ["m3", "m0", "m3", "m5"])
    (task,) = found.tasks
    assert (task.node_id, task.node_ids) == ("m3", ("m3", "m0", "m5"))
    assert task.input_data["concepts"] == ["概念3", "概念0", "概念5"]
    assert task.input_data["material_content"].startswith(
        "【概念3】\n## 概念3\n\n这是第 3 个概念的说明。\n\n【概念0】\n"
    )
    assert task.input_data["topic"] == "图"
    assert found.skipped == ()


def test_more_nodes_than_one_table_holds_are_compared_group_by_group(draw: Draw) -> None:
    nodes = materials(7) | {"g": group("命题", -20, 560), "h": group("集合", 590, 120)}
    found = tasks_of(draw(nodes), TABLE)
    assert [task.node_ids for task in found.tasks] == [("m0", "m1", "m2"), ("m4", "m5", "m6")]
    assert found.tasks[0].input_data["topic"] == "命题"
    reasons = {skip.node_id: skip.reason for skip in found.skipped}
    assert reasons["m3"] == (
        "they are more than one task takes (5), so each group is a task; the group '集合' has 1, and it takes 2 to 5"
    )


def test_a_group_that_is_too_large_is_left_to_the_user(draw: Draw) -> None:
    found = tasks_of(draw(materials(6)), TABLE)
    assert found.tasks == ()
    assert {skip.node_id for skip in found.skipped} == set(materials(6))
    assert "outside of groups there are 6, and it takes 2 to 5" in found.skipped[0].reason


def test_one_node_alone_is_not_compared_with_itself(draw: Draw) -> None:
    found = tasks_of(draw(materials(3)), TABLE, ["m1"])
    assert found.tasks == ()
    assert [skip.reason for skip in found.skipped] == ["one task takes at least 2 nodes, and there are 1"]
    with pytest.raises(CanvasError, match="no such node"):
        tasks_of(draw(materials(2)), TABLE, ["m0", "x"])


def test_questions_and_understandings_are_no_concepts_unless_they_are_named(draw: Draw) -> None:
    canvas = draw(
        {**materials(2), "q": "**[定义型]** 什么是图？\n\n💡 提示：看边", "u": "就是点和线"},
        ["m0 > q : 拆解", "q > u : 个人理解"],
    )
    assert tasks_of(canvas, TABLE).tasks[0].node_ids == ("m0", "m1")
    (named,) = tasks_of(canvas, TABLE, ["q", "m1"]).tasks
    assert named.input_data["concepts"] == ["什么是图？", "概念1"]
    assert named.input_data["user_understanding"] == "什么是图？：就是点和线"


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("# 逆否**命题**\n内容", "逆否命题"),
        ("**满射**是每个元素都有原像。", "满射"),
        ("树：连通而没有回路的图。", "树"),
        ("**[对比型]** 单射和满射有什么区别？\n\n💡 提示：找反例", "单射和满射有什么区别？"),
        ("一个|两个", "一个 两个"),
        ("长" * 50, "长" * 30 + "…"),
    ],
)
def test_a_concept_is_a_few_words_that_can_head_a_column(text: str, concept: str) -> None:
    assert concept_of(text) == concept


def test_concepts_of_the_same_name_are_told_apart(draw: Draw) -> None:
    (task,) = tasks_of(
        draw({"a": "# 树\n没有回路的图", "b": "# 树\n一种数据结构", "c": "# 树（2）\n又一种树"}), TABLE
    ).tasks
    assert task.input_data["concepts"] == ["树", "树（2）", "树（2）（2）"]


def test_red_and_purple_nodes_are_asked_about_with_what_hangs_on_them(draw: Draw) -> None:
    canvas = draw(
        {
            "m": {"type": "text", "text": "命题是能判断真假的陈述句。", "color": "1"},
            "q": {"type": "text", "text": "什么是逆否命题？", "color": "6"},
            "u": "把命题反过来",
            "v": "[请填写你的理解]",
            "plain": "没有颜色的材料",
            "short": {"type": "text", "text": "啊", "color": "1"},
        },
        ["m > q : 拆解", "q > u : 个人理解", "q > v : 个人理解"],
    )
    found = tasks_of(canvas, ASKING)
    (task,) = found.tasks
    assert task.input_data == {
        "nodes": [
            {"id": "m", "content": "命题是能判断真假的陈述句。", "type": "red", "related_yellow": []},
            {
                "id": "q",
                "content": "什么是逆否命题？",
                "type": "purple",
                "related_yellow": ["把命题反过来"],
                "parent_content": "命题是能判断真假的陈述句。",
            },
        ]
    }
    reasons = {skip.node_id: skip.reason for skip in found.skipped}
    assert reasons["plain"] == "is neither red nor purple in the palette jsoncanvas"
    assert reasons["short"].startswith("its text is too short")


def test_many_nodes_are_split_evenly_in_the_order_of_the_canvas(draw: Draw) -> None:
    canvas = draw(marked(17, "1"))
    tasks = tasks_of(canvas, ASKING).tasks
    assert [len(task.node_ids) for task in tasks] == [5, 6, 6]
    assert [node for task in tasks for node in task.node_ids] == list(marked(17, "1"))


def test_what_colours_mean_is_said_by_the_palette(draw: Draw) -> None:
    canvas = draw(marked(2, "4"))
    assert tasks_of(canvas, ASKING).tasks == ()
    agent = AgentInputs(fields=ASKING.fields, gathers=ASKING.gathers, palette=PALETTES["project-v1"])
    assert tasks_of(canvas, agent).tasks[0].node_ids == ("40", "41")


def test_nodes_of_a_table_have_changed_once_any_of_them_has(draw: Draw) -> None:
    (task,) = tasks_of(draw(materials(3)), TABLE).tasks
    earlier = Earlier(
        last_inputs=dict.fromkeys(task.node_ids, input_digest(task.input_data)),
        last_together=dict.fromkeys(task.node_ids, task.node_ids),
    )
    choice = NodeChoice(select=["changed-since-last-run"])
    with pytest.raises(NothingFitsError, match="no node fits"):
        chosen_nodes(draw(materials(3)), choice, TABLE, earlier)
    edited = draw({**materials(3), "m1": "## 概念1\n\n改过的说明，写得更清楚。"})
    assert chosen_nodes(edited, choice, TABLE, earlier).node_ids == ["m0", "m1", "m2"]
    pair, last = ("m0", "m1"), tasks_of(draw(materials(3)), TABLE, ["m0", "m1"]).tasks[0].input_data
    since = Earlier(
        last_inputs={**earlier.last_inputs, **dict.fromkeys(pair, input_digest(last))},
        last_together={**earlier.last_together, **dict.fromkeys(pair, pair)},
    )
    with pytest.raises(NothingFitsError, match="no node fits"):
        chosen_nodes(draw(materials(3)), choice, TABLE, since)
    grown = draw(materials(4))
    assert chosen_nodes(grown, choice, TABLE, earlier).node_ids == ["m3"]


def test_in_a_folder_every_canvas_has_tasks_of_its_own(draw: Draw) -> None:
    folder = draw(materials(2), name="一.canvas").path.parent
    draw({f"z{one}": text for one, text in enumerate(materials(3).values())}, name="二.canvas")
    draw({"alone": "## 概念\n\n只有这一个，没有可比的。"}, name="三.canvas")
    plan = plan_source(folder, "comparison-table", NodeChoice(), AgentRegistry())
    found = {Path(task["canvas_path"]).stem: task["metadata"]["node_ids"] for task in plan.tasks}
    assert found == {"一": ["m0", "m1"], "二": ["z0", "z1", "z2"]}
    (skip,) = plan.skipped
    assert (skip.node_id, Path(skip.path).stem) == ("alone", "三")
