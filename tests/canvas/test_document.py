from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.canvas.document import load_canvas, load_document
from parallel_agents.canvas.items import readable
from parallel_agents.core.errors import CanvasError, SourceError

NODE: dict[str, Any] = {"id": "a", "type": "text", "text": "命题", "x": 0, "y": 0, "width": 10, "height": 10}


def written(folder: Path, content: object) -> Path:
    path = folder / "图.canvas"
    raw = content if isinstance(content, bytes) else content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return path


READ: dict[str, tuple[object, int, int]] = {
    "an empty object": ({}, 0, 0),
    "an empty file": ("", 0, 0),
    "white space alone": (" \n", 0, 0),
    "no nodes and no edges": ({"someOtherField": "value"}, 0, 0),
    "empty arrays": ({"nodes": [], "edges": []}, 0, 0),
    "nodes without edges": ({"nodes": [NODE]}, 1, 0),
    "a BOM": (b"\xef\xbb\xbf" + json.dumps({"nodes": [NODE]}).encode(), 1, 0),
    "CRLF": ('{\r\n\t"nodes": []\r\n}\r\n', 0, 0),
    "no place and no size": ({"nodes": [{"id": "a", "type": "text", "text": "x"}]}, 1, 0),
    "floats and negatives": ({"nodes": [{**NODE, "x": -1.5, "y": -20, "width": 0, "height": 1e2}]}, 1, 0),
    "unknown keys": ({"nodes": [{**NODE, "sourceNodeId": None, "styleAttributes": {}}], "metadata": {}}, 1, 0),
    "an unknown type": ({"nodes": [{"id": "a", "type": "database", "text": 3}]}, 1, 0),
    "no type": ({"nodes": [{"id": "a"}]}, 1, 0),
    "a hex colour": ({"nodes": [{**NODE, "color": "#A0b1C2"}]}, 1, 0),
    "a dangling edge": ({"nodes": [NODE], "edges": [{"id": "e", "fromNode": "a", "toNode": "gone"}]}, 1, 0),
    "an edge without ends": ({"nodes": [NODE], "edges": [{"id": "e"}]}, 1, 0),
    "an edge to itself": ({"nodes": [NODE], "edges": [{"id": "e", "fromNode": "a", "toNode": "a"}]}, 1, 1),
    "an edge without an id": ({"nodes": [NODE], "edges": [{"fromNode": "a", "toNode": "a"}]}, 1, 1),
}


@pytest.mark.parametrize("name", READ)
def test_odd_canvases_are_read(name: str, tmp_path: Path) -> None:
    content, nodes, edges = READ[name]
    canvas = load_canvas(written(tmp_path, content))
    assert (len(canvas.nodes), len(canvas.edges)) == (nodes, edges)


