"""What other processes ask for: answered once, by whoever can still do it, and never long after."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from parallel_agents.core.execution import ExecutionRecord
from parallel_agents.core.settings import Settings
from parallel_agents.core.task import Task
from parallel_agents.engine.commands import PATIENCE_S, CommandWatch, ask_owner
from parallel_agents.journal import SqliteJournal
from parallel_agents.ports.entries import Command

EXECUTION = "exec-0123456789abcdef"


async def journal_with_one(path: Path) -> SqliteJournal:
    journal = SqliteJournal(path)
    journal.start()
    execution = ExecutionRecord(
        execution_id=EXECUTION,
        submitted_at=0.0,
        max_concurrent=1,
        model=None,
        source=None,
        vault_root=None,
        settings=msgspec.json.encode(Settings()),
        agents=(),
    )
    task = Task(
        task_id="t",
        position=0,
        agent_name="echo",
        input_data=b"\x80",
        priority="normal",
        rank=2,
        timeout_s=1.0,
        retry_attempts=0,
        memory_mb=64,
    )
    await journal.submit(execution, [task])
    return journal


@pytest.mark.parametrize(("age_s", "obeyed"), [(0.0, True), (PATIENCE_S - 1, True), (PATIENCE_S + 1, False)])
async def test_what_was_asked_longer_ago_than_anybody_waits_is_not_done(
    tmp_path: Path, age_s: float, obeyed: bool
) -> None:
    journal = await journal_with_one(tmp_path / "journal.sqlite3")
    done: list[Command] = []

    async def obey(command: Command) -> str:
        done.append(command)
        return "done"

    command_id = await journal.ask(EXECUTION, "cancel", {}, 1000.0 - age_s)
    watch = CommandWatch(journal, owned=lambda: {EXECUTION}, obey=obey, now=lambda: 1000.0)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch.run())
        watch.look()
        answer: str | None = None
        async with asyncio.timeout(10):
            while answer is None:
                command = await journal.read(lambda reader: reader.command(command_id))
                answer = None if command is None else command.answer
        watching.cancel()
    assert bool(done) == obeyed
    assert answer == ("done" if obeyed else "error: asked too long ago")
    await journal.aclose()


async def test_what_nobody_answers_is_withdrawn_so_that_no_later_owner_does_it(tmp_path: Path) -> None:
    journal = await journal_with_one(tmp_path / "journal.sqlite3")
    assert await ask_owner(journal, EXECUTION, "cancel", {}, now=lambda: 1000.0) is None
    assert await journal.read(lambda reader: reader.open_commands([EXECUTION])) == []
    await journal.aclose()
