from __future__ import annotations

import pytest
from tests.journal.scene import EXECUTION, OTHER, execution_of, seen, submitted

from parallel_agents.core.errors import JournalError
from parallel_agents.journal import SqliteJournal
from parallel_agents.ports.entries import Arguments, Command, Verb


async def test_a_pause_is_noted_and_taken_off(journal: SqliteJournal) -> None:
    await submitted(journal, 1)

    await journal.pause(EXECUTION, "quota", 1.0)
    assert execution_of(journal).paused == "quota"
    await journal.pause(EXECUTION, None, 2.0)
    assert execution_of(journal).paused is None


async def test_an_end_is_noted_with_what_was_sampled(journal: SqliteJournal) -> None:
    await submitted(journal, 1)

    await journal.end(EXECUTION, 9.5, b"\x81\xa1a\x01")

    assert (execution_of(journal).ended_at, execution_of(journal).resources) == (9.5, b"\x81\xa1a\x01")


async def test_files_are_noted_once_each_in_the_order_of_writing(journal: SqliteJournal) -> None:
    await submitted(journal, 1)

    await journal.add_files(EXECUTION, ["b.json", "a.json"])
    await journal.add_files(EXECUTION, ["批量结果.json", "b.json"])

    assert execution_of(journal).file_paths == ("b.json", "a.json", "批量结果.json")


async def test_the_first_answer_to_a_call_stays(journal: SqliteJournal) -> None:
    first, second = await submitted(journal, 2)

    await journal.record_call(first, "hash-a", 0, b"answer", 1.0)
    await journal.record_call(first, "hash-a", 0, b"another", 2.0)
    await journal.record_call(first, "hash-a", 1, b"asked again", 3.0)

    assert seen(journal, lambda reader: reader.find_call(first, "hash-a", 0)) == b"answer"
    assert seen(journal, lambda reader: reader.find_call(first, "hash-a", 1)) == b"asked again"
    assert seen(journal, lambda reader: reader.find_call(first, "hash-b", 0)) is None
    assert seen(journal, lambda reader: reader.find_call(second, "hash-a", 0)) is None


async def test_an_answer_for_an_unknown_task_is_refused(journal: SqliteJournal) -> None:
    with pytest.raises(JournalError, match="FOREIGN KEY"):
        await journal.record_call(99, "hash", 0, b"answer", 1.0)


async def test_a_command_waits_for_its_answer(journal: SqliteJournal) -> None:
    await submitted(journal, 1)
    await submitted(journal, 1, OTHER)
    asked: list[tuple[str, Verb, Arguments]] = [
        (EXECUTION, "retry", {"task_ids": ["task-1", "task-2"], "all": False}),
        (OTHER, "cancel", {}),
        (EXECUTION, "concurrency", {"max_concurrent": 4, "reason": None}),
    ]
    ids = [await journal.ask(execution_id, verb, arguments, 1.0) for execution_id, verb, arguments in asked]
    commands = [
        Command(command_id=number, execution_id=execution_id, verb=verb, arguments=arguments, asked_at=1.0)
        for number, (execution_id, verb, arguments) in zip(ids, asked, strict=True)
    ]

    assert await journal.read(lambda reader: reader.open_commands([EXECUTION])) == [commands[0], commands[2]]
    assert await journal.read(lambda reader: reader.open_commands([EXECUTION, OTHER])) == commands
    assert await journal.read(lambda reader: reader.open_commands([])) == []

    await journal.acknowledge(ids[0], "2 tasks", 2.0)

    assert await journal.read(lambda reader: reader.open_commands([EXECUTION])) == [commands[2]]
    answered = seen(journal, lambda reader: reader.command(ids[0]))
    assert answered is not None
    assert answered.answer == "2 tasks"


async def test_the_first_answer_to_a_command_stays(journal: SqliteJournal) -> None:
    await submitted(journal, 1)
    command_id = await journal.ask(EXECUTION, "pause", {}, 1.0)

    await journal.acknowledge(command_id, "paused", 2.0)
    await journal.acknowledge(command_id, "again", 3.0)

    command = seen(journal, lambda reader: reader.command(command_id))
    assert command is not None
    assert command.answer == "paused"


async def test_an_answer_to_no_command_is_refused(journal: SqliteJournal) -> None:
    with pytest.raises(JournalError, match="no command 7"):
        await journal.acknowledge(7, "done", 1.0)
