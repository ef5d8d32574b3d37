"""Which nodes become tasks, on canvases drawn the way learners and tools draw them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.canvas.graph import Canvas, Edge, Node
from parallel_agents.canvas.inputs import AgentInputs
from parallel_agents.canvas.roles import Role, question_text, roles_of
from parallel_agents.canvas.selection import Selection, select_tasks
from parallel_agents.core.errors import CanvasError

Draw = Callable[..., Canvas]
BASIC = AgentInputs(fields={"material_content": True, "topic": True, "user_understanding": False})
DEEP = AgentInputs(
    fields={"material_content": True, "topic": True, "user_understanding": True}, reads=("understanding",)
)
SCORING = AgentInputs(
    fields={"question_text": True, "user_understanding": True, "reference_material": False}, reads=("understanding",)
)
ORAL = AgentInputs(fields=BASIC.fields, reads=("understanding", "material"))

LOOP = {
    "m": "# 命题\n命题是能判断真假的陈述句。",
    "q": "**[定义型]** 什么是命题？\n\n💡 提示：看定义",
    "u": "就是能说对错的话，比如三是质数。",
    "q2": "为什么请求不是命题？",
    "u2": "[请填写你的理解]",
}
LOOP_EDGES = ["m > q : 基础拆解问题", "q > u : 个人理解", "m > q2", "q2 > u2"]


def taken(selection: Selection) -> list[str]:
    return [task.node_id for task in selection.tasks]


def reasons(selection: Selection) -> dict[str | None, str]:
    return {skip.node_id: skip.reason for skip in selection.skipped}


def test_material_is_decomposed_and_what_came_of_it_is_not(draw: Draw) -> None:
    selection = select_tasks(draw(LOOP, LOOP_EDGES), BASIC)
    assert taken(selection) == ["m"]
    assert selection.tasks[0].input_data == {
        "material_content": LOOP["m"],
        "topic": "命题",
        "user_understanding": None,
    }
    assert reasons(selection) == {
        "q": "is a question; the agent reads material",
        "u": "is an understanding; the agent reads material",
        "q2": "is a question; the agent reads material",
        "u2": "is an understanding; the agent reads material",
    }


def test_an_understanding_is_scored_with_its_question_and_its_material(draw: Draw) -> None:
    selection = select_tasks(draw(LOOP, LOOP_EDGES), SCORING)
    assert [task.input_data for task in selection.tasks] == [
        {"question_text": "什么是命题？", "user_understanding": LOOP["u"], "reference_material": LOOP["m"]}
    ]
    assert reasons(selection)["u2"] == "holds only a placeholder"
    assert "no question leads to it" in reasons(selection)["m"]


def test_a_deeper_look_is_given_the_material_with_the_question_under_it(draw: Draw) -> None:
    (task,) = select_tasks(draw(LOOP, LOOP_EDGES), DEEP).tasks
    assert task.input_data["material_content"] == f"{LOOP['m']}\n\n什么是命题？"
    assert task.input_data["user_understanding"] == LOOP["u"]


def test_an_agent_that_reads_both_takes_both(draw: Draw) -> None:
    selection = select_tasks(draw(LOOP, LOOP_EDGES), ORAL)
    assert {task.node_id: task.input_data["user_understanding"] for task in selection.tasks} == {
        "m": None,
        "u": LOOP["u"],
    }


def test_nodes_without_edges_are_material_even_as_questions(draw: Draw) -> None:
    texts = {"a": "什么是逆否命题？", "b": "集合由元素组成。", "c": "命题 7"}
    assert taken(select_tasks(draw(texts), BASIC)) == ["a", "b"]
    assert taken(select_tasks(draw(texts), SCORING)) == []


def test_a_chain_of_three_statements_reads_as_material_question_understanding(draw: Draw) -> None:
    canvas = draw({"m": "命题的定义", "q": "请说明命题", "u": "能说对错的话"}, ["m > q", "q > u"])
    assert taken(select_tasks(canvas, SCORING)) == ["u"]
    assert taken(select_tasks(canvas, BASIC)) == ["m", "q", "u"]


ROLES: dict[str, tuple[dict[str, str], list[str], str]] = {
    "the label decides": ({"a": "甲甲甲甲", "b": "乙乙乙乙"}, ["a > b : 个人理解"], "qu"),
    "a label in English": ({"a": "one text", "b": "other text"}, ["a > b : My Understanding"], "qu"),
    "explanations by label": ({"a": "为什么？", "b": "因为", "c": "讲解"}, ["a > b", "b > c : 口语化解释 (AI)"], "que"),
    "explanations below an understanding": (
        {"a": "为什么？", "b": "因为", "c": "💬 口语化解释（点击查看详细内容）", "d": "全文"},
        ["a > b", "b > c", "c > d"],
        "quee",
    ),
    "siblings of a labelled question": (
        {"a": "材料材料", "b": "说明甲", "c": "说明乙"},
        ["a > b : 基础拆解问题", "a > c"],
        "mqq",
    ),
    "an understanding put as a question": (
        {"m": "材料材料", "a": "为什么？", "b": "我不懂，能举例吗？"},
        ["m > a", "a > b"],
        "mqu",
    ),
    "a question asked of a question": ({"a": "为什么？", "b": "那么反过来呢？"}, ["a > b"], "mq"),
    "a deeper question": (
        {"m": "材料材料", "a": "为什么？", "b": "那么反过来呢？", "c": "也成立"},
        ["m > a", "a > b", "b > c"],
        "mqqu",
    ),
    "a deeper question by its label": (
        {"a": "为什么？", "b": "因为", "c": "说明边界"},
        ["a > b", "a > c : 深度拆解"],
        "quq",
    ),
    "an empty node below material": ({"a": "材料材料", "b": ""}, ["a > b"], "mu"),
    "a question that waits": ({"a": "材料材料", "b": "为什么？"}, ["a > b"], "mq"),
    "a map of concepts": ({"a": "集合论", "b": "关系论", "c": "函数论"}, ["a > b", "a > c"], "mmm"),
    "a circle": ({"a": "甲甲甲甲", "b": "乙乙乙乙"}, ["a > b", "b > a"], "mm"),
    "a node that leads to itself": ({"a": "甲甲甲甲"}, ["a > a"], "m"),
    "a circle with an understanding": (
        {"a": "材料材料", "b": "为什么？", "c": "因为"},
        ["a > b", "b > c : 个人理解", "c > a"],
        "mqu",
    ),
}


@pytest.mark.parametrize("name", ROLES)
def test_edges_and_texts_decide_what_a_node_is(name: str, draw: Draw) -> None:
    texts, edges, expected = ROLES[name]
    roles = roles_of(draw(texts, edges))
    assert "".join(roles[node_id].value[0] for node_id in texts) == expected


def test_colours_decide_nothing(draw: Draw) -> None:
    plain = draw(LOOP, LOOP_EDGES)
    for colours in ("14623", "61146", "#####"):
        nodes = {
            node_id: {"type": "text", "text": text, "color": colour if colour != "#" else "#ff0000"}
            for (node_id, text), colour in zip(LOOP.items(), colours, strict=True)
        }
        assert roles_of(draw(nodes, LOOP_EDGES)) == roles_of(plain)


def test_named_nodes_are_taken_in_the_order_named_and_once(draw: Draw) -> None:
    canvas = draw(LOOP, LOOP_EDGES)
    assert taken(select_tasks(canvas, BASIC, ["u", "m", "q", "m"])) == ["u", "m", "q"]
    assert taken(select_tasks(canvas, BASIC, [])) == []


def test_a_named_node_that_cannot_give_the_fields_says_why(draw: Draw) -> None:
    canvas = draw({**LOOP, "alone": "我的想法"}, LOOP_EDGES)
    assert reasons(select_tasks(canvas, SCORING, ["alone", "u2", "q", "q2"])) == {
        "alone": "no edge leads to it from a question with a text",
        "u2": "holds only a placeholder",
        "q": "is a question; name its understanding 'u'",
        "q2": "is a question; name its understanding 'u2'",
    }


def test_a_named_node_may_be_short(draw: Draw) -> None:
    canvas = draw({"a": "群"})
    assert "too short" in reasons(select_tasks(canvas, BASIC))["a"]
    assert taken(select_tasks(canvas, BASIC, ["a"])) == ["a"]


def test_an_unknown_node_is_an_error(draw: Draw) -> None:
    with pytest.raises(CanvasError, match="no such node"):
        select_tasks(draw(LOOP), BASIC, ["m", "nowhere"])


def test_every_kind_of_node_without_text_has_its_reason(draw: Draw) -> None:
    canvas = draw(
        {
            "group": {"type": "group", "label": "组", "x": 5000, "width": 1, "height": 1},
            "link": {"type": "link", "url": "https://example.org"},
            "image": {"type": "file", "file": "图.png"},
            "note": {"type": "file", "file": "../../秘密.md"},
            "other": {"type": "table"},
            "typeless": {"type": None},
            "empty": "",
            "heading": "# 离散数学",
        }
    )
    told = reasons(select_tasks(canvas, BASIC))
    assert told == {
        "group": "a group holds no text",
        "link": "a link holds no text",
        "image": "'图.png' is not a Markdown note",
        "note": "'../../秘密.md' climbs with '..'; it is not read",
        "other": "nodes of type 'table' are not read",
        "typeless": "the node has no type",
        "empty": "is empty",
        "heading": "is only a heading",
    }


def test_the_topic_is_the_group_then_the_heading_then_the_canvas(draw: Draw) -> None:
    group = {"type": "group", "label": "证明方法", "x": -10, "y": 190, "width": 400, "height": 100}
    nameless = {**group, "label": " ", "y": 1390}
    canvas = draw(
        {"a": "没有标题的材料", "in": "# 反证法\n假设", "b": "正文\n## **归纳**\n步骤", "g": group, "n": nameless},
        name="离散 数学.canvas",
    )
    topics = {task.node_id: task.input_data["topic"] for task in select_tasks(canvas, BASIC, ["a", "in", "b"]).tasks}
    assert topics == {"a": "离散 数学", "in": "证明方法", "b": "归纳"}


def test_notes_are_material_and_references(draw: Draw, vault: Path) -> None:
    (vault / "离散数学" / "图.md").write_text("# 图论\n## 树\n树没有回路。\n## 路\n欧拉路。", encoding="utf-8")
    nodes = {
        "f": {"type": "file", "file": "离散数学/图.md", "subpath": "#树"},
        "q": "什么是树？",
        "u": "没有圈的连通图。",
    }
    canvas = draw(nodes, ["f > q", "q > u"])
    (material,) = select_tasks(canvas, BASIC).tasks
    assert material.input_data["material_content"] == "## 树\n树没有回路。"
    assert material.input_data["topic"] == "树"
    (scored,) = select_tasks(canvas, SCORING).tasks
    assert scored.input_data["reference_material"] == "## 树\n树没有回路。"


def test_an_understanding_whose_material_cannot_be_read_is_skipped_and_says_so(draw: Draw) -> None:
    nodes = {"f": {"type": "file", "file": "离散数学/没有.md"}, "q": "什么是树？", "u": "没有圈的连通图。"}
    selection = select_tasks(draw(nodes, ["f > q", "q > u"]), SCORING)
    assert not selection.tasks
    assert reasons(selection)["u"].startswith("node 'f' above it: '离散数学/没有.md' is not in the vault")


def test_without_material_there_is_no_reference_and_the_question_stands_in_for_it(draw: Draw) -> None:
    canvas = draw({"q": "什么是命题？", "u": "能说对错的话"}, ["q > u"])
    (scored,) = select_tasks(canvas, SCORING).tasks
    assert scored.input_data["reference_material"] is None
    (deeper,) = select_tasks(canvas, DEEP).tasks
    assert deeper.input_data["material_content"] == "什么是命题？"


def test_deeper_questions_are_climbed_to_the_material(draw: Draw) -> None:
    texts = {"m": "材料在这里", "q": "为什么？", "d": "**[边界型]** 何时不成立？", "u": "空集的时候不成立"}
    (task,) = select_tasks(draw(texts, ["m > q", "q > d : 深度拆解", "d > u : 个人理解"]), SCORING).tasks
    assert task.input_data["reference_material"] == "材料在这里"
    assert task.input_data["question_text"] == "何时不成立？"


def test_the_first_question_counts_where_there_are_several(draw: Draw) -> None:
    canvas = draw(
        {"n": "随便一段话", "q": "甲是什么？", "r": "乙是什么？", "u": "都是命题"}, ["n > u", "q > u", "r > u"]
    )
    (task,) = select_tasks(canvas, SCORING, ["u"]).tasks
    assert task.input_data["question_text"] == "甲是什么？"


def test_an_agent_without_declared_fields_is_given_what_there_is(draw: Draw) -> None:
    (task,) = select_tasks(draw({"a": "一段材料"}), AgentInputs(fields={})).tasks
    assert task.input_data == {
        "material_content": "一段材料",
        "topic": "图",
        "concept": "一段材料",
        "node_text": "一段材料",
    }


def test_a_field_that_no_canvas_gives_is_named(draw: Draw) -> None:
    told = reasons(select_tasks(draw({"a": "一段材料"}), AgentInputs(fields={"author": True})))
    assert told == {"a": "the canvas gives no author"}


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("什么是树？", "什么是树？"),
        ("**[定义型]** 什么是树？\n\n💡 提示：看定义", "什么是树？"),
        ("[why] Why?\n💡 Hint: think", "Why?"),
        ("[请填写你的理解]", "[请填写你的理解]"),
        ("区间 [0, 1] 是闭的吗？", "区间 [0, 1] 是闭的吗？"),
    ],
)
def test_a_question_is_told_without_its_marks(text: str, asked: str) -> None:
    assert question_text(text) == asked


@given(st.data())
def test_every_node_is_either_taken_or_skipped_whatever_the_edges(data: st.DataObject) -> None:
    texts = st.sampled_from(["", "为什么？", "**[型]** 说明", "一段材料", "[请填写你的理解]", "# 标题"])
    count = data.draw(st.integers(1, 8))
    nodes = [Node(node_id=str(number), type="text", text=data.draw(texts)) for number in range(count)]
    ends = st.sampled_from([node.node_id for node in nodes])
    labels = st.sampled_from(["", "个人理解", "深度拆解", "口语化解释"])
    edges = data.draw(st.lists(st.builds(Edge, edge_id=st.just("e"), from_node=ends, to_node=ends, label=labels)))
    canvas = Canvas(Path("图.canvas"), nodes, edges)
    assert roles_of(canvas).keys() == {node.node_id for node in nodes}
    for requirements in (BASIC, DEEP, SCORING, ORAL):
        selection = select_tasks(canvas, requirements)
        seen = [*taken(selection), *map(str, reasons(selection))]
        assert sorted(seen) == sorted(node.node_id for node in nodes)
        for task in selection.tasks:
            assert all(task.input_data[field] for field, required in requirements.fields.items() if required)


def test_a_long_chain_needs_no_deep_stack() -> None:
    nodes = [Node(node_id=str(number), type="text", text=f"材料 {number}") for number in range(20_000)]
    edges = [Edge(edge_id="", from_node=str(number), to_node=str(number + 1)) for number in range(19_999)]
    roles = roles_of(Canvas(Path("图.canvas"), nodes, edges))
    assert set(roles.values()) == {Role.MATERIAL}


ANCHOR = AgentInputs(fields={"concept": True, "topic": False}, reads=("understanding", "material"))


def test_a_concept_is_the_question_of_an_understanding_and_the_heading_of_a_material(draw: Draw) -> None:
    selection = select_tasks(draw(LOOP, LOOP_EDGES), ANCHOR)
    assert {task.node_id: task.input_data["concept"] for task in selection.tasks} == {"m": "命题", "u": "什么是命题？"}


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("逆否命题", "逆否命题"),
        ("# **逆否命题**\n\n若非 q 则非 p。", "逆否命题"),
        ("若 p 则 q。\n\n若非 q 则非 p。", "图"),
        ("原命题与逆否命题的真值表相同，所以等价；" * 3, "图"),
    ],
)
def test_a_concept_is_a_heading_or_a_short_text_and_else_the_topic(draw: Draw, text: str, concept: str) -> None:
    (task,) = select_tasks(draw({"a": text}), ANCHOR).tasks
    assert task.input_data["concept"] == concept
