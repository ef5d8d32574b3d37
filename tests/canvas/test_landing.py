"""What results add to a canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.canvas.results import DEEP, ORAL, PLACE, QUESTIONS, SCORE, accepted, asked, proposed, with_added

from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.inputs import Reader
from parallel_agents.canvas.landing import Proposal
from parallel_agents.canvas.palette import PALETTES, Palette
from parallel_agents.canvas.roles import Role, question_text

Draw = Callable[..., Canvas]


def by_id(items: tuple[Any, ...]) -> dict[str, dict[str, Any]]:
    return {item["id"]: dict(item) for item in items}


def edges_of(proposal: Proposal, canvas: Canvas) -> list[tuple[str, str, str]]:
    """From, to and label, nodes told by the first words of their texts or by their types."""
    named = {node.node_id: node.node_id for node in canvas.nodes}
    named |= {str(item["id"]): str(item.get("text", item["type"]))[:8] for item in proposal.nodes}
    return [(named[edge["fromNode"]], named[edge["toNode"]], edge.get("label", "")) for edge in proposal.edges]


def test_questions_land_with_empty_understandings_in_a_column_right_of_their_source(draw: Draw) -> None:
    canvas = draw({"m": "图是由点和边组成的。"})
    (proposal,) = proposed(canvas, [accepted("m", QUESTIONS, asked(2))])
    assert proposal.refused is None
    assert [{key: item[key] for key in item if key != "id"} for item in proposal.nodes] == [
        {
            "type": "text", "text": "**[定义型]** 1. 什么是连通图？\n\n💡 提示：看看边",
            "x": 1140, "y": 0, "width": 340, "height": 174, "color": "1",
        },
        {"type": "text", "text": "", "x": 1140, "y": 254, "width": 300, "height": 74, "color": "3"},
        {
            "type": "text", "text": "**[定义型]** 2. 什么是连通图？\n\n💡 提示：看看边",
            "x": 1140, "y": 448, "width": 340, "height": 174, "color": "1",
        },
        {"type": "text", "text": "", "x": 1140, "y": 702, "width": 300, "height": 74, "color": "3"},
    ]  # fmt: skip
    assert edges_of(proposal, canvas) == [
        ("m", "**[定义型]*", "基础拆解问题"),
        ("**[定义型]*", "", "个人理解"),
        ("m", "**[定义型]*", ""),
        ("**[定义型]*", "", "个人理解"),
    ]
    sides = [(edge["fromSide"], edge["toSide"]) for edge in proposal.edges]
    assert sides == [("right", "left"), ("bottom", "top")] * 2
    assert (proposal.files, proposal.recolour) == ((), {})


def test_what_landed_is_read_as_questions_and_as_understandings_that_are_still_empty(draw: Draw) -> None:
    canvas = draw({"m": "图是由点和边组成的。"})
    after = with_added(canvas, proposed(canvas, [accepted("m", QUESTIONS, asked(2))]))
    reader = Reader(after)
    roles = [reader.roles[node.node_id] for node in after.nodes]
    assert roles == [Role.MATERIAL, *[Role.QUESTION, Role.UNDERSTANDING] * 2]
    assert question_text(after.nodes[1].text) == "1. 什么是连通图？"
    assert reader.understanding_below(after.nodes[1]) is None
    assert after.warnings == ()


def test_a_question_without_a_hint_has_none(draw: Draw) -> None:
    (proposal,) = proposed(draw({"m": "图"}), [accepted("m", QUESTIONS, asked(1, guidance=" "))])
    assert proposal.nodes[0]["text"] == "**[定义型]** 1. 什么是连通图？"


def test_deep_questions_hang_on_the_understanding_in_a_colour_that_the_palette_sets(draw: Draw) -> None:
    canvas = draw({"q": "什么是图？", "u": "图就是画。"}, ["q > u : 个人理解"])
    results = [accepted("u", DEEP, asked(1))]
    (proposal,) = proposed(canvas, results)
    assert edges_of(proposal, canvas)[0] == ("u", "**[定义型]*", "深度拆解")
    assert [item["color"] for item in proposal.nodes] == ["6", "3"]
    red = msgspec.structs.replace(PALETTES["project-v1"], deep_questions="red")
    assert [item["color"] for item in proposed(canvas, results, palette=red)[0].nodes] == ["1", "6"]
    plain = Palette("plain", {})
    assert all("color" not in item for item in proposed(canvas, results, palette=plain)[0].nodes)


def test_a_question_grows_with_its_text_and_what_is_below_moves_down(draw: Draw) -> None:
    (proposal,) = proposed(draw({"m": "图"}), [accepted("m", QUESTIONS, asked(2, text="为什么？" * 60))])
    first, below, second, _ = proposal.nodes
    assert first["height"] > 174
    assert below["y"] == first["y"] + first["height"] + 80
    assert second["y"] == below["y"] + 74 + 120


def test_an_explanation_lands_as_a_note_with_a_node_that_announces_it_and_one_that_shows_it(draw: Draw) -> None:
    canvas = draw({"q": "什么是图？", "u": "图就是画。"}, ["q > u : 个人理解"])
    (proposal,) = proposed(
        canvas, [accepted("u", ORAL, {"markdown": "## 核心讲解\n\n图。"}, user_understanding="图就是画。")]
    )
    path = "离散数学/图论-口语化解释-20251028161726.md"
    assert [{key: item[key] for key in item if key != "id"} for item in proposal.nodes] == [
        {
            "type": "text", "text": "💬 口语化解释（点击查看详细内容）",
            "x": 360, "y": 200, "width": 300, "height": 80, "color": "5",
        },
        {"type": "file", "file": path, "x": 710, "y": 200, "width": 400, "height": 300},
    ]  # fmt: skip
    assert edges_of(proposal, canvas) == [
        ("u", "💬 口语化解释（", "口语化解释"),
        ("💬 口语化解释（", "file", "详细内容"),
    ]
    assert [edge.get("color") for edge in proposal.edges] == ["5", None]
    assert [file.path for file in proposal.files] == [path]
    assert proposal.files[0].text == (
        "# 图论 - 口语化解释\n\n## 生成信息\n\n- 生成时间: 2025-10-28 16:17:26\n- 生成Agent: explanation-agent\n"
        "- 来源Canvas: 离散数学/图.canvas\n- 来源节点: u\n- 概念: 图论\n\n---\n\n## 核心讲解\n\n图。\n"
    )


@pytest.mark.parametrize(
    ("node_id", "said", "source"),
    [
        ("u", "图就是画。", "u"),  # the task was about the understanding
        ("q", "图就是画。", "u"),  # about the question, with the understanding below it
        ("q", "以前写的话", "u"),  # which was edited since
        ("q", None, "q"),  # nothing was written yet when the task was made
        ("m", None, "m"),
        ("m", "图就是画。", "m"),  # said elsewhere
    ],
)
def test_an_explanation_hangs_on_the_understanding_that_it_was_given(
    draw: Draw, node_id: str, said: str | None, source: str
) -> None:
    nodes = {"m": "图是由点和边组成的。", "q": "什么是图？", "e": "", "u": "图就是画。"}
    canvas = draw(nodes, ["m > q : 基础拆解问题", "q > e : 个人理解", "q > u : 个人理解"])
    (proposal,) = proposed(canvas, [accepted(node_id, ORAL, {"markdown": "图。"}, user_understanding=said)])
    assert proposal.edges[0]["fromNode"] == source


SCORED = {"total_score": 85, "color_action": "change_to_green"}


@pytest.mark.parametrize(
    ("action", "colour"), [("change_to_green", "4"), ("change_to_purple", "6"), ("keep_red", "1"), (None, None)]
)
def test_a_score_colours_the_question_only_when_asked(draw: Draw, action: str | None, colour: str | None) -> None:
    canvas = draw({"m": "图", "q": "什么是图？", "u": "图就是画。"}, ["m > q : 拆解", "q > u : 个人理解"])
    results = [accepted("u", SCORE, {"color_action": action} if action else {"unscored": True})]
    (asked_for,) = proposed(canvas, results, recolour=True)
    assert asked_for.recolour == ({"q": colour} if colour else {})
    assert (asked_for.nodes, asked_for.edges, asked_for.refused) == ((), (), None)
    assert proposed(canvas, results)[0].recolour == {}


def test_a_question_that_has_the_colour_already_in_any_of_its_codes_is_left_alone(draw: Draw) -> None:
    question = {"type": "text", "text": "什么是图？", "color": "4"}
    canvas = draw({"q": question, "u": "图就是画。"}, ["q > u : 个人理解"])
    results = [accepted("u", SCORE, {"color_action": "keep_red"})]
    assert proposed(canvas, results, recolour=True, palette=PALETTES["project-v1"])[0].recolour == {}
    assert proposed(canvas, results, recolour=True)[0].recolour == {"q": "1"}


def test_what_cannot_land_says_why_and_the_others_land(draw: Draw) -> None:
    canvas = draw({"m": "图", "u": "图就是画。"})
    results = [
        accepted("gone", QUESTIONS, asked(1)),
        accepted("gone", ORAL, {"markdown": "图。"}, position=1),
        accepted("gone", SCORE, SCORED, position=2),
        accepted("u", SCORE, SCORED, position=3),
        accepted("m", QUESTIONS, {"sub_questions": "none"}, position=4),
        accepted("m", ORAL, {"markdown": " "}, position=5),
        accepted("m", ORAL, {"markdown": "图。"}, position=6),
    ]
    proposals = proposed(canvas, results, recolour=True)
    assert [proposal.refused for proposal in proposals] == [
        *["there is no such node on this canvas"] * 3,
        "no question leads to it, so there is none to colour",
        "its result holds no questions that could be put on a canvas",
        "its result holds no text that could be put into a note",
        None,
    ]
    assert all(not (one.nodes or one.edges or one.files or one.recolour) for one in proposals[:-1])
    assert proposals[-1].files[0].path.endswith("20251028161726.md")  # no name was taken by what did not land


def test_a_palette_without_the_colour_of_a_score_is_told(draw: Draw) -> None:
    canvas = draw({"q": "什么是图？", "u": "图就是画。"}, ["q > u : 个人理解"])
    palette = Palette("own", {"red": ("1",)})
    (proposal,) = proposed(canvas, [accepted("u", SCORE, SCORED)], recolour=True, palette=palette)
    assert (proposal.refused, proposal.recolour) == ("the palette own has no code for green", {})


def test_landing_again_adds_nothing(draw: Draw) -> None:
    canvas = draw({"m": "图", "u": "图就是画。"})
    results = [accepted("m", QUESTIONS, asked(3)), accepted("u", ORAL, {"markdown": "图。"}, position=1)]
    after = with_added(canvas, proposed(canvas, results))
    assert [(one.nodes, one.edges, one.files, one.refused) for one in proposed(after, results)] == [
        ((), (), (), None)
    ] * 2


def test_what_is_missing_is_added_again_where_it_was(draw: Draw) -> None:
    canvas = draw({"m": "图", "u": "图就是画。"})
    results = [accepted("m", QUESTIONS, asked(3)), accepted("u", ORAL, {"markdown": "图。"}, position=1)]
    before = proposed(canvas, results)
    whole = with_added(canvas, before)
    for gone in (item["id"] for proposal in before for item in proposal.nodes):
        nodes = [node for node in whole.nodes if node.node_id != gone]
        again = proposed(Canvas(whole.path, nodes, whole.edges), results)
        added = {one: item for proposal in again for one, item in by_id(proposal.nodes).items()}
        assert added == {gone: by_id(before[0].nodes + before[1].nodes)[gone]}
        wanted = [edge for one in before for edge in one.edges if gone in (edge["fromNode"], edge["toNode"])]
        assert [edge for one in again for edge in one.edges] == wanted


def test_what_was_moved_keeps_its_place_and_what_is_missing_goes_beside_it(draw: Draw) -> None:
    canvas = draw({"m": "图"})
    results = [accepted("m", QUESTIONS, asked(2))]
    whole = with_added(canvas, proposed(canvas, results))
    moved = [msgspec.structs.replace(node, x=node.x - 3000) if node.x else node for node in whole.nodes]
    again = proposed(Canvas(whole.path, moved[:2] + moved[3:], whole.edges), results)
    assert [(item["x"], item["y"]) for item in again[0].nodes] == [(1140 - 3000, 254)]


def test_ids_that_are_taken_in_ways_the_graph_does_not_show_are_not_proposed(draw: Draw) -> None:
    canvas = draw({"m": "图"})
    results = [accepted("m", QUESTIONS, asked(1))]
    (before,) = proposed(canvas, results)
    edge, node = before.edges[0]["id"], before.nodes[1]["id"]
    (proposal,) = proposed(canvas, results, landed=[edge, node])
    assert [item["id"] for item in proposal.nodes] == [before.nodes[0]["id"]]
    assert proposal.edges == ()  # the other one leads to the node that is not proposed


def test_two_notes_of_one_name_are_told_apart_and_names_that_are_taken_are_left(draw: Draw) -> None:
    taken = {"type": "file", "file": "离散数学/图论-口语化解释-20251028161726.MD"}
    canvas = draw({"m": "图", "n": "边", "f": taken})
    results = [accepted(one, ORAL, {"markdown": one}, position=place) for place, one in enumerate("mn")]
    place = msgspec.structs.replace(PLACE, taken=["离散数学/图论-口语化解释-20251028161726-3.md"])
    proposals = proposed(canvas, results, place=place)
    assert [file.path.rpartition("-")[2] for one in proposals for file in one.files] == ["2.md", "4.md"]
    assert [file.text[-2:-1] for one in proposals for file in one.files] == ["m", "n"]


def test_results_without_a_language_model_say_so_in_their_note(draw: Draw) -> None:
    output = {"markdown": "图。", "generator": {"notice": "由原文摘录生成"}}
    (proposal,) = proposed(draw({"m": "图"}), [accepted("m", ORAL, output)])
    assert "- 说明: 由原文摘录生成\n" in proposal.files[0].text
