"""Does what other processes ask: reads the command rows of owned executions and answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from parallel_agents.core.errors import ParallelAgentsError
from parallel_agents.ports.journal import Arguments, Command, Journal, Verb

POLL_S = 0.1


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
            answer = await self._obey(command)
        except ParallelAgentsError as error:
            answer = f"error: {error}"
        await self._journal.acknowledge(command.command_id, answer, self._now())


async def ask_owner(
    journal: Journal,
    execution_id: str,
    verb: Verb,
    arguments: Arguments,
    *,
    now: Callable[[], float],
    patience_s: float = 10.0,
) -> str | None:
    """Ask the owner of an execution for something and wait for its answer; None when it did not answer in time."""
    command_id = await journal.ask(execution_id, verb, arguments, now())
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
