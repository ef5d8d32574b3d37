"""Gives tasks their inputs, once what those are made of is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from parallel_agents.core.chains import NotNeeded
from parallel_agents.core.errors import InputError
from parallel_agents.core.states import Trigger
from parallel_agents.core.task import Task
from parallel_agents.engine.announcer import Announcer
from parallel_agents.engine.delegations import Delegations
from parallel_agents.engine.live import LiveExecution
from parallel_agents.engine.parts import Parts
from parallel_agents.ports.entries import Unbound

Stop = Callable[[LiveExecution], Awaitable[None]]
AT_ONCE = 100
"""How many tasks are read at a time: each with the results that it is made of."""


class Chains:
    """Binds tasks of live executions. Each is written before the next is made, so a crash leaves none half bound.

    `stop` ends an execution that is to end at its first failure.
    """

    def __init__(self, parts: Parts, announcer: Announcer, delegations: Delegations, stop: Stop) -> None:
        self._journal = parts.journal
        self._bind = parts.bind
        self._announcer = announcer
        self._delegations = delegations
        self._stop = stop
        self._now = parts.clock.now

    async def bind(self, live: LiveExecution) -> None:
        """Bind whatever waits for nothing but its input. The dispatcher calls it before it looks for what may run."""
        while live.startable and live.take_unbound():
            found = await self._journal.read(lambda reader: reader.unbound(live.execution_id, AT_ONCE))
            for unbound in found:
                if live.startable:
                    await self._take(live, unbound)
            if found:
                live.more_unbound()
                live.more_pending(unread=True)
            elif not await self._journal.read(lambda reader: reader.has_open_bindings(live.execution_id)):
                live.unchain()

    async def _take(self, live: LiveExecution, unbound: Unbound) -> None:
        try:
            made = self._bind(live.execution_id, unbound, live.agents[unbound.task.agent_name])
        except InputError as error:
            await self._drop(live, unbound, Trigger.INPUT_FAILED, str(error))
            return
        if isinstance(made, NotNeeded):
            await self._drop(live, unbound, Trigger.NOT_NEEDED, made.reason)
            return
        await self._add(live, unbound, made)

    async def _add(self, live: LiveExecution, unbound: Unbound, made: tuple[Task, ...]) -> None:
        bound = await self._journal.bind(unbound.key, made, self._now())
        for task_id in bound.added:
            live.came_in()
            self._announcer.added(live.execution_id, task_id, unbound.task.task_id)
        for task_id in bound.reused:
            live.went_out()
            self._announcer.reused(live.execution_id, task_id)
            self._delegations.ended(live.execution_id, task_id)

    async def _drop(self, live: LiveExecution, unbound: Unbound, trigger: Trigger, reason: str) -> None:
        landing = await self._journal.drop(unbound.key, trigger, reason, self._now())
        if landing.landed:
            live.went_out()
            self._announcer.dropped(live.execution_id, unbound.task, trigger, reason)
            for task_id in landing.skipped:
                live.went_out()
                self._announcer.left_out(live.execution_id, task_id, reason)
            if trigger is Trigger.INPUT_FAILED and live.errors.stops_at_a_failure:
                await self._stop(live)
