"""What the terms of a selection mean on a canvas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from parallel_agents.canvas.choice import Chosen, NodeChoice, chosen_nodes
from parallel_agents.canvas.document import load_canvas
from parallel_agents.canvas.earlier import Earlier, input_digest
from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.inputs import AgentInputs
from parallel_agents.canvas.selection import select_tasks
from parallel_agents.core.errors import InputError, NothingFitsError

Draw = Callable[..., Canvas]
SCORING = AgentInputs(
    fields={"question_text": True, "user_understanding": True, "reference_material": False}, reads=("understanding",)
)
TEXTS = {
    "m": "命题是能判断真假的陈述句。",
    "q": "什么是命题？",
    "u": "能说它真或者假的一句话。",
    "r": "什么是逆否命题？",
    "v": "[请填写你的理解]",
    "s": "什么是否命题？",
    "w": "",
    "t": "什么是逆命题？",
    "x": "把条件和结论换个位置。",
    "g": {"type": "group", "label": " 命题 逻辑 ", "x": -50, "y": 350, "width": 500, "height": 300},
    "h": {"type": "group", "label": "", "x": 900, "y": 0, "width": 5, "height": 5},
}
EDGES = [
    "m > q : 基础拆解问题",
    "m > r",
    "m > s",
    "m > t",
    "q > u : 个人理解",
    "r > v : 个人理解",
    "s > w : 个人理解",
    "t > x : 个人理解",
]


@pytest.fixture
def canvas(draw: Draw) -> Canvas:
    return draw(TEXTS, EDGES)


def chosen(canvas: Canvas, *select: str, earlier: Earlier | None = None, agent: AgentInputs = SCORING) -> Chosen:
    return chosen_nodes(canvas, NodeChoice(select=select), agent, earlier)


def ids(canvas: Canvas, *select: str, earlier: Earlier | None = None) -> list[str]:
    return list(chosen(canvas, *select, earlier=earlier).node_ids or [])


def test_filled_is_an_understanding_in_the_users_own_words(canvas: Canvas) -> None:
    assert ids(canvas, "filled") == ids(canvas, "已填写") == ["u", "x"]
    assert ids(canvas, "understanding and not filled") == ["v", "w"]


def test_unanswered_is_a_question_whose_understandings_are_empty_or_placeholders(canvas: Canvas) -> None:
    assert ids(canvas, "unanswered") == ["r", "s"]


def test_a_group_is_asked_for_by_its_label(canvas: Canvas) -> None:
    assert ids(canvas, 'group:"命题 逻辑"') == ["u", "r"]
    assert ids(canvas, 'filled and not 组："命题 逻辑"') == ["x"]


def test_a_subtree_is_a_node_with_all_that_its_edges_lead_to(canvas: Canvas, draw: Draw) -> None:
    assert ids(canvas, "subtree:r") == ["r", "v"]
    assert ids(canvas, "subtree:m and question") == ["q", "r", "s", "t"]
    circle = draw({"a": "一", "b": "二", "c": "三"}, ["a > b", "b > a", "c > a"])
    assert ids(circle, "subtree:b") == ["a", "b"]


def test_a_text_is_looked_for_in_any_case_and_a_pattern_between_slashes(canvas: Canvas, draw: Draw) -> None:
    assert ids(canvas, "text:逆否") == ["r"]
    assert ids(canvas, "text:/^什么是[否逆]命题/ and not text:逆否") == ["s", "t"]
    assert ids(draw({"a": "Vector Space", "b": "vector"}), 'text:"VECTOR S"') == ["a"]


def test_unscored_is_what_was_written_and_never_given_a_score(canvas: Canvas) -> None:
    assert ids(canvas, "unscored") == ["u", "x"]
    assert ids(canvas, "unscored", earlier=Earlier(scored_node_ids=frozenset({"u"}))) == ["x"]


def test_changed_is_what_suits_the_agent_and_is_new_or_has_another_input_than_last_time(canvas: Canvas) -> None:
    inputs = {task.node_id: input_digest(task.input_data) for task in select_tasks(canvas, SCORING).tasks}
    assert ids(canvas, "changed-since-last-run") == ["u", "x"]
    assert ids(canvas, "changed-since-last-run", earlier=Earlier(last_inputs={"u": inputs["u"]})) == ["x"]
    edited = Earlier(last_inputs={**inputs, "u": input_digest({"user_understanding": "以前的话"})})
    assert ids(canvas, "changed-since-last-run", earlier=edited) == ["u"]
    with pytest.raises(NothingFitsError, match=r"no node fits 'changed-since-last-run'$"):
        ids(canvas, "changed-since-last-run", earlier=Earlier(last_inputs=inputs))


def test_the_question_above_is_part_of_an_input_that_may_have_changed(draw: Draw) -> None:
    before = draw(TEXTS, EDGES)
    last = {task.node_id: input_digest(task.input_data) for task in select_tasks(before, SCORING).tasks}
    after = draw({**TEXTS, "q": "命题到底是什么？"}, EDGES)
    assert ids(after, "changed-since-last-run", earlier=Earlier(last_inputs=last)) == ["u"]


def test_what_an_expression_leaves_out_is_counted(canvas: Canvas) -> None:
    assert chosen(canvas, "filled", "unanswered").not_selected == len(TEXTS) - 4


def test_a_node_whose_note_cannot_be_read_is_skipped_with_the_reason_and_not_taken_for_a_miss(draw: Draw) -> None:
    note = {"type": "file", "file": "没有.md"}
    canvas = draw({"n": note, "a": "一些文字", "b": "别的"})
    found = chosen(canvas, "text:文字")
    assert found.node_ids == ["a"]
    assert [(skip.node_id, "is not in the vault" in skip.reason) for skip in found.skipped] == [("n", True)]
    assert found.not_selected == 1


REFUSED = {
    "filled and grop:x": (12, "there is no 'grop:', only group:, subtree:, text:. Did you mean 'group:'?"),
    "group:命题逻辑": (1, "no group '命题逻辑'; its groups are '命题 逻辑'. Did you mean '命题 逻辑'?"),
    "filled, subtree:zz": (9, "the canvas has no node 'zz'. It has 11 nodes, the first being 'm'"),
    "unscord": (1, "nor one of filled, unanswered, unscored, changed-since-last-run, group:…, subtree:…, text:…"),
    "not filed": (5, "Did you mean 'filled'?"),
    "text:/(/": (1, "/(/ is no regular expression: missing )"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_term_that_means_nothing_is_named_with_its_column_and_what_there_is(text: str, canvas: Canvas) -> None:
    column, words = REFUSED[text]
    with pytest.raises(InputError) as caught:
        ids(canvas, text)
    assert f"--select {text!r}, column {column}: " in str(caught.value)
    assert words in str(caught.value)


def test_a_canvas_without_labels_says_so(draw: Draw) -> None:
    with pytest.raises(InputError, match="has no group 'x', and none with a label"):
        ids(draw({"a": "一"}), "group:x")


@pytest.mark.parametrize(
    ("text", "needs"),
    [("filled", False), ("filled and (red or not unscored)", True), ("未评分", True), ("text:unscored", False)],
)
def test_only_what_asks_for_earlier_results_needs_the_journal(text: str, needs: bool) -> None:
    assert NodeChoice(select=[text]).needs_journal is needs


def test_all_of_it_works_on_the_example_that_ships() -> None:
    path = Path(__file__).parents[2] / "examples" / "笔记库" / "离散数学" / "离散数学.canvas"
    found = chosen_nodes(
        load_canvas(path),
        NodeChoice(select=["group:命题逻辑 and filled and not text:逆否"], palette="project-v1"),
        SCORING,
    )
    assert found.node_ids
    assert found.not_selected == 33 - len(found.node_ids)
