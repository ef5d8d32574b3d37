"""Does what other processes ask: reads the command rows of owned executions and answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from parallel_agents.core.budget import Budget, budget_of
from parallel_agents.core.errors import ParallelAgentsError
from parallel_agents.ports.entries import Arguments, Command, Verb
from parallel_agents.ports.journal import Journal

DONE = "done"
ENDED_MEANWHILE = "error: it has ended meanwhile"
POLL_S = 0.1
PATIENCE_S = 10.0
"""How long somebody waits for an answer. Who asked longer ago has gone, and was told that nothing happened."""


class CommandWatch:
    """Polls the journal while anything is owned; every command is acknowledged, with an error's words if need be."""

    def __init__(
        self,
        journal: Journal,
        *,
        owned: Callable[[], Collection[str]],
        obey: Callable[[Command], Awaitable[str]],
        now: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._owned = owned
        self._obey = obey
        self._now = now
        self._busy = asyncio.Event()

    def look(self) -> None:
        """Something is owned now."""
        self._busy.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._busy.wait()
            owned = frozenset(self._owned())
            if not owned:
                self._busy.clear()
                continue
            for command in await self._journal.read(lambda reader, ids=owned: reader.open_commands(ids)):
                await self._answer(command)
            await asyncio.sleep(POLL_S)

    async def _answer(self, command: Command) -> None:
        try:
            is_late = self._now() - command.asked_at > PATIENCE_S
            answer = "error: asked too long ago" if is_late else await self._obey(command)
        except ParallelAgentsError as error:
            answer = f"error: {error}"
        await self._journal.acknowledge(command.command_id, answer, self._now())


class Obliged(Protocol):
    """What an owner can do when it is asked; each method as `engine.Engine` has it."""

    def is_live(self, execution_id: str) -> bool: ...  # noqa: D102 - as the engine's
    async def cancel(self, execution_id: str) -> bool: ...  # noqa: D102
    async def pause(self, execution_id: str) -> bool: ...  # noqa: D102
    async def unpause(self, execution_id: str) -> bool: ...  # noqa: D102
    async def change_budget(self, execution_id: str, budget: Budget) -> bool: ...  # noqa: D102
    async def change_concurrency(self, execution_id: str, at_most: int, agent: str | None = None) -> bool: ...  # noqa: D102
    async def retry(self, execution_id: str, task_ids: Sequence[str] | None) -> int: ...  # noqa: D102


async def obey(owner: Obliged, command: Command) -> str:
    """Do what a command asks; returns the answer to it."""
    execution_id, ended = command.execution_id, "already ended"
    match command.verb:
        case "cancel":
            return DONE if await owner.cancel(execution_id) else ended
        case "pause":
            return DONE if await owner.pause(execution_id) else ended
        case "resume":
            if (budget := budget_in(command.arguments)) is not None:
                await owner.change_budget(execution_id, budget)
            return DONE if await owner.unpause(execution_id) else "runs already"
        case "concurrency":
            at_most = int(str(command.arguments["max_concurrent"]))
            agent = command.arguments.get("agent")
            named = None if agent is None else str(agent)
            return DONE if await owner.change_concurrency(execution_id, at_most, named) else ended
        case "retry" if not owner.is_live(execution_id):
            return ENDED_MEANWHILE
        case "retry":
            tasks = command.arguments.get("task_ids")
            return str(await owner.retry(execution_id, tasks if isinstance(tasks, list) else None))


def budget_in(arguments: Arguments) -> Budget | None:
    """The budget that goes with a command; None where none does."""
    usd, tokens = arguments.get("budget_usd"), arguments.get("budget_tokens")
    return budget_of(None if usd is None else float(str(usd)), None if tokens is None else int(str(tokens)))


async def ask_owner(
    journal: Journal,
    execution_id: str,
    verb: Verb,
    arguments: Arguments,
    *,
    now: Callable[[], float],
    patience_s: float = PATIENCE_S,
) -> str | None:
    """Ask the owner of an execution for something and wait for its answer; None when it did not answer in time.

    What was not answered is withdrawn: the next owner must not do what its asker has given up or done itself.
    """
    command_id = await journal.ask(execution_id, verb, arguments, now())
    answer = await _answer_to(journal, execution_id, command_id, patience_s)
    if answer is None:
        await journal.acknowledge(command_id, "withdrawn", now())
    return answer


async def _answer_to(journal: Journal, execution_id: str, command_id: int, patience_s: float) -> str | None:
    try:
        async with asyncio.timeout(patience_s):
            while True:
                command = await journal.read(lambda reader: reader.command(command_id))
                if command is not None and command.answer is not None:
                    return command.answer
                if not journal.is_owned(execution_id):
                    return None
                await asyncio.sleep(POLL_S / 2)
    except TimeoutError:
        return None
