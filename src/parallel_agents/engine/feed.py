"""Tasks that come in while their execution runs already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from parallel_agents.core.errors import ExecutionClosedError, QueueFullError
from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.task import Task
from parallel_agents.engine.live import LiveExecution
from parallel_agents.ports.entries import Appended
from parallel_agents.ports.journal import Journal


class Feed:
    """The way into one owned execution, until it is closed.

    At most `most()` tasks of it are unsettled at a time: a producer that is faster waits, or is refused.
    """

    def __init__(
        self,
        journal: Journal,
        live: LiveExecution,
        *,
        most: Callable[[], int],
        now: Callable[[], float],
        wake: Callable[[], None],
        tell_reused: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._live = live
        self._most = most
        self._now = now
        self._wake = wake
        self._tell_reused = tell_reused
        self._failure: BaseException | None = None
        live.open()

    async def put(self, task: Task, agent: AgentRecord) -> None:
        """Hand a task in, once there is room. It is durable when the feed is closed, and sooner as a rule.

        Raises:
            ExecutionClosedError: the execution was cancelled, or its engine was stopped.
            TaskError: a task that was handed in before could not be taken; no more is.
            JournalError: the journal cannot be written.
        """
        while self._live.takes_tasks and self._live.unsettled >= self._most():
            await self._live.has_room.wait()
            self._live.has_room.clear()
        self.put_nowait(task, agent)

    def put_nowait(self, task: Task, agent: AgentRecord) -> None:
        """Hand a task in, or raise `QueueFullError` where there is no room. Otherwise as `put`."""
        self._check()
        if self._live.unsettled >= self._most():
            raise QueueFullError(self._live.unsettled, self._most(), 1)
        if agent.name not in self._live.agents:
            self._live.agents[agent.name] = agent
            self._journal.change_agents(self._live.execution_id, tuple(self._live.agents.values()))
        self._live.came_in()
        write = self._journal.append(self._live.execution_id, [task], self._now())
        write.add_done_callback(partial(self._written, task))

    async def close(self) -> None:
        """Take no more; the execution ends once what came in is done. What came in is durable when it returns.

        Raises:
            TaskError, JournalError: of the first task that could not be taken.
        """
        if not self._live.is_open:
            self._tell_failure()
            return
        # Writes land in the order they were queued, so this one stands for all before it.
        await self._journal.close_intake(self._live.execution_id)
        self._live.close()
        self._wake()
        self._tell_failure()

    def _written(self, task: Task, write: asyncio.Future[Appended]) -> None:
        error = write.exception()
        if task.binding is not None:
            self._live.chain()
        if error is not None:
            self._failure = self._failure or error
        if error is not None or write.result() != Appended():
            # It was refused, or has ended at once: either way it takes no room.
            self._live.went_out()
        if error is None:
            for task_id in write.result().reused:
                self._tell_reused(task_id)
        self._wake()

    def _check(self) -> None:
        self._tell_failure()
        if not self._live.takes_tasks:
            raise ExecutionClosedError(self._live.execution_id)

    def _tell_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
