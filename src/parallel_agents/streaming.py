"""A batch whose tasks come in one by one while the first of them run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.task import Task
from parallel_agents.engine.feed import Feed

Accept = Callable[[Mapping[str, Any], int], tuple[Task, AgentRecord]]


class BatchStream:
    """An async context manager: tasks are handed in inside it, and the execution ends once they are done.

    At most `task_queue.max_queue_size` of them are unsettled at a time, so that any number goes through in memory that
    stays the same.
    """

    def __init__(self, start: Callable[[], Awaitable[tuple[str, Feed]]], accept: Accept) -> None:
        self._start = start
        self._accept = accept
        self._position = 0
        self._opened: tuple[str, Feed] | None = None

    async def __aenter__(self) -> Self:
        self._opened = await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Also after an error: what came in is journaled and paid for, and runs to its end.
        await self._feed.close()

    @property
    def execution_id(self) -> str:
        """Id of the execution, once it is entered."""
        return self._both[0]

    async def submit(self, task: Mapping[str, Any]) -> None:
        """Hand a task in, once there is room for it.

        Raises:
            InputError: the task, its agent or its model is wrong; or an earlier one turned out to be.
            ExecutionClosedError: the execution was cancelled or its engine stopped.
            JournalError: the journal cannot be written.
        """
        await self._feed.put(*self._accept(task, self._position))
        self._position += 1

    def submit_nowait(self, task: Mapping[str, Any]) -> None:
        """Hand a task in at once. Raises `QueueFullError` where there is no room, and what `submit` raises."""
        self._feed.put_nowait(*self._accept(task, self._position))
        self._position += 1

    @property
    def _feed(self) -> Feed:
        return self._both[1]

    @property
    def _both(self) -> tuple[str, Feed]:
        if self._opened is None:
            raise RuntimeError("a batch takes tasks inside `async with`")
        return self._opened
