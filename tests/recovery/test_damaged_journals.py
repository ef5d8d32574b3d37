"""Journals that were really broken: nothing is made up, nothing readable is lost, and the old file stays as it was."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests.journal.scene import (
    EXECUTION,
    WORKER,
    a_task,
    an_execution,
    bare,
    keys_of,
    names_in,
    records_of,
    settled,
)
from tests.recovery.damage import (
    OTHER,
    PAGE,
    answer_of,
    content_of,
    everything_in,
    filled,
    made,
    opened,
    output_of,
    overwrite,
    pages_in,
    pages_of,
    root_of,
)

from parallel_agents.core.errors import JournalError
from parallel_agents.core.states import State
from parallel_agents.journal import Kept, Rebuilt, SqliteJournal, check, rebuild

pytestmark = pytest.mark.faults


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def rebuilt_from(place: Path) -> Rebuilt:
    """Rebuild, and make sure that the old files stay and that the new journal is sound."""
    before = {path.name: path.read_bytes() for path in place.parent.iterdir() if path.is_file()}
    found = rebuild(place, place.with_name("new.sqlite3"))
    assert {name: place.with_name(name).read_bytes() for name in before} == before
    assert check(Path(found.path)).problems == ()
    return found


def the_one(found: Rebuilt) -> Kept:
    (kept,) = found.executions
    return kept


async def told(path: str | Path) -> tuple[Any, ...]:
    journal = await opened(Path(path))
    everything = everything_in(journal)
    await journal.aclose()
    return everything


def leftovers_in(found: Rebuilt) -> list[dict[str, Any]]:
    assert found.leftovers is not None
    return [json.loads(line) for line in Path(found.leftovers).read_text(encoding="utf-8").splitlines()]


async def test_a_sound_journal_comes_out_as_it_went_in(place: Path) -> None:
    await (await made(place)).aclose()
    found = rebuilt_from(place)
    assert found.is_whole
    assert found.leftovers is None
    assert await told(found.path) == await told(place)


async def test_what_depends_on_others_still_does_and_on_what_is_lost_no_more(place: Path) -> None:
    journal = SqliteJournal(place)
    journal.start()
    number = 60
    # Each waits for the one before it, the last for all. The input of one in the middle will be lost, so its task too.
    chain = [a_task(at, depends_on=(a_task(at - 1).task_id,) if at else ()) for at in range(number)]
    chain.append(a_task(number, depends_on=tuple(task.task_id for task in chain)))
    await journal.submit(an_execution(), chain)
    keys = keys_of(journal)
    for key in keys[:2]:
        journal.begin(key, 1, WORKER, 10.0)
        await journal.settle(settled(key, 1))
    before = everything_in(journal)
    await journal.aclose()

    found = rebuilt_from(place)
    again = await opened(Path(found.path))
    assert everything_in(again) == before
    ready = again.read_now(lambda reader: reader.ready(EXECUTION, exclude=(), limit=-1, order="fifo"))
    assert [one.key for one in ready] == [keys[2]]
    await again.aclose()

    connection = bare(place)
    connection.execute("PRAGMA foreign_keys = OFF; DELETE FROM inputs WHERE key = ?", (keys[30],))
    connection.close()
    await asyncio.to_thread(Path(found.path).unlink)
    again = await opened(Path(rebuilt_from(place).path))
    ready = again.read_now(lambda reader: reader.ready(EXECUTION, exclude=(), limit=-1, order="fifo"))
    assert [one.key for one in ready] == [keys[2], keys[31]]
    (last,) = again.read_now(lambda reader: reader.tasks_of([keys[-1]]))
    assert last.task.depends_on == tuple(task.task_id for task in chain[:30] + chain[31:-1])
    await again.aclose()


async def test_what_stands_only_in_the_log_is_there_too(place: Path, tmp_path: Path) -> None:
    journal = await made(place)
    copy = tmp_path / "copied" / place.name
    copy.parent.mkdir()
    for name in (place.name, f"{place.name}-wal"):
        copy.with_name(name).write_bytes(place.with_name(name).read_bytes())
    expected = everything_in(journal)
    await journal.aclose()
    found = rebuilt_from(copy)
    assert found.is_whole
    assert await told(found.path) == expected


async def test_a_file_cut_to_nothing_is_rebuilt_from_its_log(place: Path, tmp_path: Path) -> None:
    journal = await made(place, tasks=20)
    cut = tmp_path / "cut" / place.name
    cut.parent.mkdir()
    cut.touch()
    cut.with_name(f"{place.name}-wal").write_bytes(place.with_name(f"{place.name}-wal").read_bytes())
    expected = everything_in(journal)
    await journal.aclose()
    assert check(cut).problems == ("it is empty, but its log is not",)
    found = rebuilt_from(cut)
    assert found.is_whole
    assert await told(found.path) == expected


@pytest.mark.parametrize("table", ["tasks", "inputs", "history", "attempts", "calls"])
async def test_the_root_of_a_tree_costs_no_row_of_it(place: Path, table: str) -> None:
    await (await made(place)).aclose()
    expected = await told(place)
    overwrite(place, [root_of(place, table)])
    assert check(place).problems
    found = rebuilt_from(place)
    assert found.unusable_pages == 1
    if table in {"tasks", "inputs", "history", "calls"}:
        assert await told(found.path) == expected
        assert the_one(found).is_whole
    else:
        # Here the tree's inner pages hold rows themselves, and those are gone; no task is.
        assert the_one(found).tasks == 400


async def test_a_page_of_tasks_costs_its_own_tasks_and_no_others(place: Path) -> None:
    await (await made(place)).aclose()
    _, before, *_ = await told(place)
    overwrite(place, pages_of(place, "tasks")[3:5])
    found = rebuilt_from(place)
    kept = the_one(found)
    assert not found.is_whole
    assert 0 < kept.known - kept.tasks < 40
    assert kept.known == 400
    _, after, *_ = await told(found.path)
    wanted = {record.key: record for record in before}
    assert all(wanted[record.key] == record for record in after)
    assert len(after) == kept.tasks
    left = {line["row"]["key"] for line in leftovers_in(found) if line["table"] == "inputs"}
    assert left == wanted.keys() - {record.key for record in after}


async def test_results_whose_inputs_are_lost_are_handed_over_and_never_made_up(place: Path) -> None:
    await (await made(place)).aclose()
    overwrite(place, pages_of(place, "inputs")[1:2])
    found = rebuilt_from(place)
    rows = [line["row"] for line in leftovers_in(found) if line["table"] == "tasks"]
    assert len(rows) == the_one(found).known - the_one(found).tasks > 0
    for row in rows:
        assert row["output"]["text"].startswith(f"{row['key']}·")


async def test_results_whose_attempts_are_lost_stand_without_figures(place: Path) -> None:
    await (await made(place)).aclose()
    overwrite(place, pages_of(place, "attempts")[2:3])
    found = rebuilt_from(place)
    assert found.lost_attempts > 0
    assert the_one(found).is_whole
    _, records, *_ = await told(found.path)
    assert [record.output for record in records] == [output_of(record.key) for record in records]
    assert sum(not record.attempts for record in records) == found.lost_attempts


async def test_lines_of_the_history_that_are_lost_are_counted_and_their_numbers_not_given_again(place: Path) -> None:
    await (await made(place)).aclose()
    _, _, before, *_ = await told(place)
    last = pages_of(place, "history")[-1]
    overwrite(place, [last, pages_of(place, "history")[1]])
    found = rebuilt_from(place)
    _, _, after, *_ = await told(found.path)
    assert set(after) < set(before)
    assert found.lost_history == after[-1].sequence - len(after) > 0


async def test_an_execution_whose_row_is_lost_is_named_and_all_of_its_results_are_handed_over(place: Path) -> None:
    await (await made(place, tasks=30)).aclose()
    overwrite(place, [root_of(place, "executions")])
    found = rebuilt_from(place)
    assert the_one(found) == Kept(execution_id=EXECUTION, is_there=False, tasks=0, completed=0, known=30)
    tables = [line["table"] for line in leftovers_in(found)]
    assert (tables.count("tasks"), tables.count("inputs"), tables.count("calls")) == (30, 30, 30)


async def test_the_first_page_costs_nothing_but_what_stood_on_it(place: Path) -> None:
    await (await made(place)).aclose()
    expected = await told(place)
    overwrite(place, [1])
    with pytest.raises(JournalError, match="not a journal"):
        check(place)
    found = rebuilt_from(place)
    assert the_one(found).is_whole
    assert await told(found.path) == expected


async def test_a_file_that_was_cut_keeps_what_is_left_and_counts_what_is_not(place: Path) -> None:
    await (await made(place)).aclose()
    pages = pages_in(place)
    with place.open("r+b") as file:
        file.truncate((pages - pages // 3) * PAGE + 100)
    found = rebuilt_from(place)
    assert found.pages == pages
    assert found.unusable_pages >= pages // 3
    kept = the_one(found)
    assert 0 < kept.tasks < kept.known <= 400
    _, records, *_ = await told(found.path)
    assert all(record.output == output_of(record.key) for record in records)


async def test_half_a_page_costs_the_rows_in_that_half(place: Path) -> None:
    await (await made(place)).aclose()
    page = pages_of(place, "tasks")[2]
    with place.open("r+b") as file:
        file.seek((page - 1) * PAGE + PAGE // 2)
        file.write(b"\xa5" * (PAGE // 2))
    found = rebuilt_from(place)
    assert found.broken_rows > 0
    _, records, *_ = await told(found.path)
    assert all(record.output == output_of(record.key) for record in records)
    assert len(records) == the_one(found).tasks < 400


async def test_a_log_that_was_cut_gives_every_commit_before_the_cut(place: Path, tmp_path: Path) -> None:
    journal = await made(place, tasks=60)
    log = place.with_name(f"{place.name}-wal").read_bytes()
    content = content_of(place)
    await journal.aclose()
    cut = tmp_path / "cut" / place.name
    cut.parent.mkdir()
    cut.write_bytes(content)
    cut.with_name(f"{place.name}-wal").write_bytes(log[: len(log) * 2 // 3 + 17])
    found = rebuilt_from(cut)
    kept = the_one(found)
    # What was cut away cannot be known; what is there agrees with itself.
    assert kept.is_whole
    assert 0 < kept.completed < 60
    opened_by_sqlite = await told(cut)
    assert await told(found.path) == opened_by_sqlite


async def test_a_hole_in_the_log_is_told(place: Path, tmp_path: Path) -> None:
    journal = await made(place, tasks=60)
    log = bytearray(place.with_name(f"{place.name}-wal").read_bytes())
    content = content_of(place)
    await journal.aclose()
    holed = tmp_path / "holed" / place.name
    holed.parent.mkdir()
    holed.write_bytes(content)
    middle = 32 + (len(log) // (2 * (PAGE + 24))) * (PAGE + 24)
    log[middle + 100 : middle + 200] = b"\x00" * 100 if any(log[middle + 100 : middle + 200]) else b"\x01" * 100
    holed.with_name(f"{place.name}-wal").write_bytes(log)
    (problem,) = check(holed).problems
    assert "behind a broken one" in problem
    found = rebuilt_from(holed)
    assert found.lost_log_pages > 0
    assert not found.is_whole
    assert 0 < the_one(found).completed < 60


async def test_one_broken_execution_leaves_the_other_whole(place: Path) -> None:
    journal = await made(place, tasks=200)
    await filled(journal, 200, OTHER, done=lambda key: key % 2 == 0)
    await journal.aclose()
    overwrite(place, pages_of(place, "tasks")[-1:])
    found = rebuilt_from(place)
    first, second = sorted(found.executions, key=lambda kept: kept.execution_id)
    assert (first.execution_id, first.is_whole, first.completed) == (EXECUTION, True, 200)
    assert (second.execution_id, second.is_whole) == (OTHER, False)


async def test_a_row_that_its_history_has_overtaken_is_not_taken_for_the_truth(place: Path) -> None:
    journal = await opened(place)
    await filled(journal, 3, done=lambda _: False)
    await journal.aclose()
    old = content_of(place)
    page = pages_of(place, "tasks")[0]
    journal = await opened(place)
    for record in records_of(journal):
        await journal.cancel(record.execution_id, 50.0)
    await journal.aclose()
    with place.open("r+b") as file:  # a write that the disk acknowledged and never did
        file.seek((page - 1) * PAGE)
        file.write(old[(page - 1) * PAGE : page * PAGE])
    assert any("another state than their history" in problem for problem in check(place).problems)
    found = rebuilt_from(place)
    assert the_one(found).tasks == 0
    assert {line["row"]["state"] for line in leftovers_in(found) if line["table"] == "tasks"} == {"pending"}


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_is_broken_what_comes_out_is_what_went_in(place: Path, seed: int) -> None:
    await (await made(place, tasks=150)).aclose()
    _, before, history, _, landings = await told(place)
    chance = random.Random(seed)
    overwrite(place, [chance.randint(1, pages_in(place)) for _ in range(chance.randint(1, 12))], seed)
    found = rebuilt_from(place)
    kept = the_one(found)
    if not kept.is_there:
        return
    _, after, changes, calls, still_landed = await told(found.path)
    wanted = {record.key: record for record in before}
    for record in after:
        was = wanted[record.key]
        assert (record.output, record.task, record.state) == (was.output, was.task, was.state)
        assert all(attempt in was.attempts for attempt in record.attempts)
    assert set(changes) <= set(history)
    assert still_landed in ([], landings)
    assert all(call in {None, answer_of(record.key)} for call, record in zip(calls, after, strict=True))
    handed_over = {
        line["row"]["key"] for line in (leftovers_in(found) if found.leftovers else []) if line["table"] == "tasks"
    }
    assert len(after) == kept.tasks
    assert not handed_over & {record.key for record in after}
    assert all(record.state is State.COMPLETED for record in after)


def test_another_programs_file_is_refused_and_nothing_is_written(place: Path) -> None:
    connection = bare(place)
    connection.execute("CREATE TABLE songs (name TEXT); INSERT INTO songs VALUES ('x')")
    connection.close()
    with pytest.raises(JournalError, match="another program"):
        check(place)
    with pytest.raises(JournalError, match="nothing of a journal"):
        rebuild(place, place.with_name("new.sqlite3"))
    assert names_in(place.parent) == [place.name]


@pytest.mark.parametrize("content", [b"", b"\x00" * 9000, "# 笔记\n".encode() * 900])
def test_what_holds_nothing_of_a_journal_is_refused_and_nothing_is_written(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    with pytest.raises(JournalError, match=r"nothing of a journal|it is empty"):
        rebuild(place, place.with_name("new.sqlite3"))
    assert names_in(place.parent) == [place.name]
    assert place.read_bytes() == content


async def test_a_journal_that_somebody_works_on_is_not_rebuilt_but_may_be_checked(place: Path) -> None:
    journal = await made(place, tasks=5)
    assert journal.try_own(EXECUTION)
    with pytest.raises(JournalError, match="a process runs an execution"):
        rebuild(place, place.with_name("new.sqlite3"))
    checked = check(place)
    assert (checked.problems, checked.executions, checked.tasks) == ((), 1, 5)
    await journal.aclose()
    assert names_in(place.parent) in ([place.name], [f".{place.name}.owners", place.name])


async def test_an_existing_file_is_never_written_over(place: Path) -> None:
    await (await made(place, tasks=5)).aclose()
    there = place.with_name("new.sqlite3")
    there.write_text("mine", encoding="utf-8")
    with pytest.raises(JournalError, match="there already"):
        rebuild(place, there)
    assert there.read_text(encoding="utf-8") == "mine"


async def test_a_check_leaves_a_journal_and_its_folder_as_they_are(place: Path) -> None:
    await (await made(place, tasks=5)).aclose()
    before = content_of(place), names_in(place.parent)
    assert check(place).problems == ()
    assert (content_of(place), names_in(place.parent)) == before
