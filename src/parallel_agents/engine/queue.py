"""The ready queue: a bounded window of pending tasks, in the order in which they shall start."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Literal, TypeAlias

from parallel_agents.core.errors import QueueFullError
from parallel_agents.core.task import ReadyTask

QueueType: TypeAlias = Literal["priority", "fifo", "lifo"]
OrderKey: TypeAlias = tuple[int, int]
Stream: TypeAlias = tuple[str, str]


class TaskQueueManager:
    """Holds ready tasks and hands out the next one that the limits admit.

    Tasks of one execution and agent form a stream with a heap of its own, so that an agent at its cap holds up nobody
    else. Adding and taking cost O(log n) plus one look at each stream.
    """

    def __init__(self, queue_type: QueueType = "priority", max_queue_size: int = 1000) -> None:
        self.queue_type: QueueType = queue_type
        self.max_queue_size = max_queue_size
        self._streams: dict[Stream, list[tuple[OrderKey, int, ReadyTask]]] = {}
        self._arrivals = 0
        self._keys: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return sum(len(keys) for keys in self._keys.values())

    @property
    def room(self) -> int:
        """How many more tasks fit."""
        return self.max_queue_size - len(self)

    def keys(self, execution_id: str) -> frozenset[int]:
        """Keys of the tasks of one execution that are held here."""
        return frozenset(self._keys.get(execution_id, ()))

    def put(self, task: ReadyTask) -> None:
        """Add a task; one that is held already is left as it is.

        Raises:
            QueueFullError: there is no room.
        """
        held = self._keys.setdefault(task.execution_id, set())
        if task.key in held:
            return
        if self.room < 1:
            raise QueueFullError(len(self), self.max_queue_size, 1)
        self._arrivals += 1
        held.add(task.key)
        stream = self._streams.setdefault((task.execution_id, task.task.agent_name), [])
        heapq.heappush(stream, (self._order(task), self._arrivals, task))

    def take(self, admits: Callable[[str, str], bool]) -> ReadyTask | None:
        """Take the first task whose execution and agent are admitted; None where there is none."""
        heads = [(stream[0], name) for name, stream in self._streams.items() if admits(*name)]
        if not heads:
            return None
        _, name = min(heads, key=lambda head: head[0][:2])
        stream = self._streams[name]
        _, _, task = heapq.heappop(stream)
        if not stream:
            del self._streams[name]
        self._keys[task.execution_id].discard(task.key)
        return task

    def reorder(self, queue_type: QueueType) -> None:
        """Hand out by another order from now on; what is held here was chosen by the old one, so forget it first.

        Raises:
            ValueError: tasks are held.
        """
        if len(self):
            raise ValueError("a queue that holds tasks cannot change its order")
        self.queue_type = queue_type

    def forget(self, execution_id: str) -> None:
        """Drop every task of an execution."""
        for name in [name for name in self._streams if name[0] == execution_id]:
            del self._streams[name]
        self._keys.pop(execution_id, None)

    def _order(self, task: ReadyTask) -> OrderKey:
        match self.queue_type:
            case "priority":
                return task.task.rank, task.task.position
            case "fifo":
                return 0, task.task.position
            case "lifo":
                return 0, -task.task.position
