"""Where new nodes go, and how large they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.canvas.results import ORAL, QUESTIONS, accepted, asked, proposed

from parallel_agents.canvas.boxes import Box, BoxIndex, box_of
from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.landing import Accepted
from parallel_agents.canvas.lines import height_of

NOTE = {"markdown": "图。"}


def at(node_id: str, *place: float, kind: str = "text") -> Node:
    x, y, width, height = place
    return Node(node_id=node_id, type=kind, x=x, y=y, width=width, height=height)


def corners(nodes: list[Node], *results: Accepted) -> list[tuple[int, int] | str | None]:
    """The first node's corner of each result, or why it cannot land."""
    proposals = proposed(Canvas(Path("图.canvas"), nodes, []), results)
    return [(one.nodes[0]["x"], one.nodes[0]["y"]) if one.nodes else one.refused for one in proposals]


def explained(node_id: str = "m", position: int = 0) -> Accepted:
    return accepted(node_id, ORAL, NOTE, position=position)


def questioned(node_id: str = "m", number: int = 1, position: int = 0) -> Accepted:
    return accepted(node_id, QUESTIONS, asked(number), position=position)


MATERIAL = at("m", 0, 0, 300, 200)


def test_the_best_place_is_to_the_right_in_line_with_the_source() -> None:
    assert corners([MATERIAL], questioned(), explained(position=1)) == [(1140, 0), (360, 0)]


def test_further_explanations_of_a_node_stand_beside_the_first_and_then_below() -> None:
    assert corners([MATERIAL], *(explained(position=place) for place in range(3))) == [(360, 0), (1170, 0), (360, 340)]


def test_questions_of_several_nodes_stand_in_columns_that_are_in_line() -> None:
    nodes = [at(f"m{row}", 0, 340 * row, 300, 200) for row in range(8)]
    found = corners(nodes, *(questioned(f"m{row}", 4, row) for row in range(8)))
    assert found[0] == (1140, 0)
    columns = {corner[0] for corner in found if isinstance(corner, tuple)}
    assert {(x - 1140) % 1180 for x in columns} == {0}
    assert len(columns) > 1


def test_what_is_in_the_way_is_passed_on_the_side_that_is_nearer() -> None:
    wide = at("w", 1100, -100, 4000, 300)
    assert corners([MATERIAL, wide], questioned()) == [(1140, 320)]  # below, 120 off
    high = at("h", 1100, -4000, 200, 9000)
    assert corners([MATERIAL, high], questioned()) == [(1300 + 840, 0)]  # to its right, with room between
    corner = [at("r", 400, -9000, 90_000, 90_000)]
    (found,) = corners([MATERIAL, *corner], questioned())
    assert found == (0, 320)  # nothing is free to the right, nor below there


def test_a_source_in_a_group_with_room_gets_its_nodes_there() -> None:
    group = at("g", -50, -50, 2000, 1000, kind="group")
    assert corners([group, MATERIAL], questioned(), explained(position=1)) == [(1140, 0), (360, 0)]
    narrow = at("g", -50, -50, 1000, 1000, kind="group")
    # as far to the right as the group goes, with 20 to its border
    assert corners([narrow, MATERIAL], questioned()) == [(950 - 20 - 340, 0)]


def test_a_group_without_room_is_left_and_no_other_one_is_entered() -> None:
    group, other = at("g", -50, -50, 500, 400, kind="group"), at("o", 1200, -50, 3000, 3000, kind="group")
    (found,) = corners([group, MATERIAL], questioned())
    assert found == (450 + 840, 0)
    (found,) = corners([group, other, MATERIAL], questioned())
    assert isinstance(found, tuple)
    assert not (1200 - 340 < found[0] < 4200 and -50 - 328 < found[1] < 2950)


def test_beside_the_inner_group_comes_before_outside_of_the_outer_one() -> None:
    outer, inner = at("a", -500, -500, 3000, 3000, kind="group"), at("b", -50, -50, 400, 300, kind="group")
    assert corners([outer, inner, MATERIAL], questioned()) == [(350 + 840, 0)]


def test_a_group_on_the_canvas_is_never_half_full() -> None:
    group = at("g", 1300, 50, 500, 500, kind="group")  # begins within where the questions would be
    (found,) = corners([MATERIAL, group], questioned())
    assert found == (1140, 550 + 120)


def test_places_far_out_are_found_as_well_and_beyond_that_said_to_be_none() -> None:
    far = at("m", 1e300, -1e300, 300, 200)
    (found,) = corners([far], explained())
    assert isinstance(found, tuple)
    assert max(map(abs, found)) <= 1_000_000_000
    everywhere = at("e", -1e300, -1e300, 1e305, 1e305)
    assert corners([MATERIAL, everywhere], explained()) == ["there is no free place left on this canvas"]


def test_a_crowded_canvas_gets_its_nodes_outside_of_the_crowd() -> None:
    crowd = [at(f"n{one}", one % 100 * 310, one // 100 * 110, 300, 100) for one in range(10_000)]
    middle = "n5050"
    found = corners(crowd, *(questioned(middle, 3, place) for place in range(10)))
    spots = [corner for corner in found if isinstance(corner, tuple)]
    assert len(set(spots)) == 10
    assert all(x >= 31_000 or x <= -340 or y >= 11_000 or y <= -900 for x, y in spots)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", 1),
        ("a", 1),
        ("a\n\nb", 3),
        ("长" * 18, 1),
        ("长" * 19, 2),
        ("word " * 7 + "w", 1),
        ("x" * 37, 2),
        ("x" * 109, 4),
        ("aaaa " * 7 + "bbbb", 2),
        ("e\u0301" * 36, 1),
        ("“" * 19, 2),  # may be drawn wide
    ],
)
def test_a_text_takes_the_lines_that_it_fills(text: str, lines: int) -> None:
    assert height_of(text, 340) == 32 + 24 * lines


@given(st.text(max_size=300), st.integers(100, 800))
def test_more_text_never_takes_less_room(text: str, width: int) -> None:
    assert height_of(text + "长", width) >= height_of(text, width) >= 56


SIDES = st.integers(-2000, 2000) | st.floats(-1e9, 1e9) | st.just(0)
LENGTHS = st.integers(0, 700) | st.floats(0, 1e9)


@given(st.lists(st.tuples(SIDES, SIDES, LENGTHS, LENGTHS), max_size=30), st.tuples(SIDES, SIDES, LENGTHS, LENGTHS))
def test_the_index_finds_what_a_look_at_every_box_finds(
    boxes: list[tuple[float, float, float, float]], asked_for: tuple[float, float, float, float]
) -> None:
    index: BoxIndex[int] = BoxIndex()
    filed = [box_of(at("n", *box)) for box in boxes]
    for number, box in enumerate(filed):
        index.add(box, number)
    box = Box(*map(float, asked_for))
    across = {number for number, one in enumerate(filed) if one.x < box.right and box.x < one.right}
    down = {number for number, one in enumerate(filed) if one.y < box.bottom and box.y < one.bottom}
    assert {number for _, number in index.meeting(box)} == across & down
    if filed:
        assert index.extent is not None
        assert index.extent.grown(1e-3, 1e-3).encloses(filed[0])
