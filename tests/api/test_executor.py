"""The public Python API as its users meet it: real workers, a real journal file."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.documents import body_of as body

import parallel_agents
from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.errors import (
    AgentError,
    ConcurrencyError,
    ConfigurationError,
    EngineClosedError,
    InputError,
    JournalError,
    ModelError,
    OwnershipError,
    TaskError,
    UnknownExecutionError,
)
from parallel_agents.core.events import Event, EventType

AGENTS = Path(__file__).with_name("my_agents.py")
NOWHERE = "exec-0000000000000000"


def make(folder: Path, **options: Any) -> ParallelAgentExecutor:
    executor = ParallelAgentExecutor(journal=folder / "journal.sqlite3", environ={}, **options)
    executor.register_agent("shout", f"{AGENTS}:shout")
    executor.register_agent("waits", f"{AGENTS}:waits")
    executor.register_agent("asks", f"{AGENTS}:asks")
    return executor


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncGenerator[ParallelAgentExecutor]:
    async with make(tmp_path) as made:
        yield made


def tasks(agent: str, number: int, **more: Any) -> list[dict[str, Any]]:
    return [{"agent_name": agent, "input_data": {"text": f"text {n}"}, **more} for n in range(number)]


async def until_running(executor: ParallelAgentExecutor, number: int) -> None:
    running = asyncio.Event()
    seen: list[Event] = []

    def hear(event: Event) -> None:
        if event.type is EventType.TASK_STARTED:
            seen.append(event)
            if len(seen) >= number:
                running.set()

    executor.subscribe(hear)
    async with asyncio.timeout(20):
        await running.wait()


async def test_a_batch_runs_and_its_document_is_valid_and_adds_up(executor: ParallelAgentExecutor) -> None:
    execution_id = await executor.submit_batch_tasks(tasks("shout", 12), max_concurrent=4)
    found = body(await executor.wait(execution_id))
    assert found["overall_status"] == "completed"
    queue = found["task_queue"]
    states = ("pending", "running", "completed", "failed", "skipped", "cancelled")
    assert sum(queue[f"{state}_tasks"] for state in states) == queue["total_tasks"] == 12
    outputs = [session["result"]["output_data"]["text"] for session in found["agent_execution_sessions"]]
    assert outputs == [f"TEXT {n}" for n in range(12)]
    assert found["max_concurrent_agents"] == 4
    assert found["error_management"]["isolation_success"] is True
    assert found["performance_metrics"]["resource_usage"]["peak_memory_usage_mb"] > 0
    assert executor.get_performance_metrics(execution_id) == found["performance_metrics"]


async def test_results_can_be_streamed_session_by_session(executor: ParallelAgentExecutor) -> None:
    execution_id = await executor.submit_batch_tasks(tasks("shout", 5))
    found = body(await executor.wait(execution_id))
    assert [session async for session in executor.stream_results(execution_id)] == found["agent_execution_sessions"]
    with pytest.raises(UnknownExecutionError, match=NOWHERE):
        await anext(executor.stream_results(NOWHERE))


async def test_it_starts_at_the_first_submit_and_can_be_closed_twice(tmp_path: Path) -> None:
    executor = make(tmp_path)
    execution_id = await executor.submit_batch_tasks(tasks("shout", 1))
    assert body(await executor.wait(execution_id))["overall_status"] == "completed"
    await executor.aclose()
    await executor.aclose()


async def test_the_signatures_are_those_of_the_specification() -> None:
    expected = {
        "submit_batch_tasks": ["self", "tasks", "max_concurrent"],
        "get_execution_status": ["self", "execution_id"],
        "get_execution_results": ["self", "execution_id"],
        "cancel_execution": ["self", "execution_id"],
        "get_performance_metrics": ["self", "execution_id"],
        "configure_parallel_settings": ["self", "settings"],
    }
    for name, parameters in expected.items():
        found = inspect.signature(getattr(ParallelAgentExecutor, name)).parameters.values()
        assert [p.name for p in found if p.kind is not p.KEYWORD_ONLY] == parameters
    first = next(iter(inspect.signature(ParallelAgentExecutor).parameters.values()))
    assert (first.name, first.default) == ("config_path", "config/parallel_agents.yaml")


async def test_status_shows_what_runs_now_with_its_worker_and_without_results(executor: ParallelAgentExecutor) -> None:
    execution_id = await executor.submit_batch_tasks(tasks("waits", 5), max_concurrent=2)
    await until_running(executor, 2)
    found = body(await executor.get_execution_status(execution_id))
    sessions = found["agent_execution_sessions"]
    assert found["overall_status"] == "running"
    assert len({session["execution_context"]["worker_process_id"] for session in sessions}) == 2
    assert not any("input_data" in session or "result" in session for session in sessions)
    assert "result_aggregation" not in found
    so_far = body(await executor.get_execution_results(execution_id))
    assert so_far["task_queue"]["pending_tasks"] == 3
    assert await executor.cancel_execution(execution_id)
    assert not await executor.cancel_execution(execution_id)
    assert body(await executor.get_execution_results(execution_id))["overall_status"] == "cancelled"


WRONG_BATCHES: list[tuple[list[dict[str, Any]], type[Exception]]] = [
    ([], InputError),
    ([{"agent_name": "shout"}], TaskError),
    ([{"agent_name": "shout", "input_data": {"text": "x"}, "oops": 1}], TaskError),
    ([{"agent_name": "nobody", "input_data": {}}], AgentError),
    ([{"agent_name": "basic-decomposition", "input_data": {"topic": "t"}}], ModelError),
    ([{"agent_name": "shout", "input_data": {}, "priority": "asap"}], TaskError),
]


@pytest.mark.parametrize(("batch", "error"), WRONG_BATCHES)
async def test_a_wrong_batch_is_refused_and_leaves_nothing(
    executor: ParallelAgentExecutor, batch: list[dict[str, Any]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await executor.submit_batch_tasks(batch)
    assert await executor.list_executions() == []


@pytest.mark.parametrize("wrong", [0, -1, 11, 2.5, True, "8"])
async def test_a_wrong_concurrency_is_refused(executor: ParallelAgentExecutor, wrong: Any) -> None:
    with pytest.raises(ConcurrencyError, match="max_concurrent_limit"):
        await executor.submit_batch_tasks(tasks("shout", 1), max_concurrent=wrong)
    assert await executor.list_executions() == []


async def test_an_unknown_execution_is_named(executor: ParallelAgentExecutor) -> None:
    for call in (executor.get_execution_status, executor.get_execution_results, executor.cancel_execution):
        with pytest.raises(UnknownExecutionError, match=NOWHERE):
            await call(NOWHERE)
    with pytest.raises(UnknownExecutionError, match=NOWHERE):
        executor.get_performance_metrics(NOWHERE)


async def test_settings_change_as_a_whole_or_not_at_all(executor: ParallelAgentExecutor) -> None:
    assert executor.configure_parallel_settings({"max_concurrent_limit": 9, "default_max_concurrent": 2})
    execution_id = await executor.submit_batch_tasks(tasks("shout", 3))
    assert body(await executor.wait(execution_id))["max_concurrent_agents"] == 2
    before = executor.settings
    with pytest.raises(ConfigurationError, match="default_max_concurrent"):
        executor.configure_parallel_settings({"task_queue": {"queue_type": "lifo"}, "default_max_concurrent": "many"})
    with pytest.raises(ConfigurationError, match="Did you mean"):
        executor.configure_parallel_settings({"default_max_concurent": 3})
    assert executor.settings == before


async def test_what_was_closed_in_the_middle_is_resumed_by_another(tmp_path: Path) -> None:
    async with make(tmp_path) as first:
        execution_id = await first.submit_batch_tasks(tasks("waits", 3), max_concurrent=3)
        await until_running(first, 3)
    async with make(tmp_path) as second:
        paused = body(await second.get_execution_results(execution_id))
        assert (paused["overall_status"], paused["pause_reason"]) == ("paused", "no_engine")
        assert await second.resume_execution(execution_id)
        await until_running(second, 3)
        assert await second.cancel_execution(execution_id)
        assert not await second.resume_execution(execution_id)


async def test_an_execution_has_one_owner_and_others_ask_it(executor: ParallelAgentExecutor, tmp_path: Path) -> None:
    execution_id = await executor.submit_batch_tasks(tasks("waits", 2))
    await until_running(executor, 2)
    code = (
        "import asyncio, sys\n"
        "from parallel_agents import ParallelAgentExecutor, ParallelAgentsError\n"
        "async def main():\n"
        f"    other = ParallelAgentExecutor(journal={str(tmp_path / 'journal.sqlite3')!r})\n"
        "    try:\n"
        f"        await other.resume_execution({execution_id!r})\n"
        "    except ParallelAgentsError as error:\n"
        "        print(type(error).__name__)\n"
        f"    print(await other.cancel_execution({execution_id!r}))\n"
        "    await other.aclose()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().split() == [OwnershipError.__name__, "True"]
    assert body(await executor.wait(execution_id))["overall_status"] == "cancelled"


async def test_whoever_waits_hears_that_the_executor_was_closed(tmp_path: Path) -> None:
    executor = make(tmp_path)
    execution_id = await executor.submit_batch_tasks(tasks("waits", 1))
    await until_running(executor, 1)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wait_to_be_closed(executor, execution_id))
        await asyncio.sleep(0)
        await executor.aclose()
    assert waiting.done()
    with pytest.raises(JournalError, match="closed"):
        await executor.get_execution_results(execution_id)


async def wait_to_be_closed(executor: ParallelAgentExecutor, execution_id: str) -> None:
    with pytest.raises(EngineClosedError, match="resume"):
        await executor.wait(execution_id)


async def test_the_specifications_own_sample_is_a_task(executor: ParallelAgentExecutor) -> None:
    sample: dict[str, Any] = {
        "agent_name": "basic-decomposition",
        "canvas_path": "笔记库/离散数学/离散数学.canvas",
        "node_id": "node-abc123",
        "input_data": {"material_text": "什么是逆否命题？原命题与它的逆否命题等价。", "guidance": "请从定义开始思考"},
    }
    execution_id = await executor.submit_batch_tasks([sample], model="offline")
    (session,) = body(await executor.wait(execution_id))["agent_execution_sessions"]
    assert session["input_data"]["topic"] == "离散数学"
    assert session["input_data"]["material_content"] == sample["input_data"]["material_text"]
    assert session["result"]["output_data"]["total_count"] >= 3


async def test_a_start_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    executor = make(tmp_path)
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(executor.start())
        await asyncio.sleep(0)
        starting.cancel()
    assert starting.cancelled()
    await executor.aclose()


async def test_an_end_that_a_dead_engine_left_unsaid_is_said_by_resume(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    async with make(tmp_path) as executor:
        execution_id = await executor.submit_batch_tasks(tasks("shout", 2))
        await executor.wait(execution_id)
    connection: Any = apsw.Connection(str(path))
    connection.execute("UPDATE executions SET ended_at = NULL")
    connection.close()
    async with make(tmp_path) as executor:
        assert await executor.executions.unfinished() == []
        assert not await executor.resume_execution(execution_id)
        assert body(await executor.get_execution_results(execution_id))["completion_timestamp"] is not None


async def test_failed_tasks_are_tried_again_alone(executor: ParallelAgentExecutor) -> None:
    asking: dict[str, Any] = {"agent_name": "asks", "input_data": {}, "task_id": "no-model"}
    batch = [*tasks("shout", 2), asking]
    execution_id = await executor.submit_batch_tasks(batch)
    found = body(await executor.wait(execution_id))
    assert found["overall_status"] == "completed_with_errors"
    (failed,) = found["error_management"]["failed_tasks"]
    assert failed["task_id"] == "no-model"
    assert "none was chosen" in failed["message"]
    assert await executor.retry_execution(execution_id, ["no-model"]) == 1
    again = body(await executor.wait(execution_id))
    attempts = [session["attempt"] for session in again["agent_execution_sessions"]]
    assert attempts == [1, 1, 2]
    with pytest.raises(InputError, match="Did you mean 'no-model'"):
        await executor.retry_execution(execution_id, ["no-modell"])


def test_agents_that_a_worker_could_not_find_are_refused(tmp_path: Path) -> None:
    executor = ParallelAgentExecutor(journal=tmp_path / "journal.sqlite3")

    async def nested(_context: Any) -> dict[str, Any]:
        return {}

    with pytest.raises(AgentError, match="cannot import by name"):
        executor.register_agent("nested", nested)
    with pytest.raises(AgentError, match="taken already"):
        executor.register_agent("scoring-agent", "my_module:run")
    with pytest.raises(AgentError, match="module:function"):
        executor.register_agent("no-colon", "my_module")


def test_every_public_name_is_there() -> None:
    for name in parallel_agents.__all__:
        assert getattr(parallel_agents, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        parallel_agents.no_such_name  # noqa: B018 - the access is the test
