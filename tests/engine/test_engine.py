from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
import pytest

from parallel_agents.core.errors import EngineClosedError, UnknownExecutionError
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.settings import ParallelProcessing, Settings, TaskQueue
from parallel_agents.core.task import TaskRecord
from parallel_agents.engine.engine import Engine
from parallel_agents.journal import SqliteJournal


class Bench(Protocol):
    """What the `bench` fixture gives; see conftest."""

    engine: Engine
    journal: SqliteJournal
    events: list[Event]

    async def submit(self, function: str, inputs: list[dict[str, Any]], **options: Any) -> str: ...

    def tasks(self, execution_id: str) -> list[TaskRecord]: ...

    def states(self, execution_id: str) -> list[str]: ...

    async def until(self, happened: Callable[[], bool]) -> None: ...


MakeBench = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
async def bench(make_bench: MakeBench) -> AsyncGenerator[Bench]:
    async with make_bench() as made:
        yield made


def started(bench: Bench) -> int:
    return sum(event.type is EventType.TASK_STARTED for event in bench.events)


async def test_every_task_of_a_batch_completes_with_its_own_result(bench: Bench) -> None:
    execution_id = await bench.submit("echo", [{"n": number} for number in range(50)])
    await bench.engine.wait(execution_id)
    tasks = bench.tasks(execution_id)
    assert [msgspec.msgpack.decode(task.output or b"")["input"] for task in tasks] == [{"n": n} for n in range(50)]
    assert {task.state.value for task in tasks} == {"completed"}


async def test_no_more_attempts_run_at_once_than_the_execution_allows(bench: Bench) -> None:
    execution_id = await bench.submit("hangs", [{}] * 10, max_concurrent=3)
    await bench.until(lambda: started(bench) >= 3)
    assert bench.engine.limits.running == 3
    assert bench.states(execution_id).count("pending") >= 7
    await bench.engine.cancel(execution_id)
    await bench.engine.wait(execution_id)
    assert started(bench) == 3


async def test_urgent_tasks_start_before_what_was_submitted_earlier(bench: Bench) -> None:
    execution_id = await bench.submit("echo", [{}] * 6, max_concurrent=1, ranks=[3, 3, 2, 2, 0, 1])
    await bench.engine.wait(execution_id)
    order = [event.task_id for event in bench.events if event.type is EventType.TASK_STARTED]
    assert order == ["task-4", "task-5", "task-2", "task-3", "task-0", "task-1"]


async def test_a_failing_task_is_tried_as_often_as_it_may_and_harms_nobody(bench: Bench) -> None:
    failing = await bench.submit("raises", [{"text": "x"}], retry_attempts=2)
    other = await bench.submit("echo", [{}], execution_id="exec-0000000000000002")
    await bench.engine.wait(failing)
    await bench.engine.wait(other)
    (task,) = bench.tasks(failing)
    assert task.state.value == "failed"
    assert [attempt.attempt for attempt in task.attempts] == [1, 2, 3]
    assert all(attempt.charged and attempt.error is not None for attempt in task.attempts)
    assert bench.states(other) == ["completed"]


async def test_a_permanent_error_is_not_tried_again(bench: Bench) -> None:
    execution_id = await bench.submit("gives_up", [{}], retry_attempts=5)
    await bench.engine.wait(execution_id)
    assert len(bench.tasks(execution_id)[0].attempts) == 1


async def test_an_unscored_result_is_kept_as_such_without_any_output(bench: Bench) -> None:
    execution_id = await bench.submit("unscored", [{}])
    await bench.engine.wait(execution_id)
    (task,) = bench.tasks(execution_id)
    assert (task.state.value, task.result_status, task.result_reason) == ("completed", "unscored", "cannot judge")


async def test_an_attempt_that_takes_too_long_is_stopped(bench: Bench) -> None:
    execution_id = await bench.submit("hangs", [{}], timeout_s=0.05)
    await bench.engine.wait(execution_id)
    (attempt,) = bench.tasks(execution_id)[0].attempts
    assert attempt.outcome == "timed_out"
    assert attempt.error is not None
    assert "0.05 s" in attempt.error.message


async def test_cancelling_stops_what_runs_and_starts_nothing_more(bench: Bench) -> None:
    execution_id = await bench.submit("hangs", [{}] * 20, max_concurrent=4)
    await bench.until(lambda: started(bench) == 4)
    assert await bench.engine.cancel(execution_id)
    await bench.engine.wait(execution_id)
    assert set(bench.states(execution_id)) == {"cancelled"}
    assert started(bench) == 4
    assert not await bench.engine.cancel(execution_id)


async def test_the_first_failure_ends_the_rest_when_the_settings_say_so(make_bench: MakeBench) -> None:
    async with make_bench(continue_on_error=False) as bench:
        execution_id = await bench.submit("raises", [{"text": "x"}] * 5, max_concurrent=1)
        await bench.engine.wait(execution_id)
        assert bench.states(execution_id) == ["failed", "cancelled", "cancelled", "cancelled", "cancelled"]


async def test_the_first_exception_of_an_agent_ends_all_when_errors_are_not_isolated(make_bench: MakeBench) -> None:
    async with make_bench(error_isolation=False, fallback_strategy="retry") as bench:
        execution_id = await bench.submit("raises", [{"text": "x"}] * 3, max_concurrent=1, retry_attempts=5)
        await bench.engine.wait(execution_id)
        assert bench.states(execution_id) == ["failed", "cancelled", "cancelled"]
        (attempt,) = bench.tasks(execution_id)[0].attempts
        assert attempt.error is not None
        assert "agents_under_test.py" in (attempt.error.traceback or "")


