"""Folders as sources: every canvas below them, or every note."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from parallel_agents import create_batch_tasks
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.core.errors import CanvasError, InputError, SourceError
from parallel_agents.sources.plan import Plan
from parallel_agents.sources.reading import plan_source

EXAMPLES = Path(__file__).parents[2] / "examples"
BASIC = "basic-decomposition"
TEXT = "若一个整数能被另一个整除，则后者是它的因数。"


def write(path: Path, nodes: Mapping[str, str | dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    size = {"x": 0, "y": 0, "width": 100, "height": 50}
    items = [
        {"id": node_id, **size, **({"type": "text", "text": told} if isinstance(told, str) else told)}
        for node_id, told in nodes.items()
    ]
    path.write_text(json.dumps({"nodes": items, "edges": []}), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two canvases of one name in two folders, and one of another name."""
    folder = tmp_path / "库 📚"
    write(folder / "代数" / "图.canvas", {"n1": TEXT, "n2": "", "only": TEXT})
    write(folder / "分析" / "图.canvas", {"n1": TEXT + "二"})
    write(folder / "杂.canvas", {"n#1": TEXT, "red": {"type": "text", "text": TEXT, "color": "1"}})
    return folder


def plan(folder: Path, *select: str, nodes: Sequence[str] | None = None, skip_unreadable: bool = False) -> Plan:
    choice = NodeChoice(select=select or None, node_ids=nodes)
    return plan_source(folder, BASIC, choice, AgentRegistry(), skip_unreadable=skip_unreadable)


def places(found: Plan, folder: Path) -> list[tuple[str, str]]:
    return [(str(Path(task["canvas_path"]).relative_to(folder)), task["node_id"]) for task in found.tasks]


def test_every_canvas_is_taken_by_its_full_path(folder: Path) -> None:
    found = plan(folder)
    assert places(found, folder) == [
        ("代数/图.canvas", "n1"),
        ("代数/图.canvas", "only"),
        ("分析/图.canvas", "n1"),
        ("杂.canvas", "n#1"),
        ("杂.canvas", "red"),
    ]
    assert found.places[2] == f"{folder}/分析/图.canvas, node 'n1'"
    assert found.tasks[2]["input_data"]["material_content"] == TEXT + "二"
    assert [(skip.path, skip.node_id, skip.reason) for skip in found.skipped] == [
        (f"{folder}/代数/图.canvas", "n2", "is empty")
    ]
    assert (found.source, found.title) == (str(folder), "拆解")


def test_a_folder_gives_the_tasks_that_its_canvases_give_one_by_one(tmp_path: Path) -> None:
    vaults = tmp_path / "all"
    for name in ("笔记库", "Notes"):
        shutil.copytree(EXAMPLES / name, vaults / name)
    whole = create_batch_tasks(str(vaults), BASIC)
    canvases = sorted(vaults.rglob("*.canvas"))
    alone = [create_batch_tasks(str(canvas), BASIC) for canvas in canvases]
    assert list(whole) == [task for batch in alone for task in batch]
    assert whole.skipped == tuple(skip for batch in alone for skip in batch.skipped)
    assert len(canvases) == 2


def test_a_canvas_that_cannot_be_read_refuses_all_of_them_and_is_named(folder: Path) -> None:
    (folder / "a.canvas").write_text("{", encoding="utf-8")
    (folder / "b.canvas").write_text('{"nodes": [{"type": "text"}]}', encoding="utf-8")
    os.mkfifo(folder / "c.canvas")
    with pytest.raises(SourceError, match="is not JSON") as told:
        plan(folder)
    for name in ("a.canvas:1", "2 more", "b.canvas", "c.canvas", "--skip-unreadable"):
        assert name in str(told.value)
    (folder / "a.canvas").unlink()
    with pytest.raises(CanvasError, match=r"field 'nodes\[0\].id'.*1 more cannot be read: .*c.canvas"):
        create_batch_tasks(str(folder), BASIC)


def test_what_cannot_be_read_is_left_out_where_that_is_asked_for(folder: Path) -> None:
    before = plan(folder)
    (folder / "a.canvas").write_text("{", encoding="utf-8")
    os.mkfifo(folder / "c.canvas")
    found = plan(folder, skip_unreadable=True)
    assert found.tasks == before.tasks
    assert [(Path(skip.path).name, skip.node_id) for skip in found.skipped] == [
        ("a.canvas", None),
        ("c.canvas", None),
        ("图.canvas", "n2"),
    ]
    assert found.skipped[0].reason.startswith("line 1: is not JSON")
    assert found.skipped[1].reason == "is not a regular file"


@pytest.mark.parametrize("nothing", ["", " "])
def test_an_empty_source_is_not_the_folder_one_is_in(nothing: str) -> None:
    with pytest.raises(InputError, match="the source is empty"):
        create_batch_tasks(nothing, BASIC)


