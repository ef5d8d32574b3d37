"""Edits of canvases in the manners of writing that there are, and edits that cannot be done."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from parallel_agents.canvas.document import Document, load_document
from parallel_agents.canvas.editing import REMOVED, Edit, ListEdit, edit_document
from parallel_agents.canvas.reversal import reverse
from parallel_agents.core.errors import CanvasError

NEW = {"id": "n", "type": "text", "text": "新/😀"}
LINE = '{"id":"n","type":"text","text":"新/😀"}'
TWO = "\n".join(["{", *(f'      "{key}": "{value}",' for key, value in NEW.items())]).removesuffix(",") + "\n    }"


def loaded(folder: Path, raw: str | bytes) -> Document:
    path = folder / "图.canvas"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return load_document(path)


def nodes(*added: Mapping[str, Any], removed: tuple[str, ...] = (), **keys: Mapping[str, Any]) -> Edit:
    return Edit(nodes=ListEdit(added=added, removed=removed, keys=keys))


def edges(*added: Mapping[str, Any], removed: tuple[str, ...] = (), **keys: Mapping[str, Any]) -> Edit:
    return Edit(edges=ListEdit(added=added, removed=removed, keys=keys))


MANNERS = {
    "Obsidian's": (
        '{\n\t"nodes":[\n\t\t{"id":"a","x":1.0}\n\t],\n\t"edges":[]\n}',
        f'{{\n\t"nodes":[\n\t\t{{"id":"a","x":1.0}},\n\t\t{LINE}\n\t],\n\t"edges":[]\n}}',
    ),
    "Obsidian's, empty": ('{\n\t"nodes":[],\n\t"edges":[]\n}', f'{{\n\t"nodes":[\n\t\t{LINE}\n\t],\n\t"edges":[]\n}}'),
    "CRLF": ('{\r\n\t"nodes":[\r\n\t]\r\n}\r\n', f'{{\r\n\t"nodes":[\r\n\t\t{LINE}\r\n\t]\r\n}}\r\n'),
    "an empty file": ("", f'{{\n\t"nodes":[\n\t\t{LINE}\n\t]\n}}'),
    "blanks alone": ("\r\n", f'{{\r\n\t"nodes":[\r\n\t\t{LINE}\r\n\t]\r\n}}\r\n'),
    "an empty object": ("{ }\n", f'{{\n\t"nodes":[\n\t\t{LINE}\n\t]\n}}\n'),
    "other keys only": (
        '{\n  "other": {"a": [1]}\n}',
        f'{{\n  "other": {{"a": [1]}},\n  "nodes": [\n    {TWO}\n  ]\n}}',
    ),
    "two blanks a level": (
        '{\n  "nodes": [\n    {\n      "id": "a"\n    }\n  ]\n}\n',
        f'{{\n  "nodes": [\n    {{\n      "id": "a"\n    }},\n    {TWO}\n  ]\n}}\n',
    ),
    "two blanks a level, empty": ('{\n  "nodes": [ ]\n}\n', f'{{\n  "nodes": [\n    {TWO}\n  ]\n}}\n'),
    "one line": ('{"nodes":[{"id":"a"}],"edges":[]}', f'{{"nodes":[{{"id":"a"}},{LINE}],"edges":[]}}'),
    "one line with blanks": (
        '{"nodes": [{"id": "a", "x": 1}], "edges": []}',
        '{"nodes": [{"id": "a", "x": 1}, {"id": "n", "type": "text", "text": "新/😀"}], "edges": []}',
    ),
    "escapes": (
        '{"nodes":[{"id":"a","text":"\\u4e2d"}]}',
        '{"nodes":[{"id":"a","text":"\\u4e2d"},{"id":"n","type":"text","text":"\\u65b0/\\ud83d\\ude00"}]}',
    ),
    "the edges' manner": (
        '{"edges":[\n\t{ "id":"e", "label":"x" },\n\t{ "id":"f", "label":"x" }\n],"nodes":[]}',
        '{"edges":[\n\t{ "id":"e", "label":"x" },\n\t{ "id":"f", "label":"x" }\n],'
        '"nodes":[\n\t{ "id":"n", "type":"text", "text":"新/😀" }\n]}',
    ),
}


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "with a BOM"])
@pytest.mark.parametrize("manner", MANNERS)
def test_a_new_node_is_written_as_the_file_writes(manner: str, bom: bytes, tmp_path: Path) -> None:
    before, after = MANNERS[manner]
    document = loaded(tmp_path, bom + before.encode())
    edited = edit_document(document, nodes(NEW))
    assert edited.raw.decode() == (bom + after.encode()).decode()
    assert reverse(document.path, edited.raw, edited.reversal) == document.raw


def test_number_forms_escapes_and_order_survive_beside_a_changed_colour(tmp_path: Path) -> None:
    before = '{"nodes":[{"z":-0,"id":"a","color" : "\\u0034","x":1e2,"text":"\\u4e2d\\/"}],"zz":1.0}'
    document = loaded(tmp_path, before)
    assert edit_document(document, nodes(a={"color": "2"})).raw.decode() == before.replace("\\u0034", "2")
    assert edit_document(document, nodes(a={"color": "4"})).raw.decode() == before
    assert edit_document(document, nodes(a={"color": REMOVED})).raw.decode() == before.replace(
        ',"color" : "\\u0034"', ""
    )
    assert edit_document(document, nodes(a={"gone": REMOVED})).raw.decode() == before


def test_a_new_key_goes_to_the_end_of_its_node(tmp_path: Path) -> None:
    document = loaded(tmp_path, '{"nodes":[\n{"id":"a",\n "x":1 }\n]}')
    edited = edit_document(document, nodes(a={"color": "4", "label": "x"}))
    assert edited.raw.decode() == '{"nodes":[\n{"id":"a",\n "x":1,\n "color":"4",\n "label":"x" }\n]}'


def test_nodes_and_edges_change_in_one_edit(tmp_path: Path) -> None:
    document = loaded(tmp_path, '{"nodes":[{"id":"a"},{"id":"b"},{"id":"c"}],"edges":[{"id":"e"}]}')
    first = ListEdit(removed=["a", "c"], added=[{"id": "a", "type": "text"}])
    second = ListEdit(removed=["e"], added=[{"id": "f", "fromNode": "a", "toNode": "b"}])
    after = '{"nodes":[{"id":"b"},{"id":"a","type":"text"}],"edges":[{"id":"f","fromNode":"a","toNode":"b"}]}'
    edited = edit_document(document, Edit(nodes=first, edges=second))
    assert edited.raw.decode() == after
    assert reverse(document.path, edited.raw, edited.reversal) == document.raw


def test_half_a_character_in_a_new_text_is_written_as_an_escape(tmp_path: Path) -> None:
    document = loaded(tmp_path, "{}")
    raw = edit_document(document, nodes({**NEW, "text": "中\ud83d"})).raw
    assert '"text":"中\\ud83d"' in raw.decode()
    assert json.loads(raw)["nodes"][0]["text"] == "中\ud83d"


CANVAS = '{"nodes":[{"id":"node-a","x":1,"x":2},{"id":"b"}],"edges":[{"id":"e"},{"id":"e"},{"id":"f"}]}'
REFUSED: dict[str, tuple[Edit, str]] = {
    "an unknown node": (nodes(removed=("node-b",)), "node 'node-b': there is no such node.*Did you mean 'node-a'"),
    "an unknown edge": (edges(removed=("g",)), "field 'edges': there is no edge 'g'"),
    "an edge that is not the only one": (edges(e={"label": "x"}), r"edges\[1\]': 2 of its edges share this id"),
    "a key that stands twice": (
        Edit(nodes=ListEdit(keys={"node-a": {"x": 3}})),
        "node 'node-a', field 'x': this key stands 2 times",
    ),
    "another id": (nodes(b={"id": "c"}), "node 'b', field 'id': an id stays"),
    "no id": (nodes(b={"id": REMOVED}), "an id stays as it is"),
    "an id that is taken": (nodes({"id": "b"}), "node 'b': this id is taken"),
    "one new id twice": (nodes({"id": "c"}, {"id": "c"}), "node 'c': this id is taken"),
    "a new edge without an id": (edges({"fromNode": "b"}), r"edges\[3\]': a new item needs an id"),
    "a new node without an id": (nodes({"type": "text"}), r"nodes\[2\].id"),
    "a new node with a wrong field": (nodes({"id": "c", "x": "1"}), "node 'c', field 'x': must be a number"),
    "a wrong field in a node": (nodes(b={"color": 4}), "node 'b', field 'color': must be a text"),
    "a wrong field in an edge": (edges(f={"label": 4}), r"edges\[2\].label': must be a text"),
    "removed and changed": (nodes(removed=("b",), b={"x": 1}), "node 'b': is to be removed and changed at once"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_edit_that_cannot_be_done_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    edit, words = REFUSED[name]
    with pytest.raises(CanvasError, match=words):
        edit_document(loaded(tmp_path, CANVAS), edit)


def test_a_list_that_stands_twice_is_not_edited(tmp_path: Path) -> None:
    document = loaded(tmp_path, '{"nodes":[{"id":"a"}],"edges":[],"nodes":[{"id":"b"}]}')
    assert document.canvas.warnings == ("the key 'nodes' stands 2 times; only the last one counts",)
    with pytest.raises(CanvasError, match="field 'nodes': nodes stands 2 times in this file"):
        edit_document(document, nodes(NEW))
    assert edit_document(document, edges({"id": "e"})).raw.decode().startswith('{"nodes":[{"id":"a"}],"edges":[{')


def test_a_reversal_does_not_fit_a_file_that_has_changed(tmp_path: Path) -> None:
    document = loaded(tmp_path, "{}")
    edited = edit_document(document, nodes(NEW))
    assert edited.reversal.fits(edited.raw)
    with pytest.raises(CanvasError, match="has changed since it was edited"):
        reverse(document.path, edited.raw + b"\n", edited.reversal)


def test_twenty_thousand_nodes_are_loaded_edited_and_saved_in_well_under_a_second(tmp_path: Path) -> None:
    made = [
        {"id": f"n{number}", "type": "text", "text": "命题逻辑", "x": 0, "y": 9 * number} for number in range(20_000)
    ]
    ends = [{"id": f"e{number}", "fromNode": f"n{number}", "toNode": f"n{number + 1}"} for number in range(19_999)]
    document = loaded(tmp_path, json.dumps({"nodes": made, "edges": ends}, indent="\t"))
    began = time.monotonic()
    document = load_document(document.path)
    changed = {f"n{number}": {"color": "4"} for number in range(0, 20_000, 10)}
    edited = edit_document(document, Edit(nodes=ListEdit(added=[NEW], removed=["n7"], keys=changed)))
    document.path.write_bytes(edited.raw)
    took_s = time.monotonic() - began
    assert load_document(document.path).canvas.node("n10").color == "4"
    assert reverse(document.path, edited.raw, edited.reversal) == document.raw
    assert took_s < 3.0  # a generous bound: 0.3 s on an idle machine
