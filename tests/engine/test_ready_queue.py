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


def everybody(_execution: str, _agent: str, _depth: int) -> bool:
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
    taken = queue.take(lambda _execution, agent, _depth: agent == "free")
    assert taken is not None
    assert taken.key == 1
    assert queue.take(lambda _execution, agent, _depth: agent == "free") is None
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


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_executions_take_turns_and_each_keeps_its_own_order() -> None:
    queue = TaskQueueManager("priority")
    for key in range(100):
        queue.put(ready(key, execution="exec-large"))
    for key in range(100, 103):
        queue.put(ready(key, execution="exec-small"))
    assert drained(queue)[:8] == [0, 100, 1, 101, 2, 102, 3, 4]


@pytest.mark.parametrize("queue_type", ["priority", "fifo", "lifo"])
def test_a_large_batch_holds_up_no_small_one_whatever_the_order(queue_type: QueueType) -> None:
    queue = TaskQueueManager(queue_type, 6000)
    for key in range(5000):
        queue.put(ready(key, execution="exec-large"))
    for _ in range(50):
        queue.take(everybody)
    for key in range(5000, 5010):
        queue.put(ready(key, execution="exec-small"))
    assert set(range(5000, 5010)) <= set(drained(queue)[:21])


def test_an_urgent_task_starts_next_however_long_others_have_waited() -> None:
    clock = Clock()
    queue = TaskQueueManager(max_queue_size=6000, ageing_s=10, monotonic=clock)
    for key in range(5000):
        queue.put(ready(key, rank=3))
    clock.now = 1000.0
    for _ in range(7):
        queue.take(everybody)
    queue.put(ready(9999, rank=0, execution="exec-urgent"))
    taken = queue.take(everybody)
    assert taken is not None
    assert taken.key == 9999


def test_under_a_stream_of_better_ones_an_overdue_task_starts_within_four() -> None:
    clock = Clock()
    queue = TaskQueueManager(ageing_s=10, monotonic=clock)
    queue.put(ready(0, rank=3, execution="exec-low"))
    started: list[int] = []
    for key in range(1, 40):
        queue.put(ready(key, rank=1, execution="exec-high"))
        clock.now += 1.0
        taken = queue.take(everybody)
        assert taken is not None
        started.append(taken.key)
    assert 10 <= started.index(0) <= 10 + 4


def test_before_its_time_no_lower_level_is_served() -> None:
    clock = Clock()
    queue = TaskQueueManager(ageing_s=10, monotonic=clock)
    queue.put(ready(0, rank=3))
    for key in range(1, 20):
        queue.put(ready(key, rank=1))
    clock.now = 9.9
    assert drained(queue)[-1] == 0


def test_an_overdue_task_of_an_agent_at_its_cap_gives_its_start_to_others() -> None:
    clock = Clock()
    queue = TaskQueueManager(ageing_s=1, monotonic=clock)
    queue.put(ready(0, rank=3, agent="full"))
    for key in range(1, 10):
        queue.put(ready(key, rank=1, agent="free"))
    clock.now = 5.0
    taken = [queue.take(lambda _execution, agent, _depth: agent == "free") for _ in range(9)]
    assert [task.key for task in taken if task is not None] == list(range(1, 10))
    assert len(queue) == 1


@given(
    st.sampled_from(["priority", "fifo", "lifo"]),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.sampled_from("xy"), st.booleans()), max_size=60),
)
def test_every_task_that_is_put_in_comes_out_once(
    queue_type: QueueType, steps: list[tuple[int, str, str, bool]]
) -> None:
    clock = Clock()
    queue = TaskQueueManager(queue_type, ageing_s=2, monotonic=clock)
    out: list[int] = []
    for key, (rank, agent, execution, takes) in enumerate(steps):
        queue.put(ready(key, rank=rank, agent=agent, execution=execution))
        clock.now += 1.0
        if takes and (taken := queue.take(everybody)) is not None:
            out.append(taken.key)
        assert len(queue) == key + 1 - len(out)
    assert sorted(out + drained(queue)) == list(range(len(steps)))
    assert len(queue) == queue.held("x") == queue.held("y") == 0
