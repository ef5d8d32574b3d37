"""The ready queue: a bounded window of pending tasks, in the order in which they shall start."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, TypeAlias

from parallel_agents.core.errors import QueueFullError
from parallel_agents.core.task import ReadyTask

QueueType: TypeAlias = Literal["priority", "fifo", "lifo"]

AGED_SHARE = 4
"""While better ones pass an overdue task over, every so many-th start is its."""


class _Stream(NamedTuple):
    execution_id: str
    agent: str
    rank: int
    depth: int


class _Entry(NamedTuple):
    order: int
    arrival: int
    since: float
    task: ReadyTask


class TaskQueueManager:
    """Holds ready tasks and hands out the next one that the limits admit.

    `priority` hands out by level, `fifo` and `lifo` by the submitted order whatever the level. Executions take turns:
    one of many tasks holds up no other, and within an execution and level it is first in, first out. Who is ready for
    longer than `ageing_s` and is passed over by better levels is given every fourth start, so that no level starves.

    Tasks that others handed in and wait for come before those of the same execution and level that were submitted.

    Tasks of one execution, agent, level and depth form a stream with a heap of its own, so that an agent at its cap
    holds up nobody else. Adding and taking cost O(log n) plus one look at each stream.
    """

    def __init__(
        self,
        queue_type: QueueType = "priority",
        max_queue_size: int = 1000,
        *,
        ageing_s: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.queue_type: QueueType = queue_type
        self.max_queue_size = max_queue_size
        self.ageing_s = ageing_s
        self._monotonic = monotonic
        self._streams: dict[_Stream, list[_Entry]] = {}
        self._arrivals = 0
        self._size = 0
        self._keys: dict[str, set[int]] = {}
        self._turns: dict[str, int] = {}
        self._turn = 0
        self._passed_over = 0

    def __len__(self) -> int:
        return self._size

    @property
    def room(self) -> int:
        """How many more tasks fit."""
        return self.max_queue_size - self._size

    def keys(self, execution_id: str) -> frozenset[int]:
        """Keys of the tasks of one execution that are held here."""
        return frozenset(self._keys.get(execution_id, ()))

    def held(self, execution_id: str) -> int:
        """How many tasks of one execution are held here."""
        return len(self._keys.get(execution_id, ()))

    def put(self, task: ReadyTask, *, again: bool = False) -> None:
        """Add a task; one that is held already is left as it is. One that comes `again` had its place and needs none.

        Raises:
            QueueFullError: there is no room.
        """
        held = self._keys.setdefault(task.execution_id, set())
        if task.key in held:
            return
        if self.room < 1 and not again:
            raise QueueFullError(self._size, self.max_queue_size, 1)
        self._arrivals += 1
        self._size += 1
        held.add(task.key)
        stream = _Stream(task.execution_id, task.task.agent_name, self._rank(task), task.task.depth)
        entry = _Entry(self._order(task), self._arrivals, self._monotonic(), task)
        heapq.heappush(self._streams.setdefault(stream, []), entry)

    def take(self, admits: Callable[[str, str, int], bool]) -> ReadyTask | None:
        """Take the first task whose execution, agent and depth are admitted; None where there is none."""
        open_streams = [stream for stream in self._streams if admits(stream.execution_id, stream.agent, stream.depth)]
        if not open_streams:
            return None
        return self._pop(self._next(open_streams))

    def goes_before(self, task: ReadyTask) -> bool:
        """Tell whether a task would start before some of its own execution that are held here."""
        rank, order = self._rank(task), self._order(task)
        return any(
            stream.rank > rank or (stream.rank == rank and entries[0].order > order)
            for stream, entries in self._streams.items()
            if stream.execution_id == task.execution_id
        )

    def reorder(self, queue_type: QueueType) -> None:
        """Hand out by another order from now on; what is held here was chosen by the old one, so forget it first.

        Raises:
            ValueError: tasks are held.
        """
        if len(self):
            raise ValueError("a queue that holds tasks cannot change its order")
        self.queue_type = queue_type

    def hold_back(self, execution_id: str, agents: frozenset[str]) -> None:
        """Drop the tasks of these agents of an execution, but for those that others handed in and wait for."""
        for stream in [one for one in self._streams if one.execution_id == execution_id and not one.depth]:
            if stream.agent in agents:
                entries = self._streams.pop(stream)
                self._keys[execution_id].difference_update(entry.task.key for entry in entries)
                self._size -= len(entries)

    def forget(self, execution_id: str) -> None:
        """Drop every task of an execution."""
        for stream in [stream for stream in self._streams if stream.execution_id == execution_id]:
            del self._streams[stream]
        self._size -= len(self._keys.pop(execution_id, ()))
        self._turns.pop(execution_id, None)

    def _rank(self, task: ReadyTask) -> int:
        return task.task.rank if self.queue_type == "priority" else 0

    def _order(self, task: ReadyTask) -> int:
        return -task.task.position if self.queue_type == "lifo" else task.task.position

    def _next(self, open_streams: Iterable[_Stream]) -> _Stream:
        best = min(open_streams, key=self._standing)
        overdue_since = self._monotonic() - self.ageing_s
        overdue = [
            stream for stream in open_streams if stream.rank > best.rank and self._since(stream) <= overdue_since
        ]
        if not overdue:
            self._passed_over = 0
            return best
        self._passed_over += 1
        if self._passed_over < AGED_SHARE:
            return best
        self._passed_over = 0
        return min(overdue, key=self._since)

    def _standing(self, stream: _Stream) -> tuple[int, int, int, int, int]:
        head = self._streams[stream][0]
        return stream.rank, self._turns.get(stream.execution_id, 0), -stream.depth, head.order, head.arrival

    def _since(self, stream: _Stream) -> float:
        return self._streams[stream][0].since

    def _pop(self, stream: _Stream) -> ReadyTask:
        entries = self._streams[stream]
        task = heapq.heappop(entries).task
        if not entries:
            del self._streams[stream]
        self._keys[task.execution_id].discard(task.key)
        self._size -= 1
        self._turn += 1
        self._turns[task.execution_id] = self._turn
        return task
