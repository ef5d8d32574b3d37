from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.canvas.desk import a_node

from parallel_agents.canvas.document import Document, document_of
from parallel_agents.canvas.editing import edit_document
from parallel_agents.canvas.merging import Foreign, changes_of

E1 = {"id": "e1", "fromNode": "a", "toNode": "b"}


def doc(*nodes: dict[str, Any], edges: tuple[dict[str, Any], ...] = ()) -> Document:
    return document_of(Path("图.canvas"), json.dumps({"nodes": nodes, "edges": edges}).encode())


def merged(base: Document, theirs: Document, ours: Document, *, is_newer: bool = True) -> dict[str, Any]:
    edit = changes_of(Foreign(base=base, theirs=theirs, is_newer=is_newer), ours)
    return json.loads(edit_document(ours, edit).raw)


def ids(data: dict[str, Any], name: str = "nodes") -> list[str]:
    return [item["id"] for item in data[name]]


def test_what_both_sides_added_is_there_once() -> None:
    base = doc(a_node("a"))

    found = merged(base, doc(a_node("a"), a_node("t"), a_node("x")), doc(a_node("a"), a_node("o"), a_node("x")))

    assert ids(found) == ["a", "o", "x", "t"]


def test_what_they_removed_goes_unless_we_changed_it() -> None:
    base = doc(a_node("a"), a_node("b"), a_node("c"))

    found = merged(base, doc(a_node("a")), doc(a_node("a"), a_node("b", color="4"), a_node("c")))

    assert ids(found) == ["a", "b"]


def test_a_node_that_an_edge_of_ours_holds_is_not_removed() -> None:
    base = doc(a_node("a"), a_node("b"), edges=(E1,))
    ours = doc(a_node("a"), a_node("b"), edges=(E1, {"id": "e2", "fromNode": "b", "toNode": "a"}))

    found = merged(base, doc(a_node("a")), ours)

    assert (ids(found), ids(found, "edges")) == (["a", "b"], ["e2"])


def test_an_edge_goes_with_its_node() -> None:
    base = doc(a_node("a"), a_node("b"), edges=(E1,))

    found = merged(base, doc(a_node("a")), base)

    assert (ids(found), ids(found, "edges")) == (["a"], [])


@pytest.mark.parametrize(("is_newer", "kept"), [(True, 20), (False, 10)])
def test_where_both_moved_a_node_the_newer_one_counts(is_newer: bool, kept: int) -> None:
    found = merged(doc(a_node("a")), doc(a_node("a", x=20)), doc(a_node("a", x=10)), is_newer=is_newer)

    assert found["nodes"][0]["x"] == kept


def test_different_keys_of_one_node_are_both_kept() -> None:
    base = doc(a_node("a", color="1"))

    found = merged(base, doc(a_node("a", text="new")), doc(a_node("a", color="1", x=10)))

    assert found["nodes"] == [a_node("a", text="new", x=10)]


def test_doing_it_twice_changes_nothing_more() -> None:
    base = doc(a_node("a"), a_node("b"))
    foreign = Foreign(base=base, theirs=doc(a_node("a", x=5), a_node("t")), is_newer=False)
    once = edit_document(base, changes_of(foreign, base)).raw
    again = document_of(Path("图.canvas"), once)

    assert edit_document(again, changes_of(foreign, again)).raw == once


def test_items_that_share_an_id_or_have_none_take_no_part() -> None:
    twice = ({"id": "e", "fromNode": "a", "toNode": "a"}, {"id": "e", "fromNode": "a", "toNode": "a"})
    base = doc(a_node("a"), edges=(*twice, {"fromNode": "a", "toNode": "a"}))

    found = merged(base, doc(a_node("a", x=1)), base)

    assert (found["edges"], found["nodes"][0]["x"]) == (list(base.data["edges"]), 1)
