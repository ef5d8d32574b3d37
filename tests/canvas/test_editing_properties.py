"""Edits of random canvases in random manners of writing."""

from __future__ import annotations

import codecs
import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.canvas.random_canvases import Owner, Written, canvases, edits, raw_of

from parallel_agents.canvas.document import Document, load_document
from parallel_agents.canvas.editing import REMOVED, Edit, ListEdit, edit_document
from parallel_agents.canvas.reversal import Reversal, reverse

NAMES = ("nodes", "edges")


def loaded(raw: bytes) -> Document:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "图.canvas"
        path.write_bytes(raw)
        return load_document(path)


def edited_data(data: dict[str, Any], edit: Edit) -> dict[str, Any]:
    """The same edit of the parsed file: what it must come to."""
    done = dict(data)
    for name, wanted in zip(NAMES, (edit.nodes, edit.edges), strict=True):
        items = [
            {key: value for key, value in {**item, **wanted.keys.get(item["id"], {})}.items() if value is not REMOVED}
            for item in done.get(name, [])
            if item["id"] not in wanted.removed
        ]
        if name in done or wanted.added:
            done[name] = [*items, *map(dict, wanted.added)]
    return done


def owners_touched(written: Written, reversal: Reversal, *, bom: bool) -> set[Owner]:
    """Whom the characters belong to that an edit took away, blanks and commas aside."""
    touched: set[Owner] = set()
    shift = len(codecs.BOM_UTF8) if bom else 0
    for patch in reversal.patches:
        start = len(written.text.encode()[: patch.start - shift].decode(errors="replace"))
        before = patch.before.decode()
        assert written.text[start : start + len(before)] == before
        touched |= {written.owners[start + place] for place, sign in enumerate(before) if sign not in " \t\r\n,"}
        shift += patch.length - len(patch.before)
    return touched


def allowed(edit: Edit, owner: Owner) -> bool:
    if not owner:
        return False
    wanted = edit.nodes if owner[0] == "nodes" else edit.edges
    return owner[1] in wanted.removed or (len(owner) == 3 and owner[2] in wanted.keys.get(owner[1], {}))


@given(st.data(), canvases(), st.booleans())
def test_an_edit_does_what_it_says_touches_nothing_else_and_can_be_undone_to_the_byte(
    data: st.DataObject, written: Written, bom: bool
) -> None:
    raw = raw_of(written, bom=bom)
    document = loaded(raw)
    edit = data.draw(edits(document.data))
    edited = edit_document(document, edit)
    after = loaded(edited.raw)
    assert json.dumps(after.data) == json.dumps(edited_data(document.data, edit))
    assert [owner for owner in owners_touched(written, edited.reversal, bom=bom) if not allowed(edit, owner)] == []
    kept = msgspec.json.decode(msgspec.json.encode(edited.reversal), type=Reversal)
    assert reverse(document.path, edited.raw, kept) == raw


@given(canvases(), st.booleans())
def test_an_edit_without_changes_gives_back_the_bytes(written: Written, bom: bool) -> None:
    raw = raw_of(written, bom=bom)
    document = loaded(raw)
    assert edit_document(document, Edit()).raw == raw
    same = Edit(nodes=ListEdit(keys={node["id"]: node for node in document.data.get("nodes", [])}))
    assert edit_document(document, same).raw == raw


@given(canvases(), st.booleans())
def test_what_was_added_to_a_list_with_items_goes_by_its_id_without_a_trace(written: Written, bom: bool) -> None:
    raw = raw_of(written, bom=bom)
    document = loaded(raw)
    names = [name for name in NAMES if document.data.get(name)]
    added = ListEdit(added=[{"id": "new/1", "type": "text"}, {"id": "new/2", "type": "text", "text": "新"}])
    removed = ListEdit(removed=["new/1", "new/2"])
    there = edit_document(document, Edit(**dict.fromkeys(names, added))).raw
    assert edit_document(loaded(there), Edit(**dict.fromkeys(names, removed))).raw == raw