REFUSED: dict[str, tuple[object, type[Exception], str]] = {
    "broken JSON": ('{\n "nodes": [\n}', SourceError, ":3: is not JSON"),
    "cut JSON": ('{"nodes": [{"id": "a"', SourceError, ":1: is not JSON"),
    "a list": ("[]", SourceError, "this is a list"),
    "a text": ('"nodes"', SourceError, "this is a single value"),
    "null": ("null", SourceError, "this is a single value"),
    "NaN": ('{"nodes": [{"id": "a", "x": NaN}]}', SourceError, "NaN is not a JSON number"),
    "deep nesting": ('{"a":' * 100_000, SourceError, "nested too deeply"),
    "an endless number": ('{"a": ' + "9" * 5000 + "}", SourceError, "not JSON that can be read"),
    "Latin-1": ('{\n"a": "é"}'.encode("latin-1"), SourceError, ":2: is not UTF-8: byte 0xe9"),
    "UTF-16": ("{}".encode("utf-16"), SourceError, "is UTF-16"),
    "nodes as an object": ({"nodes": {}}, CanvasError, "field 'nodes': nodes must be a list"),
    "nodes as null": ({"nodes": None}, CanvasError, "nodes must be a list"),
    "edges as a text": ({"edges": "x"}, CanvasError, "field 'edges'"),
    "a node that is a text": ({"nodes": ["a"]}, CanvasError, "nodes[0]"),
    "an edge that is a list": ({"edges": [[]]}, CanvasError, "edges[0]"),
    "a node without id": ({"nodes": [NODE, {"type": "text"}]}, CanvasError, "nodes[1].id"),
    "an id that is a number": ({"nodes": [{"id": 7}]}, CanvasError, "not 7"),
    "an empty id": ({"nodes": [{"id": ""}]}, CanvasError, "nodes[0].id"),
    "an id that is half a character": ('{"nodes": [{"id": "\\ud83d"}]}', CanvasError, "not valid Unicode"),
    "a text that is a number": ({"nodes": [{**NODE, "text": 3}]}, CanvasError, "node 'a', field 'text'"),
    "content that is a list": ({"nodes": [{"id": "a", "type": "text", "content": []}]}, CanvasError, "'content'"),
    "a place that is a text": ({"nodes": [{**NODE, "x": "0"}]}, CanvasError, "field 'x'"),
    "a place that is true": ({"nodes": [{**NODE, "y": True}]}, CanvasError, "field 'y'"),
    "a place beyond numbers": ('{"nodes": [{"id": "a", "x": 1e999}]}', CanvasError, "too large"),
    "an edge from a number": ({"edges": [{"fromNode": 1}]}, CanvasError, "edges[0].fromNode"),
    "two nodes with one id": ({"nodes": [NODE, NODE]}, CanvasError, "node 'a', field 'id': 2 nodes share"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_broken_canvases_are_refused_with_their_place(name: str, tmp_path: Path) -> None:
    content, kind, words = REFUSED[name]
    path = written(tmp_path, content)
    with pytest.raises(kind) as caught:
        load_canvas(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert words in message
    assert "\n" not in message


def test_what_is_no_readable_file_is_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    places = {
        tmp_path / "gone.canvas": "no such file",
        tmp_path: "is a folder",
        tmp_path / "pipe": "is not a regular file",
        tmp_path / ("长" * 300): "File name too long",
        tmp_path / "a\0b": "no such file",
    }
    for path, words in places.items():
        with pytest.raises(SourceError, match=words):
            load_canvas(path)


@pytest.mark.parametrize(
    ("raw", "facts"),
    [
        (b"{}", (False, "", "")),
        (b'\xef\xbb\xbf{\r\n\t"nodes":[]\r\n}', (True, "\r\n", "\t")),
        (b'{\n  "edges": [],\n  "nodes": [ ]\n}\n', (False, "\n", "  ")),
        (b'{\n\n    "x": 1.0,\n"y": 1e2}', (False, "\n", "    ")),
    ],
)
def test_a_document_keeps_its_bytes_and_facts_of_form(raw: bytes, facts: tuple[object, ...], tmp_path: Path) -> None:
    document = load_document(written(tmp_path, raw))
    assert document.raw == raw
    assert (document.has_bom, document.newline, document.indent) == facts
    assert list(document.data) == list(json.loads(raw.decode("utf-8-sig")))


def test_unknown_keys_and_their_order_stay_in_the_data(tmp_path: Path) -> None:
    data = {"zeta": 1, "nodes": [{"text": "x", "zz": None, "id": "a", "type": "text"}], "alpha": {"b": 1, "a": 2}}
    document = load_document(written(tmp_path, data))
    assert json.dumps(document.data) == json.dumps(data)


def test_content_is_read_as_text_only_where_there_is_no_text(tmp_path: Path) -> None:
    nodes = [{"id": "a", "type": "text", "content": "旧"}, {**NODE, "id": "b", "content": "旧"}]
    canvas = load_canvas(written(tmp_path, {"nodes": nodes}))
    assert [node.text for node in canvas.nodes] == ["旧", "命题"]


def test_oddities_that_can_be_lived_with_are_told(tmp_path: Path) -> None:
    edges = [{"id": "e", "fromNode": "a", "toNode": "a"}, {"id": "e", "fromNode": "a", "toNode": "gone"}]
    warnings = load_canvas(written(tmp_path, {"nodes": [NODE], "edges": edges})).warnings
    assert ["not there" in warning for warning in warnings] == [True, False]
    assert warnings[1] == "2 edges share the id 'e'"


def test_half_a_character_is_read_as_unreadable_and_a_whole_one_as_itself(tmp_path: Path) -> None:
    raw = '{"nodes": [{"id": "a", "type": "text", "text": "\\ud83d x \\ud83d\\ude00"}]}'
    (node,) = load_canvas(written(tmp_path, raw)).nodes
    assert node.text == "� x 😀"


@given(st.text())
def test_readable_changes_nothing_that_is_readable(text: str) -> None:
    assert readable(text) == text


def test_an_unknown_node_is_answered_with_near_ones(tmp_path: Path) -> None:
    canvas = load_canvas(written(tmp_path, {"nodes": [{**NODE, "id": "question-1"}, {**NODE, "id": "b"}]}))
    with pytest.raises(CanvasError, match=r"node 'qestion-1': there is no such node.*Did you mean 'question-1'\?"):
        canvas.node("qestion-1")
    with pytest.raises(CanvasError, match=r"It has 2 nodes, the first being 'question-1', 'b'"):
        canvas.node("zzzz")


def test_the_innermost_group_counts(tmp_path: Path) -> None:
    box = {"type": "group", "x": -100, "y": -100, "width": 400, "height": 400, "label": "外"}
    inner = {**box, "id": "i", "x": -10, "y": -10, "width": 50, "height": 50, "label": "内"}
    canvas = load_canvas(
        written(tmp_path, {"nodes": [{**box, "id": "o"}, inner, NODE, {**NODE, "id": "far", "x": 900}]})
    )
    group = canvas.group_of(canvas.node("a"))
    assert group is not None
    assert group.label == "内"
    assert canvas.group_of(canvas.node("far")) is None


def test_twenty_thousand_nodes_load_in_well_under_a_second(tmp_path: Path) -> None:
    nodes = [{**NODE, "id": f"n{number}", "y": number * 100} for number in range(20_000)]
    edges = [{"id": f"e{number}", "fromNode": f"n{number}", "toNode": f"n{number + 1}"} for number in range(19_999)]
    path = written(tmp_path, {"nodes": nodes, "edges": edges})
    began = time.monotonic()
    canvas = load_canvas(path)
    took_s = time.monotonic() - began
    assert len(canvas.edges) == 19_999
    assert took_s < 2.0  # a generous bound: 0.2 s on an idle machine
