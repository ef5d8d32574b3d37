"""Nodes chosen by colour or part, and what a question that is decomposed brings along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from parallel_agents.canvas.choice import Chosen, NodeChoice, chosen_nodes
from parallel_agents.canvas.document import load_canvas
from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.inputs import AgentInputs
from parallel_agents.canvas.selection import select_tasks
from parallel_agents.core.errors import InputError, NothingFitsError

Draw = Callable[..., Canvas]
EXAMPLES = Path(__file__).parents[2] / "examples"
CHINESE = EXAMPLES / "笔记库" / "离散数学" / "离散数学.canvas"
PROJECT = "project-v1"
BASIC = AgentInputs(fields={"material_content": True, "topic": True, "user_understanding": False}, reads=("material",))


@pytest.fixture(scope="module")
def canvas() -> Canvas:
    return load_canvas(CHINESE)


def ids(canvas: Canvas, *select: str, palette: str | None = PROJECT, nodes: list[str] | None = None) -> list[str]:
    chosen = chosen_nodes(canvas, NodeChoice(select=select, palette=palette, node_ids=nodes), BASIC)
    return list(chosen.node_ids or [])


def coloured(canvas: Canvas, *codes: str) -> list[str]:
    return [node.node_id for node in canvas.nodes if node.color in codes]


def test_a_colour_means_what_the_palette_says(canvas: Canvas) -> None:
    assert ids(canvas, "red") == coloured(canvas, "1", "4")
    assert ids(canvas, "red", palette="project-v2") == coloured(canvas, "4")
    assert ids(canvas, "red", palette=None) == coloured(canvas, "1")
    assert ids(canvas, "yellow") == coloured(canvas, "6") == ids(canvas, "purple", palette="jsoncanvas")


@pytest.mark.parametrize("name", ["黄色", "黄", "yellow", "Yellow", "6"])
def test_a_colour_has_names_in_both_languages_and_its_code(canvas: Canvas, name: str) -> None:
    assert ids(canvas, name) == coloured(canvas, "6")


def test_a_hex_value_is_a_colour_whatever_its_case(canvas: Canvas) -> None:
    assert ids(canvas, "#C6A0F6") == coloured(canvas, "#c6a0f6")


def test_terms_add_up_and_named_nodes_narrow_them(canvas: Canvas) -> None:
    assert set(ids(canvas, "red", "yellow")) == {*coloured(canvas, "1", "4", "6")}
    first, second, *_ = coloured(canvas, "6")
    assert ids(canvas, "yellow", nodes=[second, first, coloured(canvas, "1")[0]]) == [second, first]


def test_a_part_is_what_the_edges_say(canvas: Canvas) -> None:
    assert set(ids(canvas, "understanding")) == set(ids(canvas, "理解")) == set(coloured(canvas, "6"))
    assert "48b160137b631145" in ids(canvas, "question")
    assert not set(ids(canvas, "material")) & set(ids(canvas, "question"))


def test_nothing_in_particular_is_nothing_in_particular(canvas: Canvas) -> None:
    assert chosen_nodes(canvas, NodeChoice(), BASIC) == Chosen(node_ids=None)
    assert NodeChoice().is_open


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("yelow", "Did you mean 'yellow'"),
        ("questions", "Did you mean 'question'"),
        ("7", "neither a colour"),
        ("#12", "part"),
    ],
)
def test_an_unknown_term_is_named_with_what_there_is(canvas: Canvas, term: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ids(canvas, term)


def test_a_colour_that_no_node_has_tells_the_colours_that_there_are(draw: Draw) -> None:
    canvas = draw({"a": {"type": "text", "text": "一", "color": "1"}, "b": "二"})
    with pytest.raises(NothingFitsError, match=r"no node is orange \(colour 2\).*Its colours are 1 \(1\); --palette"):
        ids(canvas, "orange", palette="jsoncanvas")
    with pytest.raises(NothingFitsError, match="None of its nodes has a colour"):
        ids(draw({"b": "二"}), "red")


def test_a_question_is_decomposed_with_the_material_above_it_and_the_understanding_below(canvas: Canvas) -> None:
    (task,) = select_tasks(canvas, BASIC, ["6d78f080df50ce42"]).tasks
    given = task.input_data
    assert given["material_content"].startswith("## 条件命题与逆否命题")
    assert given["material_content"].endswith("什么是逆否命题？")
    assert given["topic"] == "命题逻辑"
    assert given["user_understanding"].startswith("逆否命题就是把命题反过来说")


def test_a_placeholder_below_a_question_is_no_understanding(canvas: Canvas) -> None:
    (task,) = select_tasks(canvas, BASIC, ["412ef0447154ba9b"]).tasks
    assert task.input_data["user_understanding"] is None
    assert "[对比型]" not in task.input_data["material_content"]


def test_a_question_without_material_is_decomposed_by_itself(draw: Draw) -> None:
    asked = "什么是有限域，怎样构造？"
    canvas = draw({"q": asked, "u": "元素个数有限的域，个数是素数的幂。"}, ["q > u : 个人理解"])
    (task,) = select_tasks(canvas, BASIC, ["q"]).tasks
    assert task.input_data["material_content"] == asked
    assert task.input_data["user_understanding"].startswith("元素个数有限")
