from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.canvas.desk import Disturbed, add_to, once, rewrite
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
    real,
    score,
    stamp_of,
    submit,
    task_id_of,
    write,
)

from parallel_agents.core.errors import InputError, UnknownExecutionError
from parallel_agents.journal import SqliteJournal


async def test_questions_land_with_a_node_for_each_understanding(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    await submit(journal, [Given("basic-decomposition", "甲", questions(3), canvas)])
    outcome = await landings_on(journal, tmp_path).apply(EXECUTION)

    (applied,) = outcome.canvases
    assert (applied.nodes_before, applied.nodes_after, applied.nodes_added) == (3, 9, 6)
    assert (applied.edges_before, applied.edges_after, applied.edges_added) == (0, 6, 6)
    assert len(nodes_of(canvas)) == 9
    assert [edge["label"] for edge in edges_of(canvas) if edge["fromNode"] == "甲" and "label" in edge] == [
        "基础拆解问题"
    ]
    assert applied.refused == ()
    assert outcome.is_whole
    assert applied.checked is not None
    assert applied.checked.colours_before == {"none": 3}
    assert applied.checked.colours_after == {"none": 3, "1": 3, "3": 3}
    (noted,) = journal.read_now(lambda reader: reader.landings(EXECUTION))
    assert (noted.state, noted.nodes_before, noted.nodes_after) == ("done", 3, 9)
    assert noted.checked == msgspec.msgpack.encode(applied.checked)


async def test_an_explanation_lands_as_a_note_that_opens_from_the_root(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    await submit(journal, [Given("oral-explanation", "甲", explanation(), canvas)])
    outcome = await landings_on(journal, tmp_path).apply(EXECUTION)

    (path,) = outcome.canvases[0].files
    assert path.startswith("离散/图论-口语化解释-")
    assert MARKDOWN.strip() in (canvas.parents[1] / path).read_text("utf-8")
    assert [node["file"] for node in nodes_of(canvas).values() if node["type"] == "file"] == [path]


async def test_applying_twice_changes_nothing(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    given = [
        Given("basic-decomposition", "甲", questions(3), canvas),
        Given("oral-explanation", "乙", explanation(), canvas),
    ]
    await submit(journal, given)
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    before, stamp = content(canvas), stamp_of(canvas)
    outcome = await landings.apply(EXECUTION)

    assert content(canvas) == before
    assert stamp_of(canvas) == stamp
    assert (outcome.canvases[0].nodes_added, outcome.canvases[0].files) == (0, ())
    assert len(notes_in(canvas.parent)) == 1
    assert len(journal.read_now(lambda reader: reader.landings(EXECUTION))) == 1


async def test_what_was_removed_from_the_canvas_is_added_again(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    await submit(journal, [Given("basic-decomposition", "甲", questions(3), canvas)])
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    whole = nodes_of(canvas)
    gone = list(whole)[4]
    rewrite(canvas, lambda data: data.update(nodes=[node for node in data["nodes"] if node["id"] != gone]))
    await landings.apply(EXECUTION)

    assert nodes_of(canvas).keys() == whole.keys()
    assert len(edges_of(canvas)) == 6


async def test_only_what_no_open_task_stands_before_lands_while_it_runs(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    given = [
        Given("basic-decomposition", "甲", questions(3), canvas),
        Given("basic-decomposition", "乙", None, canvas),
        Given("basic-decomposition", "丙", questions(3), canvas),
    ]
    keys = await submit(journal, given)
    landings = landings_on(journal, tmp_path)
    first = await landings.apply(EXECUTION)
    halfway = len(nodes_of(canvas))
    await finish(journal, keys[1], questions(3))
    second = await landings.apply(EXECUTION)

    assert (first.waiting, halfway) == (1, 9)
    assert (second.waiting, len(nodes_of(canvas))) == (0, 21)


async def test_bit_by_bit_and_at_once_give_the_same_canvas(journal: SqliteJournal, tmp_path: Path) -> None:
    def given(canvas: Path, *, done: bool) -> list[Given]:
        outputs = [questions(4, "甲"), explanation(), questions(5, "丙"), explanation("## 二\n")]
        agents = ["basic-decomposition", "oral-explanation"] * 2
        return [
            Given(agent, node, output if done else None, canvas)
            for agent, node, output in zip(agents, "甲乙丙甲", outputs, strict=True)
        ]

    other = SqliteJournal(tmp_path / "other.sqlite3")
    other.start()
    nodes = [a_material("甲"), a_material("乙", y=300), a_material("丙", y=600)]
    at_once, bit_by_bit = make_vault(tmp_path / "1", *nodes), make_vault(tmp_path / "2", *nodes)
    await submit(journal, given(at_once, done=True))
    await landings_on(journal, tmp_path / "1").apply(EXECUTION)
    keys = await submit(other, given(bit_by_bit, done=False))
    for key, one in zip(keys, given(bit_by_bit, done=True), strict=True):
        assert one.output is not None
        await finish(other, key, one.output)
        await landings_on(other, tmp_path / "2").apply(EXECUTION)
    await other.aclose()

    assert content(bit_by_bit) == content(at_once)
    assert notes_in(bit_by_bit.parent) == notes_in(at_once.parent)


async def test_named_tasks_and_nodes_land_and_nothing_else(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    await submit(
        journal,
        [
            Given("basic-decomposition", "甲", None, canvas),
            Given("basic-decomposition", "乙", questions(3), canvas),
            Given("basic-decomposition", "丙", questions(4), canvas),
        ],
    )
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION, only=[task_id_of(1)])
    first = len(nodes_of(canvas))
    await landings.apply(EXECUTION, only=["丙"])

    assert (first, len(nodes_of(canvas))) == (9, 17)
    with pytest.raises(InputError, match=r"has no task, and no node, 'nobody'"):
        await landings.apply(EXECUTION, only=["nobody"])


async def test_colours_change_only_when_that_is_asked_for(journal: SqliteJournal, tmp_path: Path) -> None:
    canvas = make_vault(
        tmp_path,
        a_material("问", text="什么是图？", color="1"),
        a_material("答", y=300, text="点和边", color="3"),
        edges=[{"id": "e", "fromNode": "问", "toNode": "答", "label": "个人理解"}],
    )
    before = content(canvas)
    await submit(journal, [Given("scoring-agent", "答", score(), canvas)])
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    untouched = content(canvas)
    outcome = await landings.apply(EXECUTION, recolour=True, palette="project-v1")

    assert untouched == before
    assert nodes_of(canvas)["问"]["color"] == "2"
    assert outcome.canvases[0].recoloured == 1
    assert content(canvas) == before.replace(b'"color": "1"', b'"color": "2"')


async def test_what_cannot_land_is_named_and_the_rest_lands(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    await submit(
        journal,
        [
            Given("basic-decomposition", "没有", questions(3), canvas),
            Given("silent", "甲", {"x": 1}, canvas),
            Given("basic-decomposition", None, questions(3), None),
            Given("basic-decomposition", "甲", questions(3), canvas),
            Given("basic-decomposition", "甲", questions(3), canvas.with_name("gone.canvas")),
        ],
    )
    outcome = await landings_on(journal, tmp_path).apply(EXECUTION)

    good, gone = outcome.canvases
    assert sorted(one.reason for one in good.refused) == [
        "agent 'silent' does not say how its results look on a canvas",
        "there is no such node on this canvas",
    ]
    assert good.nodes_added == 6
    assert gone.problem is not None
    assert "there is no such file" in gone.problem
    assert [one.reason for one in outcome.refused] == ["its task is about no node of a canvas"]
    assert not outcome.is_whole


async def test_a_note_needs_a_vault_and_questions_do_not(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    (canvas.parents[1] / ".obsidian").rmdir()
    await submit(
        journal,
        [
            Given("oral-explanation", "甲", explanation(), canvas),
            Given("basic-decomposition", "乙", questions(3), canvas),
        ],
    )
    outcome = await landings_on(journal, tmp_path).apply(EXECUTION)

    assert [one.reason for one in outcome.canvases[0].refused] == [
        "the canvas lies in no vault (a folder with .obsidian), so no note of it opens"
    ]
    assert outcome.canvases[0].nodes_added == 6
    assert notes_in(canvas.parent) == []


async def test_a_name_of_the_users_own_is_not_taken(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    await submit(journal, [Given("oral-explanation", "甲", explanation(), canvas)])
    landings = landings_on(journal, tmp_path)
    (_, (review,)) = await landings.review(EXECUTION)
    (file,) = review.proposals[0].files
    (canvas.parents[1] / file.path).write_text("mine", encoding="utf-8")
    outcome = await landings.apply(EXECUTION)

    assert outcome.canvases[0].files == (file.path.replace(".md", "-2.md"),)
    assert (canvas.parents[1] / file.path).read_text("utf-8") == "mine"


async def test_a_review_writes_nothing(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    given = [
        Given("basic-decomposition", "甲", questions(3), canvas),
        Given("oral-explanation", "乙", explanation(), canvas),
    ]
    await submit(journal, given)
    before = everything_below(tmp_path)
    outcome, (review,) = await landings_on(journal, tmp_path).review(EXECUTION)

    assert [len(proposal.nodes) for proposal in review.proposals] == [6, 2]
    assert everything_below(tmp_path) == before
    assert outcome.canvases == ()


async def test_what_somebody_writes_meanwhile_survives_and_no_note_is_made_twice(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    given = [
        Given("basic-decomposition", "甲", questions(3), canvas),
        Given("oral-explanation", "乙", explanation(), canvas),
    ]
    await submit(journal, given)
    disturbed = Disturbed(swapping=lambda: add_to(canvas, "mine"), ready=once(lambda: add_to(canvas, "mine too")))
    outcome = await landings_on(journal, tmp_path, disturbed.manner()).apply(EXECUTION)

    assert {"mine", "mine too"} < nodes_of(canvas).keys()
    assert len(nodes_of(canvas)) == 3 + 2 + 8
    assert notes_in(canvas.parent) == [Path(outcome.canvases[0].files[0]).name]
    states = [one.state for one in journal.read_now(lambda reader: reader.landings(EXECUTION))]
    assert states == ["dropped", "dropped", "done"]


async def test_a_canvas_that_keeps_changing_gets_neither_nodes_nor_notes(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    await submit(journal, [Given("oral-explanation", "乙", explanation(), canvas)])
    numbers = iter(range(100))
    disturbed = Disturbed(ready=lambda: add_to(canvas, f"n{next(numbers)}"))
    outcome = await landings_on(journal, tmp_path, disturbed.manner()).apply(EXECUTION)

    assert outcome.canvases[0].problem is not None
    assert "keeps changing" in outcome.canvases[0].problem
    assert notes_in(canvas.parent) == []
    assert all(node_id in "甲乙丙" or node_id.startswith("n") for node_id in nodes_of(canvas))
    states = {one.state for one in journal.read_now(lambda reader: reader.landings(EXECUTION))}
    assert states == {"dropped"}


async def test_an_unknown_execution_is_an_error(journal: SqliteJournal, tmp_path: Path) -> None:
    with pytest.raises(UnknownExecutionError):
        await landings_on(journal, tmp_path).apply(EXECUTION)


async def test_a_relative_path_is_found_in_its_vault(
    journal: SqliteJournal, canvas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = canvas.parents[1]
    monkeypatch.chdir(tmp_path / "笔记 库" / "离散")
    await submit(
        journal, [Given("basic-decomposition", "甲", questions(3), "笔记 库/离散/图 论.canvas")], vault_root=root
    )
    outcome = await landings_on(journal, tmp_path).apply(EXECUTION)

    assert outcome.canvases[0].canvas == real(canvas)


async def test_a_canvas_of_another_vault_is_not_written(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    other = make_vault(tmp_path / "other", a_material("甲"))
    before = content(other)
    await submit(journal, [Given("basic-decomposition", "甲", questions(3), other)], vault_root=canvas.parents[1])
    outcome = await landings_on(journal, tmp_path).apply(EXECUTION)

    assert outcome.canvases[0].problem is not None
    assert "is not in the vault" in outcome.canvases[0].problem
    assert content(other) == before


async def test_two_names_of_one_canvas_are_one_canvas(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    link = canvas.with_name("link.canvas")
    link.symlink_to(canvas)
    given = [
        Given("basic-decomposition", "甲", questions(3), canvas),
        Given("basic-decomposition", "乙", questions(3), link),
    ]
    await submit(journal, given)
    outcome = await landings_on(journal, tmp_path).apply(EXECUTION)

    assert [applied.nodes_added for applied in outcome.canvases] == [12]


async def test_what_was_found_is_kept_from_the_first_landing_to_the_last(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    given = [Given("basic-decomposition", "甲", questions(3), canvas), Given("basic-decomposition", "乙", None, canvas)]
    keys = await submit(journal, given)
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    await finish(journal, keys[1], questions(4))
    await landings.apply(EXECUTION)
    found = await landings.checks(EXECUTION)
    await landings.undo(EXECUTION)

    assert [(check.nodes_before, check.nodes_after) for check in found.values()] == [(3, 17)]
    assert list(found) == [str(canvas)]
    assert await landings.checks(EXECUTION) == {}


async def test_of_two_scores_of_one_question_the_last_one_says_its_colour(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    canvas = make_vault(
        tmp_path,
        a_material("问", text="什么是图？", color="1"),
        a_material("一", y=300, text="点和边"),
        a_material("二", y=600, text="只有点"),
        edges=[{"id": f"e{one}", "fromNode": "问", "toNode": one, "label": "个人理解"} for one in ("一", "二")],
    )
    given = [
        Given("scoring-agent", "一", score("change_to_purple"), canvas),
        Given("scoring-agent", "二", score("change_to_green"), canvas),
    ]
    await submit(journal, given)
    landings = landings_on(journal, tmp_path)
    colours: list[str] = []
    for _ in range(3):
        await landings.apply(EXECUTION, recolour=True)
        colours.append(nodes_of(canvas)["问"]["color"])

    assert colours == ["4", "4", "4"]


async def test_a_note_that_was_edited_stays_when_its_node_is_put_back(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    await submit(journal, [Given("oral-explanation", "乙", explanation(), canvas)])
    landings = landings_on(journal, tmp_path)
    await landings.apply(EXECUTION)
    whole = nodes_of(canvas)
    (name,) = notes_in(canvas.parent)
    write(canvas.parent / name, "my own words")
    rewrite(
        canvas, lambda data: data.update(nodes=[node for node in data["nodes"] if node["id"] in "甲乙丙"], edges=[])
    )
    outcome = await landings.apply(EXECUTION)

    assert nodes_of(canvas) == whole
    assert content(canvas.parent / name) == b"my own words"
    assert (outcome.canvases[0].files, outcome.canvases[0].refused) == ((), ())
    assert outcome.is_whole
