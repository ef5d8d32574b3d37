"""Which earlier results serve, seen from Python; the provider is a real server that keeps what it was asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.configuration.proofs.recorder import recording_provider
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.errors import InputError
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.settings import Settings

FILE = Path(__file__).with_name("agents_that_ask.py")
MODEL = "openai:recorded"
NOTE = {"topic": "t", "material_content": "A set is a collection of different things."}


class Scene:
    """One journal, one provider, and an executor after the other."""

    def __init__(self, folder: Path, port: int, requests: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.requests = requests
        self.environ = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "sk-test"}

    @asynccontextmanager
    async def executor(self, file: Path = FILE, *, reusable: bool = True) -> AsyncGenerator[ParallelAgentExecutor]:
        journal = self.folder / "journal.sqlite3"
        async with ParallelAgentExecutor(settings=Settings(), journal=journal, environ=self.environ) as executor:
            executor.register_agent("asks", f"{file}:asks", reusable=reusable)
            executor.register_agent("hands_in", f"{file}:hands_in")
            yield executor


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncGenerator[Scene]:
    requests: list[dict[str, Any]] = []
    async with recording_provider(requests) as port:
        yield Scene(tmp_path, port, requests)


def task(agent: str, of: str, **more: Any) -> dict[str, Any]:
    return {"agent_name": agent, "input_data": {"of": of}, **more}


async def ran(executor: ParallelAgentExecutor, *tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    execution_id = await executor.submit_batch_tasks(tasks, model=more.pop("model", MODEL), **more)
    return body_of(await executor.wait(execution_id))


async def test_python_code_is_asked_anew_unless_it_says_that_its_result_is_all_it_does(scene: Scene) -> None:
    async with scene.executor(reusable=False) as executor:
        for _ in range(2):
            await ran(executor, task("asks", "a"))
    assert len(scene.requests) == 2
    async with scene.executor() as executor:
        for _ in range(2):
            await ran(executor, task("asks", "a"))
    assert len(scene.requests) == 3


async def test_changed_code_is_another_agent(scene: Scene) -> None:
    file = scene.folder / "mine.py"
    for text in ("", "", "\n# changed\n"):
        file.write_text(FILE.read_text(encoding="utf-8") + text, encoding="utf-8")
        async with scene.executor(file) as executor:
            await ran(executor, task("asks", "a"))
    assert len(scene.requests) == 2


async def test_a_task_that_another_hands_in_has_an_earlier_result_unless_its_execution_is_fresh(scene: Scene) -> None:
    async with scene.executor() as executor:
        first = await ran(executor, task("hands_in", "a"))
        again = await ran(executor, task("hands_in", "a"))
        fresh = await ran(executor, task("hands_in", "a"), fresh=True)
    assert [body["task_queue"]["reused_tasks"] for body in (first, again, fresh)] == [0, 1, 0]
    outputs = [body["agent_execution_sessions"][0]["result"]["output_data"] for body in (first, again, fresh)]
    assert outputs == [{"status": "completed", "output": {"text": "that"}}] * 3
    assert len(scene.requests) == 2


async def test_what_follows_from_something_that_is_asked_anew_is_asked_anew(scene: Scene) -> None:
    def chain(of: str) -> tuple[dict[str, Any], ...]:
        return (
            task("asks", of, task_id="one"),
            task("asks", "b", task_id="two", depends_on=["one"]),
            task("asks", "c", task_id="three", depends_on=["two"]),
        )

    async with scene.executor() as executor:
        await ran(executor, *chain("a"))
        same = await ran(executor, *chain("a"))
        other = await ran(executor, *chain("z"))
    assert [body["task_queue"]["reused_tasks"] for body in (same, other)] == [3, 0]
    assert len(scene.requests) == 6


async def test_tasks_that_come_in_one_by_one_have_earlier_results_and_are_told(scene: Scene) -> None:
    told: list[Event] = []
    async with scene.executor() as executor:
        await ran(executor, task("asks", "a"))
        executor.subscribe(told.append)
        async with executor.open_batch(model=MODEL) as batch:
            await batch.submit(task("asks", "a", task_id="known"))
            await batch.submit(task("asks", "b", task_id="new"))
        body = body_of(await executor.wait(batch.execution_id))
    assert [session["reused_from"] is not None for session in body["agent_execution_sessions"]] == [True, False]
    assert [event.task_id for event in told if event.type is EventType.TASK_REUSED] == ["known"]
    assert len(scene.requests) == 2


async def test_what_no_language_model_said_serves_nobody_else(scene: Scene) -> None:
    batch = {"agent_name": "basic-decomposition", "input_data": NOTE}
    async with scene.executor() as executor:
        bodies = [await ran(executor, batch, model="offline") for _ in range(2)]
    assert [body["task_queue"]["reused_tasks"] for body in bodies] == [0, 0]


async def test_a_key_goes_with_a_whole_batch_and_with_that_one_alone(scene: Scene) -> None:
    async def coming_in() -> AsyncGenerator[dict[str, Any]]:
        yield task("asks", "a")

    async with scene.executor() as executor:
        first = await executor.submit_batch_tasks([task("asks", "a")], model=MODEL, idempotency_key="k")
        await executor.wait(first)
        assert await executor.submit_batch_tasks([task("asks", "a")], model=MODEL, idempotency_key="k") == first
        with pytest.raises(InputError, match=f"'k' is that of {first}.*another one"):
            await executor.submit_batch_tasks([task("asks", "b")], model=MODEL, idempotency_key="k")
        with pytest.raises(InputError, match="as a whole"):
            await executor.submit_batch_tasks(coming_in(), model=MODEL, idempotency_key="k")
        assert len(await executor.list_executions()) == 1
    assert len(scene.requests) == 1
