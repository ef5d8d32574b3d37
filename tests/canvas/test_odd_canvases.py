"""Every odd canvas of the corpus: read or refused as its entry says, and edited without touching the rest."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from parallel_agents.canvas.document import Document, load_document
from parallel_agents.canvas.editing import Edit, ListEdit, edit_document
from parallel_agents.canvas.inputs import AgentInputs
from parallel_agents.canvas.reversal import reverse
from parallel_agents.canvas.selection import Selection, select_tasks
from parallel_agents.core.errors import CanvasError, SourceError

FOLDER = Path(__file__).parents[1] / "fixtures" / "odd_canvases"
ENTRIES: list[dict[str, Any]] = tomllib.loads((FOLDER / "manifest.toml").read_text(encoding="utf-8"))["canvas"]
READ = [entry for entry in ENTRIES if "refused" not in entry]
REFUSED = [entry for entry in ENTRIES if "refused" in entry]
EVERYTHING = AgentInputs(fields={}, reads=("material", "understanding"))
NOTE = "# 笔记\n\n命题是能判断真假的陈述句。\n\n## 逆否命题\n\n若非 q 则非 p，与原命题等价。\n"
NEW = {"id": "新的一个", "type": "text", "text": "新", "x": 0, "y": 0, "width": 1, "height": 1}


def entries(chosen: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", chosen, ids=[entry["file"].removesuffix(".canvas") for entry in chosen])


@pytest.fixture
def place(vault: Path) -> Path:
    """A folder in a vault with one note."""
    folder = vault / "离散数学"
    (folder / "笔记.md").write_text(NOTE, encoding="utf-8")
    return folder


def loaded(place: Path, entry: dict[str, Any]) -> Document:
    return load_document(Path(shutil.copy(FOLDER / entry["file"], place)))


def selected(document: Document) -> Selection:
    return select_tasks(document.canvas, EVERYTHING)


def test_every_canvas_of_the_folder_has_one_entry_that_says_what_it_is() -> None:
    assert sorted(entry["file"] for entry in ENTRIES) == sorted(path.name for path in FOLDER.glob("*.canvas"))
    assert len({entry["about"] for entry in ENTRIES}) == len(ENTRIES) >= 60


@entries(READ)
def test_an_odd_canvas_is_read_for_what_it_holds(entry: dict[str, Any], place: Path) -> None:
    document = loaded(place, entry)
    selection = selected(document)
    canvas = document.canvas
    assert (len(canvas.nodes), len(canvas.edges), len(selection.tasks)) == (
        entry["nodes"],
        entry["edges"],
        entry["tasks"],
    )
    expected = entry.get("warnings", [])
    assert len(canvas.warnings) == len(expected)
    assert all(words in warning for words, warning in zip(expected, canvas.warnings, strict=True))
    reasons = {skip.node_id: skip.reason for skip in selection.skipped}
    assert len(reasons) == entry["nodes"] - entry["tasks"]
    for node_id, words in entry.get("skipped", {}).items():
        assert words in reasons[node_id]


@entries(REFUSED)
def test_a_broken_canvas_is_refused_with_its_place(entry: dict[str, Any], place: Path) -> None:
    with pytest.raises((CanvasError, SourceError)) as caught:
        loaded(place, entry)
    error = caught.value
    assert entry["refused"] in error.problem
    assert "\n" not in str(error)
    if isinstance(error, CanvasError):
        assert (error.node, error.field) == (entry.get("node"), entry.get("field"))
    else:
        assert entry.get("line") in {None, error.line}


@entries(READ)
def test_a_node_added_to_an_odd_canvas_leaves_the_rest_byte_for_byte(entry: dict[str, Any], place: Path) -> None:
    document = loaded(place, entry)
    edit = Edit(nodes=ListEdit(added=[NEW]))
    if "refused_edit" in entry:
        with pytest.raises(CanvasError, match=entry["refused_edit"]):
            edit_document(document, edit)
        return
    edited = edit_document(document, edit)
    assert not b"".join(patch.before for patch in edited.reversal.patches).strip()
    assert reverse(document.path, edited.raw, edited.reversal) == document.raw
    document.path.write_bytes(edited.raw)
    again = load_document(document.path)
    assert json.dumps(again.data) == json.dumps({**document.data, "nodes": [*document.data.get("nodes", []), NEW]})
    assert again.canvas.warnings == document.canvas.warnings


def test_an_empty_file_becomes_what_obsidian_reads(place: Path) -> None:
    path = place / "空.canvas"
    path.touch()
    raw = edit_document(load_document(path), Edit(nodes=ListEdit(added=[NEW]))).raw
    assert raw.startswith(b'{\n\t"nodes":[\n\t\t{"id":')
