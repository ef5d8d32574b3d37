"""Landings on random canvases: crowded, nested, far out, with sizes of nothing and less."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.canvas.results import DEEP, ORAL, PLACE, QUESTIONS, SCORE, accepted, asked, proposed

from parallel_agents.canvas.boxes import Box, box_of
from parallel_agents.canvas.graph import Canvas, Edge, Node
from parallel_agents.canvas.landing import Accepted, Proposal

Draw = Callable[[st.SearchStrategy[Any]], Any]
NEAR = st.integers(-15, 15).map(lambda number: number * 100)
PLACES = NEAR | NEAR | st.floats(-3000, 3000) | st.sampled_from([0.5, -0.25, 1e6, -1e9, 4e9, 1e300, -1e300])
SIZES = st.sampled_from([100, 250, 300, 340, 0, 60.5, -200]) | st.integers(1, 900)
GROUP_SIZES = st.integers(5, 50).map(lambda number: number * 100) | st.floats(0, 5000) | st.sampled_from([1e7, 1e300])
LOOKED_THROUGH = 3_800
"""Pixels: of a larger group, only what is near the source is looked through."""

TEXTS = st.text(max_size=12)


@st.composite
def canvases(draw: Draw) -> Canvas:
    """A canvas with up to 25 nodes and 5 groups, many of them one over the other."""
    number, groups = draw(st.integers(1, 25)), draw(st.integers(0, 5))
    nodes = [_node(draw, f"n{one}", "text", PLACES, SIZES) for one in range(number)]
    nodes += [_node(draw, f"g{one}", "group", NEAR, GROUP_SIZES) for one in range(groups)]
    if groups > 1 and draw(st.booleans()):
        outer = nodes[-1]
        inner = Node(node_id="inner", type="group", x=outer.x + 50, y=outer.y + 50, width=900, height=700)
        nodes += [inner, Node(node_id="in it", type="text", x=inner.x + 60, y=inner.y + 60, width=200, height=80)]
    ends = st.sampled_from([node.node_id for node in nodes])
    pairs: list[tuple[str, str]] = draw(st.lists(st.tuples(ends, ends), max_size=8))
    edges = [Edge(edge_id=f"e{place}", from_node=a, to_node=b) for place, (a, b) in enumerate(pairs)]
    return Canvas(Path("图.canvas"), draw(st.permutations(nodes)), edges)


def _node(
    draw: Draw, node_id: str, node_type: str, places: st.SearchStrategy[float], sizes: st.SearchStrategy[float]
) -> Node:
    (x, y), (width, height) = ((draw(one), draw(one)) for one in (places, sizes))
    text = draw(TEXTS) if node_type == "text" else ""
    return Node(node_id=node_id, type=node_type, x=x, y=y, width=width, height=height, text=text)


@st.composite
def runs(draw: Draw, canvas: Canvas) -> list[Accepted]:
    """Accepted results of up to 8 tasks about nodes of a canvas, of every kind."""
    ids = st.sampled_from([node.node_id for node in canvas.nodes])
    return [_result(draw, draw(ids), position) for position in range(draw(st.integers(1, 8)))]


def _result(draw: Draw, node_id: str, position: int) -> Accepted:
    form = draw(st.sampled_from([QUESTIONS, DEEP, ORAL, SCORE]))
    topic = draw(TEXTS | st.sampled_from(["../../x", "C:\\x", "CON", "图论", ".."]))
    if form is ORAL:
        return accepted(node_id, form, {"markdown": "图。"}, position=position, topic=topic)
    if form is SCORE:
        return accepted(node_id, form, {"color_action": "keep_red"}, position=position)
    number, length = draw(st.integers(1, 4)), draw(st.integers(1, 60))
    return accepted(node_id, form, asked(number, text="为什么？" * length), position=position)


def added(proposals: Iterable[Proposal]) -> list[Node]:
    items = [item for proposal in proposals for item in proposal.nodes]
    return [_read(item) for item in items]


def _read(item: Any) -> Node:
    return Node(
        node_id=item["id"],
        type=item["type"],
        x=float(item["x"]),
        y=float(item["y"]),
        width=float(item["width"]),
        height=float(item["height"]),
        text=item.get("text", ""),
        file=item.get("file", ""),
        color=item.get("color"),
    )


def after(canvas: Canvas, proposals: Sequence[Proposal]) -> Canvas:
    edges = [
        Edge(edge_id=item["id"], from_node=item["fromNode"], to_node=item["toNode"], label=item.get("label", ""))
        for proposal in proposals
        for item in proposal.edges
    ]
    return Canvas(canvas.path, [*canvas.nodes, *added(proposals)], [*canvas.edges, *edges])


def overlap(one: Node, other: Node) -> bool:
    """Exact, and on its own: what lies on the inside of another, a point too, overlaps it."""
    (left, right), (other_left, other_right) = (sorted((node.x, node.x + node.width)) for node in (one, other))
    (top, bottom), (other_top, other_bottom) = (sorted((node.y, node.y + node.height)) for node in (one, other))
    return left < other_right and other_left < right and top < other_bottom and other_top < bottom


def inside(group: Node, node: Node) -> bool:
    return box_of(group).encloses(box_of(node))


@given(st.data(), canvases())
def test_nothing_overlaps_and_no_border_of_a_group_is_crossed(data: st.DataObject, canvas: Canvas) -> None:
    proposals = proposed(canvas, data.draw(runs(canvas)))
    there = [node for node in canvas.nodes if node.type != "group"]
    for proposal in proposals:
        new = added([proposal])
        source = canvas.node(proposal.node_id)
        centre = Node(node_id="", type="", x=_middle(source, "x", "width"), y=_middle(source, "y", "height"))
        for node in new:
            assert [other.node_id for other in there if overlap(node, other)] == []
            there.append(node)
        for group in (node for node in canvas.nodes if node.type == "group"):
            held = {inside(group, node) for node in new}
            assert len(held) <= 1
            if held == {True}:
                assert inside(group, centre)
            assert held == {True} or not any(overlap(group, node) for node in new)


def _middle(node: Node, axis: str, size: str) -> float:
    box = box_of(node)
    return getattr(box, axis) + getattr(box, size) / 2


@given(st.data(), canvases())
def test_the_same_input_gives_the_same_and_one_after_the_other_the_same_as_at_once(
    data: st.DataObject, canvas: Canvas
) -> None:
    results = data.draw(runs(canvas))
    at_once = proposed(canvas, results, recolour=True)
    assert proposed(canvas, results, recolour=True) == at_once
    first = data.draw(st.integers(0, len(results)))
    prefix = proposed(canvas, results[:first])
    rest = proposed(after(canvas, prefix), results)
    assert [_items(one, other) for one, other in zip(prefix, rest[:first], strict=True)] == [
        _items(one) for one in at_once[:first]
    ]
    assert [_items(one) for one in rest[first:]] == [_items(one) for one in at_once[first:]]
    assert all(not (one.nodes or one.edges or one.files) for one in rest[:first])


def _items(*proposals: Proposal) -> list[Any]:
    return [[*one.nodes, *one.edges, *one.files] for one in proposals if one.nodes or one.edges or one.files]


@given(st.data(), canvases())
def test_ids_are_unique_edges_have_both_ends_and_items_are_json_canvas(data: st.DataObject, canvas: Canvas) -> None:
    proposals = proposed(canvas, data.draw(runs(canvas)))
    nodes = [item for proposal in proposals for item in proposal.nodes]
    edges = [item for proposal in proposals for item in proposal.edges]
    ids = [item["id"] for item in (*nodes, *edges)]
    assert len({*ids, *(node.node_id for node in canvas.nodes), *(edge.edge_id for edge in canvas.edges)}) == (
        len(ids) + len(canvas.nodes) + len(canvas.edges)
    )
    known = {*(node.node_id for node in canvas.nodes), *(item["id"] for item in nodes)}
    assert [edge["id"] for edge in edges if not {edge["fromNode"], edge["toNode"]} <= known] == []
    assert all(type(item[key]) is int for item in nodes for key in ("x", "y", "width", "height"))
    assert json.loads(json.dumps([*nodes, *edges])) == [dict(item) for item in (*nodes, *edges)]


@given(st.data(), canvases())
def test_notes_lie_beside_the_canvas_each_under_a_name_of_its_own(data: st.DataObject, canvas: Canvas) -> None:
    proposals = proposed(canvas, data.draw(runs(canvas)))
    paths = [file.path for proposal in proposals for file in proposal.files]
    assert all(PurePosixPath(path).parent == PurePosixPath(PLACE.canvas).parent for path in paths)
    assert len({path.casefold() for path in paths}) == len(paths)
    shown = [item["file"] for proposal in proposals for item in proposal.nodes if item["type"] == "file"]
    assert shown == paths


@given(st.data(), canvases())
def test_what_the_user_took_away_or_moved_is_completed_without_touching_anything(
    data: st.DataObject, canvas: Canvas
) -> None:
    results = data.draw(runs(canvas))
    whole = after(canvas, proposed(canvas, results))
    gone = data.draw(st.sets(st.sampled_from([node.node_id for node in whole.nodes])))
    kept = [node for node in whole.nodes if node.node_id not in gone]
    edited = Canvas(whole.path, kept, [edge for edge in whole.edges if data.draw(st.booleans())])
    again = proposed(edited, results)
    complete = after(edited, again)
    for node in added(again):
        others = [other for other in complete.nodes if other.type != "group" and other.node_id != node.node_id]
        assert [other.node_id for other in others if overlap(node, other)] == []
    for proposal in again:
        assert (proposal.refused is not None) == (proposal.node_id in gone)
    assert all(not (one.nodes or one.edges or one.files) for one in proposed(complete, results))


@given(st.data(), canvases())
def test_the_sources_group_is_left_only_when_it_has_no_room(data: st.DataObject, canvas: Canvas) -> None:
    for result in data.draw(runs(canvas)):
        (proposal,) = proposed(canvas, [result])
        new = added([proposal])
        group = _smallest_group(canvas, result.node_id)
        if not new or group is None or inside(group, new[0]) or max(group.width, group.height) > LOOKED_THROUGH:
            continue
        width = max(node.x + node.width for node in new) - min(node.x for node in new)
        height = max(node.y + node.height for node in new) - min(node.y for node in new)
        apart = (20, 40) if result.form is ORAL else (60, 120)
        assert not list(_rooms(canvas, group, (width, height), apart))


def _smallest_group(canvas: Canvas, node_id: str) -> Node | None:
    source = canvas.node(node_id)
    centre = Node(node_id="", type="", x=_middle(source, "x", "width"), y=_middle(source, "y", "height"))
    around = [node for node in canvas.nodes if node.type == "group" and node is not source and inside(node, centre)]
    return min(around, key=lambda node: (node.width * node.height, node.node_id), default=None)


def _rooms(canvas: Canvas, group: Node, size: tuple[float, float], apart: tuple[int, int]) -> Iterable[Box]:
    """Places in a group where so much has room: whatever has room has it moved as far left and up as it goes, too."""
    area = box_of(group).grown(-20, -20)
    others = [box_of(node) for node in canvas.nodes if not (node.type == "group" and inside(node, group))]
    others = [other for other in others if _meet(area.grown(*map(float, apart)), other)]
    lefts = {-(-area.x // 1), *(-(-(other.right + apart[0]) // 1) for other in others)}
    tops = {-(-area.y // 1), *(-(-(other.bottom + apart[1]) // 1) for other in others)}
    for x in lefts:
        for y in tops:
            box = Box(x, y, *size)
            if area.encloses(box) and not any(_meet(box.grown(*map(float, apart)), other) for other in others):
                yield box


def _meet(one: Box, other: Box) -> bool:
    across = one.x < other.right and other.x < one.right
    return across and one.y < other.bottom and other.y < one.bottom
