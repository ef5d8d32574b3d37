"""Pictures of canvases: well-formed, harmless, with everything on them that is on the canvas."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.canvas.boxes import Box
from parallel_agents.canvas.curves import curve_of
from parallel_agents.canvas.document import load_canvas
from parallel_agents.canvas.drawing import FARTHEST, picture_of
from parallel_agents.canvas.graph import Canvas, Edge, Node
from parallel_agents.canvas.lettering import fitted, plain_beginning, width_of, wrapped
from parallel_agents.canvas.paint import DARK, LIGHT
from parallel_agents.canvas.palette import PALETTES
from parallel_agents.canvas.palettefile import palette_named

ROOT = Path(__file__).parents[2]
ODD = ROOT / "tests" / "fixtures" / "odd_canvases"
READ = [
    entry
    for entry in tomllib.loads((ODD / "manifest.toml").read_text(encoding="utf-8"))["canvas"]
    if "refused" not in entry
]
EXAMPLES = sorted((ROOT / "examples").rglob("*.canvas"))
SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {"svg", "title", "style", "rect", "path", "g", "text"}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


def drawn(canvas: Canvas, palette: str = "jsoncanvas", **more: Any) -> ElementTree.Element:
    return ElementTree.fromstring("".join(picture_of(canvas, palette_named(palette), **more)))


def texts(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def check_harmless(picture: ElementTree.Element) -> None:
    assert {element.tag.removeprefix(SVG) for element in picture.iter()} <= DRAWN
    for element in picture.iter():
        assert not [name for name in element.attrib if name.lower().startswith("on") or "href" in name.lower()]
        assert "url(" not in "".join(element.attrib.values())
    assert "url(" not in "".join(style.text or "" for style in picture.iter(f"{SVG}style"))
    numbers = [float(number) for number in picture.attrib["viewBox"].split()]
    assert all(abs(number) < 3 * FARTHEST for number in numbers)
    assert not re.search(
        "nan|inf", " ".join(value for one in picture.iter(f"{SVG}rect") for value in one.attrib.values())
    )


def node(node_id: str, text: str = "", **more: Any) -> Node:
    fields: dict[str, Any] = {"type": "text", "text": text, "width": 300.0, "height": 120.0, **more}
    return Node(node_id=node_id, **fields)


def canvas_of(*nodes: Node, edges: tuple[Edge, ...] = ()) -> Canvas:
    return Canvas(Path("图.canvas"), nodes, edges)


@pytest.mark.parametrize("entry", READ, ids=[entry["file"] for entry in READ])
def test_every_odd_canvas_that_is_read_can_be_drawn(entry: dict[str, Any], vault: Path) -> None:
    canvas = load_canvas(Path(shutil.copy(ODD / entry["file"], vault)))
    picture = drawn(canvas)
    check_harmless(picture)
    cards = [one for one in picture.iter(f"{SVG}g") if "transform" in one.attrib]
    assert len(cards) == sum(one.type != "group" for one in canvas.nodes)
    lines = [one for one in picture.iter(f"{SVG}path") if one.attrib["fill"] == "none"]
    assert len(lines) == len(canvas.edges)


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_shows_the_beginning_of_every_text_and_every_label(path: Path) -> None:
    canvas = load_canvas(path)
    shown = texts(drawn(canvas))
    for one in canvas.nodes:
        beginning = plain_beginning(one.text, 8).rstrip("…")
        assert any(beginning in text for text in shown), one.node_id
    for label in [*(one.label for one in canvas.nodes), *(edge.label for edge in canvas.edges)]:
        assert not label or label in shown


def test_a_code_is_painted_as_the_palette_means_it_and_a_hex_value_as_it_is() -> None:
    canvas = canvas_of(node("a", color="1"), node("b", color="6"), node("c", color="#a6da95"), node("d", color="9"))
    strokes = {
        palette: [one.attrib["stroke"] for one in drawn(canvas, palette).iter(f"{SVG}rect") if "stroke" in one.attrib]
        for palette in PALETTES
    }
    grey = strokes["jsoncanvas"][3]
    assert strokes["jsoncanvas"] == [LIGHT["red"], LIGHT["purple"], "#a6da95", grey]
    assert strokes["project-v1"] == [LIGHT["red"], LIGHT["yellow"], "#a6da95", grey]
    assert strokes["project-v2"] == [LIGHT["grey"], LIGHT["yellow"], "#a6da95", grey]
    assert grey not in LIGHT.values()
    assert DARK.keys() == LIGHT.keys()


def test_a_colour_that_is_no_colour_cannot_break_out_of_the_picture() -> None:
    trap = '#fff" onload="alert(1)'
    canvas = canvas_of(node("a", color=trap), edges=(Edge(edge_id="e", from_node="a", to_node="a", color=trap),))
    picture = drawn(canvas)
    check_harmless(picture)
    assert trap not in ElementTree.tostring(picture, encoding="unicode")


HOSTILE = "</text><script>alert(1)</script><image href='http://127.0.0.1/x'/>&amp;]]>"


def test_texts_are_data_wherever_they_stand() -> None:
    nodes = (
        node("text", HOSTILE, width=2000.0),
        node("file", type="file", file=f"{HOSTILE}.md", width=2000.0),
        node("link", type="link", url=HOSTILE, width=2000.0),
        node("group", type="group", label=HOSTILE, width=2000.0),
        node("odd", type=HOSTILE, width=2000.0),
    )
    edge = Edge(edge_id="e", from_node="text", to_node="file", label=HOSTILE)
    picture = drawn(canvas_of(*nodes, edges=(edge,)), notes={"file": HOSTILE})
    check_harmless(picture)
    assert sum("<script>" in text for text in texts(picture)) >= 5


@given(text=TEXTS, label=TEXTS, color=TEXTS, x=st.floats(allow_nan=False), width=st.floats(allow_nan=False))
def test_any_canvas_gives_a_picture_that_can_be_read(text: str, label: str, color: str, x: float, width: float) -> None:
    edge = Edge(edge_id="e", from_node="a", to_node="b", label=label, color=color)
    nodes = (node("a", text, x=x, width=width, color=color), node("b", type="group", label=label, y=x, height=width))
    check_harmless(drawn(canvas_of(*nodes, edges=(edge,))))


def test_what_does_not_fit_is_cut_with_a_mark_and_what_fits_is_not() -> None:
    long = "命题是能判断真假的陈述句。" * 40
    cut, whole = fitted(long, 200, 100), fitted("命题是能判断真假的陈述句。", 200, 100)
    assert cut[-1].text.endswith("…")
    assert "".join(line.text for line in whole) == "命题是能判断真假的陈述句。"
    assert all(line.baseline <= 100 for line in cut)


def test_a_text_of_ten_megabytes_is_not_read_to_its_end() -> None:
    class Counted(str):
        __slots__ = ()
        reads = 0

        def __getitem__(self, key: Any) -> str:
            Counted.reads += 1
            return super().__getitem__(key)

    lines = fitted(Counted(("词 " * 10 + "\n") * 500_000), 300, 100)
    assert lines[-1].text.endswith("…")
    assert Counted.reads < 20


@given(TEXTS, st.floats(1.3, 30))
def test_no_line_is_wider_than_asked_for_and_no_letter_is_lost(text: str, width: float) -> None:
    line = " ".join(text.split())
    pieces = list(wrapped(line, width))
    assert "".join("".join(pieces).split()) == "".join(line.split())
    assert all(width_of(piece) <= width for piece in pieces if len(piece) > 1)


def test_chinese_lines_do_not_begin_with_a_stop_nor_end_with_an_opening_bracket() -> None:
    lines = list(wrapped("他说：“命题（陈述句）有真假。”我们同意，因为可以判断；你呢？", 6))
    assert len(lines) > 4
    assert not [line for line in lines if line[0] in "，。；？）”" or line[-1] in "“（"]


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("## 命题", "命题"),
        ("**粗** 和 *斜* 和 `码`", "粗 和 斜 和 码"),
        ("- [ ] 待办", "☐ 待办"),
        ("- 一项", "• 一项"),
        ("> 引用", "引用"),
        ("[文字](http://127.0.0.1)", "文字"),
        ("[[笔记|别名]] 与 [[笔记]]", "别名 与 笔记"),
        ("a * b * c 和 2*3*4", "a * b * c 和 2*3*4"),
        ("```python", ""),
        ("|---|---|", ""),
    ],
)
def test_marks_are_taken_off_and_signs_left_alone(markdown: str, shown: str) -> None:
    assert plain_beginning(markdown, 100) == shown


def test_an_edge_touches_the_sides_that_the_file_names_else_those_that_face_each_other() -> None:
    left, right = Box(0, 0, 100, 40), Box(300, 0, 100, 40)
    above = Box(0, -200, 100, 40)
    edge = Edge(edge_id="e", from_node="a", to_node="b")
    assert curve_of(edge, left, right).tips[0][0] == (300, 20)
    assert curve_of(edge, right, left).tips[0][0] == (100, 20)
    assert curve_of(edge, left, above).tips[0][0] == (50, -160)
    named = Edge(edge_id="e", from_node="a", to_node="b", from_side="top", to_side="bottom", from_arrow=True)
    assert {tip[0] for tip in curve_of(named, left, right).tips} == {(50, 0), (350, 40)}
    bare = Edge(edge_id="e", from_node="a", to_node="b", to_arrow=False)
    assert curve_of(bare, left, right).tips == ()


def test_sides_and_ends_are_read_from_the_file_and_unknown_ones_passed_over(tmp_path: Path) -> None:
    edges: list[dict[str, Any]] = [
        {"id": "1", "fromNode": "a", "toNode": "a", "fromSide": "top", "toSide": "left", "fromEnd": "arrow"},
        {"id": "2", "fromNode": "a", "toNode": "a", "fromSide": "middle", "toSide": 3, "fromEnd": [], "toEnd": "none"},
    ]
    path = tmp_path / "a.canvas"
    path.write_text(json.dumps({"nodes": [{"id": "a", "type": "text"}], "edges": edges}), encoding="utf-8")
    first, second = load_canvas(path).edges
    assert (first.from_side, first.to_side, first.from_arrow, first.to_arrow) == ("top", "left", True, True)
    assert (second.from_side, second.to_side, second.from_arrow, second.to_arrow) == (None, None, False, False)


def test_a_label_stands_beside_the_cards_that_its_edge_runs_under() -> None:
    nodes = (node("a"), node("between", x=600.0, width=400.0), node("b", x=1300.0))
    edge = Edge(edge_id="e", from_node="a", to_node="b", from_side="right", to_side="left", label="个人理解")
    (label,) = [one for one in drawn(canvas_of(*nodes, edges=(edge,))).iter(f"{SVG}text") if one.text == "个人理解"]
    assert 300 < float(label.attrib["x"]) < 560 or 1040 < float(label.attrib["x"]) < 1300
    (label,) = drawn(canvas_of(*nodes[::2], edges=(edge,))).iter(f"{SVG}text")
    assert float(label.attrib["x"]) == pytest.approx(800, abs=5)


def test_groups_lie_below_edges_and_edges_below_cards() -> None:
    edge = Edge(edge_id="e", from_node="a", to_node="a")
    written = "".join(picture_of(canvas_of(node("a"), node("g", type="group"), edges=(edge,)), PALETTES["jsoncanvas"]))
    places = [written.index('fill-opacity=".1"'), written.index("<path"), written.index("<g ")]
    assert all(one < other for one, other in pairwise(places))


def test_a_card_whose_file_does_not_open_has_a_dashed_rim_and_a_note_shows_its_text() -> None:
    nodes = [node(one, type="file", file=f"课/{one}.md", height=200.0) for one in ("there", "gone")]
    picture = drawn(canvas_of(*nodes), notes={"there": "# 笔记\n\n命题有真假。"}, unopened=["gone"])
    assert sum("stroke-dasharray" in one.attrib for one in picture.iter(f"{SVG}rect")) == 1
    assert {"there", "笔记", "命题有真假。", "gone", "课"} <= set(texts(picture))
