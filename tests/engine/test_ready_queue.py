from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.errors import QueueFullError
from parallel_agents.core.task import ReadyTask, Task
from parallel_agents.engine.queue import QueueType, TaskQueueManager


def ready(key: int, *, rank: int = 2, agent: str = "echo", execution: str = "exec-1") -> ReadyTask:
    task = Task(
        task_id=f"task-{key}",
        position=key,
        agent_name=agent,
        input_data=msgspec.msgpack.encode({}),
        priority="normal",
        rank=rank,
        timeout_s=1.0,
        retry_attempts=0,
        memory_mb=64,
    )
    return ReadyTask(key=key, execution_id=execution, task=task, attempt=0, charged=0, losses=0, final_round=False)


def everybody(_execution: str, _agent: str) -> bool:
    return True


def drained(queue: TaskQueueManager) -> list[int]:
    keys: list[int] = []
    while (task := queue.take(everybody)) is not None:
        keys.append(task.key)
    return keys


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "c"])), max_size=60))
def test_priority_order_is_by_rank_and_then_as_submitted_whatever_the_agents(tasks: list[tuple[int, str]]) -> None:
    queue = TaskQueueManager("priority")
    for key, (rank, agent) in enumerate(tasks):
        queue.put(ready(key, rank=rank, agent=agent))
    assert drained(queue) == sorted(range(len(tasks)), key=lambda key: (tasks[key][0], key))


@pytest.mark.parametrize(("queue_type", "expected"), [("fifo", [0, 1, 2]), ("lifo", [2, 1, 0])])
def test_fifo_and_lifo_ignore_the_rank(queue_type: QueueType, expected: list[int]) -> None:
    queue = TaskQueueManager(queue_type)
    for key, rank in ((0, 3), (1, 0), (2, 1)):
        queue.put(ready(key, rank=rank))
    assert drained(queue) == expected


def test_an_agent_that_is_not_admitted_holds_up_nobody_else() -> None:
    queue = TaskQueueManager()
    queue.put(ready(0, rank=0, agent="full"))
    queue.put(ready(1, rank=3, agent="free"))
    taken = queue.take(lambda _execution, agent: agent == "free")
    assert taken is not None
    assert taken.key == 1
    assert queue.take(lambda _execution, agent: agent == "free") is None
    assert len(queue) == 1


def test_a_full_queue_refuses_with_its_size_and_the_key_to_raise() -> None:
    queue = TaskQueueManager(max_queue_size=2)
    queue.put(ready(0))
    queue.put(ready(1))
    with pytest.raises(QueueFullError, match="max_queue_size") as raised:
        queue.put(ready(2))
    assert (raised.value.size, raised.value.limit) == (2, 2)


def test_a_task_that_is_held_already_is_not_held_twice() -> None:
    queue = TaskQueueManager(max_queue_size=1)
    queue.put(ready(0))
    queue.put(ready(0))
    assert drained(queue) == [0]


def test_forgetting_an_execution_drops_its_tasks_and_no_others() -> None:
    queue = TaskQueueManager()
    queue.put(ready(0, execution="exec-1"))
    queue.put(ready(1, execution="exec-2"))
    queue.forget("exec-1")
    assert queue.keys("exec-1") == frozenset()
    assert drained(queue) == [1]