async def test_what_is_no_exception_of_an_agent_is_tried_again_also_without_isolation(make_bench: MakeBench) -> None:
    async with make_bench(error_isolation=False) as bench:
        execution_id = await bench.submit("hangs", [{}], timeout_s=0.05, retry_attempts=1)
        await bench.engine.wait(execution_id)
        assert [attempt.outcome for attempt in bench.tasks(execution_id)[0].attempts] == ["timed_out"] * 2


async def test_an_execution_that_comes_second_gets_its_turn_in_a_window_of_one(make_bench: MakeBench) -> None:
    async with make_bench(max_queue_size=1) as bench:
        first = await bench.submit("echo", [{}] * 30, max_concurrent=1)
        second = await bench.submit("echo", [{}], execution_id="exec-0000000000000002")
        await bench.engine.wait(second)
        assert "pending" in bench.states(first)
        await bench.engine.wait(first)


@pytest.mark.parametrize("steps", range(8))
async def test_an_order_that_changes_while_the_journal_is_read_does_not_start_what_the_old_one_chose(
    make_bench: MakeBench, steps: int
) -> None:
    async with make_bench(queue_type="fifo", max_queue_size=10) as bench:
        execution_id = await bench.submit("echo", [{}] * 30, max_concurrent=1)
        for _ in range(steps):
            await asyncio.sleep(0)
        bench.engine.change(lifo())
        await bench.engine.wait(execution_id)
        order = [event.task_id for event in bench.events if event.type is EventType.TASK_STARTED]
        before = next(number for number in range(31) if order[number:][:1] in ([], ["task-29"]))
        assert order[:before] == [f"task-{number}" for number in range(before)]
        assert order[before:] == [f"task-{number}" for number in range(29, before - 1, -1)]


def lifo() -> Settings:
    return Settings(parallel_processing=ParallelProcessing(task_queue=TaskQueue(queue_type="lifo", max_queue_size=10)))


async def test_the_fallback_skip_leaves_a_task_skipped(make_bench: MakeBench) -> None:
    async with make_bench(fallback_strategy="skip") as bench:
        execution_id = await bench.submit("raises", [{"text": "x"}])
        await bench.engine.wait(execution_id)
        assert bench.states(execution_id) == ["skipped"]


async def test_the_fallback_retry_gives_one_more_round_after_everything_else(make_bench: MakeBench) -> None:
    async with make_bench(fallback_strategy="retry") as bench:
        execution_id = await bench.submit("raises", [{"text": "a"}, {"text": "b"}], max_concurrent=1)
        await bench.engine.wait(execution_id)
        order = [event.task_id for event in bench.events if event.type is EventType.TASK_STARTED]
        assert order == ["task-0", "task-1", "task-0", "task-1"]
        assert bench.states(execution_id) == ["failed", "failed"]


async def test_draining_lets_running_attempts_end_and_keeps_the_rest_for_later(make_bench: MakeBench) -> None:
    async with make_bench() as bench:
        execution_id = await bench.submit("echo", [{}] * 300, max_concurrent=2)
        await bench.until(lambda: started(bench) >= 2)
        bench.engine.drain()
        await bench.engine.wait(execution_id)
        states = bench.states(execution_id)
        assert set(states) == {"completed", "pending"}
        assert states.count("completed") == started(bench)


async def test_an_interrupted_attempt_goes_back_uncharged_and_a_second_engine_goes_on(
    make_bench: MakeBench,
) -> None:
    async with make_bench() as first:
        execution_id = await first.submit("hangs", [{}] * 3, max_concurrent=3, timeout_s=60)
        await first.until(lambda: started(first) == 3)
        await first.engine.interrupt()
        assert first.states(execution_id) == ["pending"] * 3
        assert {task.charged for task in first.tasks(execution_id)} == {0}
        assert {task.attempt for task in first.tasks(execution_id)} == {1}
        first.journal.disown(execution_id)
    async with make_bench() as second:
        await second.engine.adopt(execution_id)
        await second.until(lambda: started(second) == 3)
        assert {task.attempt for task in second.tasks(execution_id)} == {2}


async def test_adopting_what_is_not_there_is_refused_and_owns_nothing(bench: Bench) -> None:
    with pytest.raises(UnknownExecutionError):
        await bench.engine.adopt("exec-ffffffffffffffff")
    assert not bench.journal.is_owned("exec-ffffffffffffffff")


async def test_an_engine_that_is_closed_tells_those_who_wait(make_bench: MakeBench) -> None:
    waiting: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as group, make_bench(interrupt=False) as bench:
        execution_id = await bench.submit("hangs", [{}])
        waiting.append(group.create_task(closed(bench, execution_id)))
        await bench.until(lambda: started(bench) == 1)
    assert waiting[0].done()


async def closed(bench: Bench, execution_id: str) -> None:
    with pytest.raises(EngineClosedError, match="resume"):
        await bench.engine.wait(execution_id)


async def test_a_listener_that_fails_hurts_neither_the_batch_nor_other_listeners(bench: Bench) -> None:
    def fails(_event: Event) -> None:
        raise RuntimeError("a listener's own fault")

    bench.engine.announcer.subscribe(fails)
    execution_id = await bench.submit("echo", [{}] * 3)
    await bench.engine.wait(execution_id)
    assert bench.states(execution_id) == ["completed"] * 3


async def test_what_was_sampled_is_kept_with_the_execution(bench: Bench) -> None:
    execution_id = await bench.submit("echo", [{}])
    await bench.engine.wait(execution_id)
    record = bench.journal.read_now(lambda reader: reader.execution(execution_id))
    assert record is not None
    assert record.resources is not None
    assert msgspec.msgpack.decode(record.resources)["peak_memory_mb"] > 0


def test_settings_survive_the_journal() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Settings()), type=Settings) == Settings()
