from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.canvas.desk import a_node, add_to, rewrite
from tests.landing.scene import (
    EXECUTION,
    MARKDOWN,
    Given,
    a_material,
    content,
    edges_of,
    everything_below,
    explanation,
    finish,
    landings_on,
    make_vault,
    nodes_of,
    notes_in,
    questions,
    remove,
    score,
    submit,
)

from parallel_agents.canvas.undoing import Kept
from parallel_agents.journal import SqliteJournal
from parallel_agents.landing import CanvasLandings, Reverted


@pytest.fixture
async def landed(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> CanvasLandings:
    """Three questions on one material and an explanation of another, on the canvas."""
    given = [
        Given("basic-decomposition", "甲", questions(3), canvas),
        Given("oral-explanation", "乙", explanation(), canvas),
    ]
    await submit(journal, given)
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    return landings


async def undone(landings: CanvasLandings) -> Reverted:
    (reverted,) = await landings.undo(EXECUTION)
    assert reverted.problem is None
    return reverted


def new_nodes(canvas: Path) -> list[str]:
    return [node_id for node_id in nodes_of(canvas) if node_id not in "甲乙丙"]


def change(canvas: Path, node_id: str, **keys: Any) -> None:
    def do(data: dict[str, Any]) -> None:
        next(node for node in data["nodes"] if node["id"] == node_id).update(keys)

    rewrite(canvas, do)


async def test_an_undo_gives_the_bytes_from_before(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    vault = canvas.parents[1]
    before = everything_below(vault)
    given = [
        Given("basic-decomposition", "甲", questions(3), canvas),
        Given("oral-explanation", "乙", None, canvas),
        Given("oral-explanation", "丙", explanation("## 丙\n"), canvas),
    ]
    keys = await submit(journal, given)
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    await finish(journal, keys[1], explanation())
    await landings.apply(EXECUTION)
    files = notes_in(canvas.parent)
    reverted = await undone(landings)

    assert everything_below(vault) == before
    assert reverted.is_exact
    assert (reverted.nodes_removed, reverted.edges_removed, reverted.kept) == (10, 10, ())
    assert reverted.trash is not None
    assert notes_in(Path(reverted.trash) / "离散") == files
    assert MARKDOWN.strip() in (Path(reverted.trash) / reverted.files[0]).read_text("utf-8")
    assert {one.state for one in journal.read_now(lambda reader: reader.landings(EXECUTION))} == {"undone"}


async def test_there_is_nothing_to_undo_twice(landed: CanvasLandings, canvas: Path) -> None:
    await undone(landed)
    before = content(canvas)

    assert await landed.undo(EXECUTION) == ()
    assert content(canvas) == before


async def test_what_is_undone_can_be_applied_again(landed: CanvasLandings, canvas: Path) -> None:
    whole = content(canvas)
    await undone(landed)
    await landed.apply(EXECUTION)

    assert content(canvas) == whole
    assert len(notes_in(canvas.parent)) == 1


async def test_what_somebody_added_stays_and_all_of_ours_goes(landed: CanvasLandings, canvas: Path) -> None:
    add_to(canvas, "mine")
    reverted = await undone(landed)

    assert list(nodes_of(canvas)) == ["甲", "乙", "丙", "mine"]
    assert edges_of(canvas) == []
    assert (reverted.is_exact, reverted.kept) == (False, ())
    assert notes_in(canvas.parent) == []


async def test_moved_and_resized_nodes_go(landed: CanvasLandings, canvas: Path) -> None:
    for node_id in new_nodes(canvas):
        change(canvas, node_id, x=-5000, width=900)
    await undone(landed)

    assert list(nodes_of(canvas)) == ["甲", "乙", "丙"]


async def test_an_answer_that_was_written_keeps_its_question_and_the_way_to_it(
    landed: CanvasLandings, canvas: Path
) -> None:
    asked = {edge["toNode"]: edge["fromNode"] for edge in edges_of(canvas) if edge.get("label") == "个人理解"}
    answer, question = next(iter(asked.items()))
    change(canvas, answer, text="图由点和边组成")
    reverted = await undone(landed)

    assert set(nodes_of(canvas)) == {"甲", "乙", "丙", answer, question}
    assert [(edge["fromNode"], edge["toNode"]) for edge in edges_of(canvas)] == [("甲", question), (question, answer)]
    assert {one.name: one.reason for one in reverted.kept if one.kind == "node"} == {
        answer: "it was changed since",
        question: "it leads to a node that stays",
    }
    assert [one.reason for one in reverted.kept if one.kind == "edge"] == ["it leads to a node that stays"] * 2


async def test_a_node_that_somebodys_edge_hangs_on_stays(landed: CanvasLandings, canvas: Path) -> None:
    question = next(edge["toNode"] for edge in edges_of(canvas) if edge["fromNode"] == "甲")

    def draw(data: dict[str, Any]) -> None:
        data["nodes"].append(a_node("mine", y=5000))
        data["edges"].append({"id": "my edge", "fromNode": question, "toNode": "mine"})

    rewrite(canvas, draw)
    reverted = await undone(landed)

    assert set(nodes_of(canvas)) == {"甲", "乙", "丙", question, "mine"}
    assert Kept("node", question, "an edge that is not ours hangs on it") in reverted.kept
    assert len(edges_of(canvas)) == 2


async def test_a_changed_edge_stays_with_its_ends(landed: CanvasLandings, canvas: Path) -> None:
    def label(data: dict[str, Any]) -> None:
        data["edges"][0]["label"] = "my label"

    rewrite(canvas, label)
    edge = edges_of(canvas)[0]
    reverted = await undone(landed)

    assert [one["id"] for one in edges_of(canvas)] == [edge["id"]]
    assert set(nodes_of(canvas)) == {"甲", "乙", "丙", edge["toNode"]}
    assert Kept("edge", edge["id"], "it was changed since") in reverted.kept


async def test_a_note_that_was_changed_stays_in_the_vault(landed: CanvasLandings, canvas: Path) -> None:
    (name,) = notes_in(canvas.parent)
    (canvas.parent / name).write_text("my own words", encoding="utf-8")
    reverted = await undone(landed)

    assert notes_in(canvas.parent) == [name]
    assert reverted.kept == (Kept("file", f"离散/{name}", "it was changed since"),)
    assert (reverted.files, reverted.trash) == ((), None)
    assert list(nodes_of(canvas)) == ["甲", "乙", "丙"]


async def test_a_note_that_a_node_of_somebody_shows_stays(landed: CanvasLandings, canvas: Path) -> None:
    (name,) = notes_in(canvas.parent)
    mine = {"id": "mine", "type": "file", "file": f"离散/{name}", "x": 0, "y": 9000, "width": 9, "height": 9}
    rewrite(canvas, lambda data: data["nodes"].append(mine))
    reverted = await undone(landed)

    assert notes_in(canvas.parent) == [name]
    assert reverted.kept == (Kept("file", f"离散/{name}", "a node that stays shows it"),)


async def test_what_is_gone_already_is_not_missed(landed: CanvasLandings, canvas: Path) -> None:
    (canvas.parent / notes_in(canvas.parent)[0]).unlink()
    gone = new_nodes(canvas)[0]
    rewrite(canvas, lambda data: data.update(nodes=[node for node in data["nodes"] if node["id"] != gone]))
    reverted = await undone(landed)

    assert list(nodes_of(canvas)) == ["甲", "乙", "丙"]
    assert edges_of(canvas) == []
    assert reverted.files == ()


@pytest.mark.parametrize(("later", "expected"), [(None, "1"), ("5", "5")])
async def test_a_colour_returns_where_it_is_still_ours(
    journal: SqliteJournal, tmp_path: Path, later: str | None, expected: str
) -> None:
    canvas = make_vault(
        tmp_path,
        a_material("问", text="什么是图？", color="1"),
        a_material("答", y=300, text="点和边", color="3"),
        edges=[{"id": "e", "fromNode": "问", "toNode": "答", "label": "个人理解"}],
    )
    await submit(journal, [Given("scoring-agent", "答", score(), canvas)])
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION, recolour=True)
    given = nodes_of(canvas)["问"]["color"]
    add_to(canvas, "mine")
    if later is not None:
        change(canvas, "问", color=later)
    reverted = await undone(landings)

    assert (given, nodes_of(canvas)["问"]["color"]) == ("4", expected)
    assert reverted.recoloured == (later is None)
    assert reverted.kept == (() if later is None else (Kept("colour", "问", "its colour was changed since"),))


async def test_a_colour_that_was_not_there_goes_again(journal: SqliteJournal, tmp_path: Path) -> None:
    canvas = make_vault(
        tmp_path,
        a_material("问", text="什么是图？"),
        a_material("答", y=300, text="点和边"),
        edges=[{"id": "e", "fromNode": "问", "toNode": "答", "label": "个人理解"}],
    )
    await submit(journal, [Given("scoring-agent", "答", score(), canvas)])
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION, recolour=True)
    add_to(canvas, "mine")
    await undone(landings)

    assert "color" not in nodes_of(canvas)["问"]


async def test_each_execution_takes_off_its_own(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    other = "exec-00000000000000b2"
    await submit(journal, [Given("basic-decomposition", "甲", questions(3), canvas)])
    await submit(journal, [Given("basic-decomposition", "乙", questions(4), canvas)], execution_id=other)
    before = content(canvas)
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    await landings.apply(other)
    await landings.undo(EXECUTION)
    between = len(nodes_of(canvas))
    await landings.undo(other)

    assert between == 3 + 8
    assert nodes_of(canvas).keys() == {"甲", "乙", "丙"}
    assert content(canvas) == before


async def test_two_canvases_are_undone_and_one_that_is_gone_is_told(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    second = make_vault(tmp_path / "second", a_material("甲"))
    before = content(second)
    given = [
        Given("basic-decomposition", "甲", questions(3), canvas),
        Given("basic-decomposition", "甲", questions(3), second),
    ]
    await submit(journal, given)
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    remove(canvas)
    first, last = await landings.undo(EXECUTION)

    assert first.problem is not None
    assert "there is no such file" in first.problem
    assert last.is_exact
    assert content(second) == before
