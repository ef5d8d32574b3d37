"""A canvas read back: what is missing, dangling, on top of something or closed is told, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from parallel_agents.canvas.checking import Overlap, check_canvas
from parallel_agents.canvas.document import Document, load_document
from parallel_agents.canvas.opening import unopened_files
from parallel_agents.canvas.palette import PALETTES
from parallel_agents.canvas.survey import survey_of
from parallel_agents.canvas.vault import Vault


def written(vault: Path, nodes: list[dict[str, Any]], edges: list[dict[str, Any]] | None = None) -> Document:
    path = vault / "离散数学" / "图.canvas"
    items = [{"type": "text", "text": "", "x": 0, "y": 0, "width": 100, "height": 100, **node} for node in nodes]
    path.write_text(json.dumps({"nodes": items, "edges": edges or []}), encoding="utf-8")
    return load_document(path)


def at(node_id: str, x: float, y: float = 0, **more: Any) -> dict[str, Any]:
    return {"id": node_id, "x": x, "y": y, **more}


def edge(edge_id: str, source: str, target: str) -> dict[str, Any]:
    return {"id": edge_id, "fromNode": source, "toNode": target}


def test_a_sound_apply_is_counted_before_and_after(vault: Path) -> None:
    before = written(vault, [at("a", 0, color="1"), at("b", 200)])
    nodes = [at("a", 0, color="4"), at("b", 200), at("new", 400, color="1")]
    after = written(vault, nodes, [edge("e", "b", "new")])
    checked = check_canvas(after, Vault(after.path), ["new", "e"], before=before)
    assert checked.is_sound(["new", "e"])
    assert (checked.nodes_before, checked.nodes_after, checked.edges_before, checked.edges_after) == (2, 3, 0, 1)
    assert checked.colours_before == {"1": 1, "none": 1}
    assert checked.colours_after == {"4": 1, "none": 1, "1": 1}


def test_what_nobody_looked_at_before_is_not_counted_as_nothing(vault: Path) -> None:
    after = written(vault, [at("a", 0)])
    checked = check_canvas(after, Vault(after.path), [])
    assert (checked.nodes_before, checked.edges_before, checked.colours_before) == (None, None, None)


def test_what_is_new_and_not_there_is_missing_and_what_leads_nowhere_dangles(vault: Path) -> None:
    after = written(vault, [at("a", 0)], [edge("e", "a", "gone"), edge("theirs", "gone", "a")])
    checked = check_canvas(after, Vault(after.path), ["lost", "e"])
    assert (checked.missing, checked.dangling, checked.edges_after) == (("lost",), ("e",), 2)
    assert not checked.is_sound(["lost", "e"])


@pytest.mark.parametrize(
    ("nodes", "overlaps"),
    [
        ([at("new", 0), at("a", 100)], []),  # they touch
        ([at("new", 0), at("a", 99)], ["a"]),
        ([at("new", 0), at("a", -1000, width=5000)], ["a"]),
        ([at("new", 0), at("a", 20, width=-60)], ["a"]),  # drawn to the left of its place
        ([at("new", 0), at("g", -10, -10, width=200, height=200, type="group")], []),  # inside
        ([at("new", 0), at("g", 50, -10, width=200, height=200, type="group")], ["g"]),  # across its border
        ([at("new", 0, type="group", width=300), at("a", 50)], []),
        ([at("new", 0), at("a", -1e9, -1e9, width=2e9, height=2e9)], ["a"]),
        ([at("new", -1e9, -1e9, width=2e9, height=2e9), at("a", 5)], ["a"]),
        ([at("new", 1e308, width=1e308), at("a", 0)], []),
        ([at("new", 0), at("a", 2000), at("b", 2001)], []),  # two that were there before
    ],
)
def test_only_what_is_new_is_told_where_it_lies_on_something(
    vault: Path, nodes: list[dict[str, Any]], overlaps: list[str]
) -> None:
    after = written(vault, nodes)
    checked = check_canvas(after, Vault(after.path), ["new"])
    assert checked.overlaps == tuple(Overlap("new", other) for other in overlaps)


def test_twenty_thousand_nodes_are_compared_by_their_neighbours(vault: Path) -> None:
    nodes = [at(f"n{number}", 120 * (number % 150), 120 * (number // 150)) for number in range(20_000)]
    after = written(vault, [*nodes, at("on top", 5, 5, width=20, height=20)])
    new = [node["id"] for node in nodes[::2]] + ["on top"]
    checked = check_canvas(after, Vault(after.path), new)
    assert checked.overlaps == (Overlap("on top", "n0"),)


FILES = {
    "离散数学/there.md": None,
    "there.md": "is not in the vault",
    "离散数学": "is not a regular file",
    "../outside.md": "climbs with '..'",
    "离散数学/../../outside.md": "climbs with '..'",
    "离散数学\\..\\..\\outside.md": "climbs with '..'",
    "离散数学\\there.md": "has backslashes",
    "离散数学/out.md": "leaves the vault",
    "outside/x.md": "leaves the vault",
    "C:\\outside.md": "is an absolute path",
    "//server/x.md": "is an absolute path",
    "": "names no file",
    "a\0b": "NUL",
    "长" * 300 + ".md": "",
}


def test_every_file_node_opens_or_is_told_with_the_reason(vault: Path) -> None:
    (vault.parent / "outside.md").write_text("secret", encoding="utf-8")
    (vault / "离散数学" / "there.md").write_text("# 在", encoding="utf-8")
    (vault / "离散数学" / "out.md").symlink_to(vault.parent / "outside.md")
    (vault / "outside").symlink_to(vault.parent)
    files = {**FILES, str(vault.parent / "outside.md"): "is an absolute path"}
    nodes = [at(f"n{number}", 200 * number, type="file", file=file) for number, file in enumerate(files)]
    after = written(vault, nodes)
    told = {one.file: one.reason for one in unopened_files(after.canvas, Vault(after.path))}
    assert told.keys() == files.keys() - {"离散数学/there.md"}
    for file, reason in files.items():
        assert reason is None or reason in told[file], file


def test_nothing_outside_the_vault_is_touched(vault: Path) -> None:
    # To open a pipe that nobody writes to, or to look into it, would not come back.
    os.mkfifo(vault.parent / "pipe.md")
    (vault / "离散数学" / "pipe.md").symlink_to(vault.parent / "pipe.md")
    os.mkfifo(vault / "离散数学" / "inside.md")
    files = ["离散数学/pipe.md", "离散数学/inside.md", "../pipe.md", str(vault.parent / "pipe.md")]
    after = written(vault, [at(file, 200 * number, type="file", file=file) for number, file in enumerate(files)])
    assert [one.file for one in check_canvas(after, Vault(after.path), files).unopened] == files
    assert not check_canvas(after, Vault(after.path), files).is_sound(files)
    assert check_canvas(after, Vault(after.path), []).is_sound([])


def test_without_a_vault_no_file_node_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.canvas"
    (tmp_path / "a.md").write_text("a", encoding="utf-8")
    path.write_text(json.dumps({"nodes": [at("a", 0, type="file", file="a.md")]}), encoding="utf-8")
    (told,) = unopened_files(load_document(path).canvas, Vault(path))
    assert "lies in no vault" in told.reason


def test_a_survey_adds_up_and_names_the_questions_that_are_open(vault: Path) -> None:
    root = Path(__file__).parents[2] / "examples"
    canvas = load_document(root / "笔记库" / "离散数学" / "离散数学.canvas").canvas
    survey = survey_of(canvas, PALETTES["project-v1"])
    assert sum(survey.by_type.values()) == sum(survey.colours.values()) == survey.nodes == len(canvas.nodes)
    assert survey.colours["red"] == sum(node.color in {"1", "4"} for node in canvas.nodes)
    assert {one.node_id for one in survey.unanswered} == {
        "412ef0447154ba9b",
        "f57a77cfa7b1ec87",
        "2e159a778c44c0d0",
        "d3c1c90ea0d6cb50",
    }
    assert survey.unanswered[0].text == "逆命题和逆否命题有什么区别？"
    assert (survey.questions, survey.filled, survey.empty, survey.unopened) == (10, 6, 3, ())


def test_a_question_whose_answer_cannot_be_read_is_neither_open_nor_answered(vault: Path) -> None:
    nodes = [at("q", 0, text="什么是命题？"), at("u", 300, type="file", file="gone.md")]
    link = {**edge("e", "q", "u"), "label": "个人理解"}
    survey = survey_of(written(vault, nodes, [link]).canvas, PALETTES["jsoncanvas"])
    assert (survey.questions, survey.unanswered, survey.filled, survey.empty) == (1, (), 0, 0)
    assert [one.node_id for one in survey.unread] == ["q", "u"]
