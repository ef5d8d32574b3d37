"""What can be asked of an execution that may be run here, by another process, or by nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from parallel_agents.core.budget import Budget
from parallel_agents.core.errors import OwnershipError
from parallel_agents.core.execution import BY_USER, with_concurrency
from parallel_agents.engine.commands import DONE, ENDED_MEANWHILE, PATIENCE_S, ask_owner
from parallel_agents.engine.engine import Engine
from parallel_agents.ports.entries import Arguments, Verb
from parallel_agents.ports.journal import Journal, Reader


class Control:
    """Does it here, or asks the owner and waits for its answer, or does it in the journal where there is no owner.

    Every method raises `OwnershipError` when the process that runs the execution does not answer or cannot do it.
    """

    def __init__(self, journal: Journal, engine: Engine | None, *, now: Callable[[], float]) -> None:
        self._journal = journal
        self._engine = engine
        self._now = now

    def is_here(self, execution_id: str) -> bool:
        """Tell whether this process runs it."""
        return self._here(execution_id) is not None

    async def cancel(self, execution_id: str) -> bool:
        """Cancel what is left; False when it had ended already."""
        if (engine := self._here(execution_id)) is not None:
            cancelled = await engine.cancel(execution_id)
            await engine.wait(execution_id)
            return cancelled
        return await self._elsewhere(execution_id, "cancel", {}, self._cancel_unowned) == DONE

    async def pause(self, execution_id: str) -> bool:
        """Start nothing more; what runs goes on to its end. False when it had ended already."""
        if (engine := self._here(execution_id)) is not None:
            return await engine.pause(execution_id)
        return await self._elsewhere(execution_id, "pause", {}, self._pause_unowned) == DONE

    async def resume_elsewhere(self, execution_id: str, budget: Budget | None) -> None:
        """Let the process that runs it go on, with this budget where one is given. Safe when it does."""
        arguments: Arguments = {}
        if budget is not None:
            arguments = {"budget_usd": budget.usd, "budget_tokens": budget.tokens}
        if await ask_owner(self._journal, execution_id, "resume", arguments, now=self._now) is None:
            raise _silent(execution_id)

    async def change_concurrency(self, execution_id: str, at_most: int, agent: str | None) -> bool:
        """Run at most so many of its attempts (or of those of an agent) at once from now on. False when it had ended.

        Raises:
            AgentError: it has no task of that agent.
        """
        if (engine := self._here(execution_id)) is not None:
            return await engine.change_concurrency(execution_id, at_most, agent)
        record = await self._journal.read(lambda reader: reader.execution(execution_id))
        agents = () if record is None or agent is None else with_concurrency(record.agents, agent, at_most)

        async def unowned(execution_id: str) -> None:
            if agent is None:
                await self._journal.change_concurrency(execution_id, at_most)
            else:
                await self._journal.change_agents(execution_id, agents)

        arguments: Arguments = {"max_concurrent": at_most, "agent": agent}
        return await self._elsewhere(execution_id, "concurrency", arguments, unowned) == DONE

    async def retry(self, execution_id: str, task_ids: Sequence[str] | None) -> int | None:
        """Put failed, skipped and cancelled tasks back; returns how many, None where nobody runs the execution."""
        if (engine := self._here(execution_id)) is not None:
            return await engine.retry(execution_id, task_ids)
        if self._journal.try_own(execution_id):
            return None
        arguments: Arguments = {"task_ids": None if task_ids is None else list(task_ids)}
        answer = await ask_owner(self._journal, execution_id, "retry", arguments, now=self._now)
        if answer in {None, ENDED_MEANWHILE} and self._journal.try_own(execution_id):
            return None
        if answer is None or not answer.isdecimal():
            raise _silent(execution_id) if answer is None else _refused(execution_id, answer)
        return int(answer)

    def _here(self, execution_id: str) -> Engine | None:
        return self._engine if self._engine is not None and self._engine.is_live(execution_id) else None

    async def _elsewhere(
        self, execution_id: str, verb: Verb, arguments: Arguments, unowned: Callable[[str], Awaitable[None]]
    ) -> str:
        if not await self._journal.read(lambda reader: _goes_on(reader, execution_id)):
            return "already ended"
        if await self._did_alone(execution_id, unowned):
            return DONE
        answer = await ask_owner(self._journal, execution_id, verb, arguments, now=self._now)
        if answer is None:
            if await self._did_alone(execution_id, unowned):
                return DONE
            raise _silent(execution_id)
        if answer.startswith("error: "):
            raise _refused(execution_id, answer.removeprefix("error: "))
        return answer

    async def _did_alone(self, execution_id: str, unowned: Callable[[str], Awaitable[None]]) -> bool:
        if not self._journal.try_own(execution_id):
            return False
        try:
            await unowned(execution_id)
        finally:
            self._journal.disown(execution_id)
        return True

    async def _cancel_unowned(self, execution_id: str) -> None:
        now = self._now()
        await self._journal.adopt(execution_id, now)
        await self._journal.cancel(execution_id, now)
        await self._journal.end(execution_id, now, None)

    async def _pause_unowned(self, execution_id: str) -> None:
        await self._journal.pause(execution_id, BY_USER, self._now())


def _goes_on(reader: Reader, execution_id: str) -> bool:
    record = reader.execution(execution_id)
    is_open = record is not None and record.is_open and record.ended_at is None
    return is_open or reader.counts(execution_id).unfinished > 0


def _silent(execution_id: str) -> OwnershipError:
    return OwnershipError(execution_id, f"is run by another process, which did not answer within {PATIENCE_S:g} s")


def _refused(execution_id: str, answer: str) -> OwnershipError:
    return OwnershipError(execution_id, f"the process that runs it said: {answer}")