def test_a_link_out_of_the_folder_is_told(folder: Path, tmp_path: Path) -> None:
    (folder / "x.canvas").symlink_to(write(tmp_path / "out.canvas", {"secret": TEXT}))
    found = plan(folder)
    assert "secret" not in {task["node_id"] for task in found.tasks}
    assert (f"{folder}/x.canvas", None) in {(skip.path, skip.node_id) for skip in found.skipped}


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ("only", ("代数/图.canvas", "only")),
        ("分析/图.canvas#n1", ("分析/图.canvas", "n1")),
        ("分析/图#n1", ("分析/图.canvas", "n1")),
        ("n#1", ("杂.canvas", "n#1")),
        ("杂#n#1", ("杂.canvas", "n#1")),
        ("图#only", ("代数/图.canvas", "only")),
    ],
)
def test_a_node_is_named_by_its_id_or_with_its_canvas(folder: Path, named: str, place: tuple[str, str]) -> None:
    assert places(plan(folder, nodes=[named]), folder) == [place]


def test_the_path_that_was_given_names_a_canvas_too(folder: Path) -> None:
    assert places(plan(folder, nodes=[f"{folder}/分析/图.canvas#n1"]), folder) == [("分析/图.canvas", "n1")]


def test_named_nodes_are_taken_canvas_by_canvas(folder: Path) -> None:
    found = plan(folder, nodes=["red", "only", "代数/图#n1"])
    assert places(found, folder) == [("代数/图.canvas", "only"), ("代数/图.canvas", "n1"), ("杂.canvas", "red")]
    assert found.skipped == []


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("n1", r"2 canvases have a node 'n1'. Say which one: '代数/图.canvas#n1', '分析/图.canvas#n1'"),
        ("图#n1", "2 canvases have a node '图#n1'"),
        ("zz", "no canvas in it has a node 'zz'"),
        ("杂#n1", "no canvas in it has a node '杂#n1'"),
        ("#", "no canvas in it has a node '#'"),
    ],
)
def test_a_node_that_is_on_no_canvas_or_on_several_is_refused(folder: Path, named: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        plan(folder, nodes=[named])


def test_a_path_names_its_own_canvas_before_one_of_the_same_name(folder: Path) -> None:
    write(folder / "图.canvas", {"n1": TEXT})
    assert places(plan(folder, nodes=["图.canvas#n1"]), folder) == [("图.canvas", "n1")]


def test_a_selection_need_not_fit_on_every_canvas(folder: Path) -> None:
    found = plan(folder, "red")
    assert places(found, folder) == [("杂.canvas", "red")]
    assert found.not_selected == 5
    group = {"type": "group", "label": "定理", "width": 500, "height": 500}
    write(folder / "组.canvas", {"g": group, "in": TEXT})
    assert places(plan(folder, "group:定理"), folder) == [("组.canvas", "in")]
    assert places(plan(folder, "subtree:only, group:定理"), folder) == [("代数/图.canvas", "only"), ("组.canvas", "in")]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("5", "no node is 5 "),
        ("red or group:没有", "column 8: no canvas in .* has a group '没有'"),
        ("red, subtree:zz", "column 6: no canvas in .* has a node 'zz'"),
        ("purpel", "'purpel' is neither a colour"),
    ],
)
def test_a_selection_that_fits_nowhere_is_refused(folder: Path, expression: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        plan(folder, expression)


def test_the_vault_is_that_of_the_folder_or_the_one_that_all_canvases_lie_in(folder: Path) -> None:
    assert plan(folder).vault_root is None
    (folder / "代数" / ".obsidian").mkdir()
    assert plan(folder).vault_root is None
    assert plan(folder / "代数").vault_root == str(folder / "代数")
    assert plan(folder, nodes=["only"]).vault_root is None
    (folder / ".obsidian").mkdir()
    assert plan(folder).vault_root == str(folder)
    outer = folder.parent / "outer"
    outer.mkdir()
    folder.rename(outer / "v")
    shutil.rmtree(outer / "v" / "代数" / ".obsidian")
    assert plan(outer).vault_root == str(outer / "v")


def test_a_folder_without_canvases_offers_its_notes_and_does_not_run_them(folder: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    with pytest.raises(SourceError, match=r"there is no canvas in this folder$"):
        plan(notes)
    (notes / "a.md").write_text(TEXT, encoding="utf-8")
    with pytest.raises(SourceError, match="--notes makes a task of its note"):
        plan(notes)
    (notes / "b.md").write_text(TEXT, encoding="utf-8")
    with pytest.raises(SourceError, match="--notes makes a task of each of its 2 notes"):
        plan(notes)
    with pytest.raises(InputError, match="--notes is for a folder of notes"):
        create_batch_tasks(str(folder / "杂.canvas"), BASIC, notes=True)
