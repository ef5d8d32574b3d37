"""A program that waits through pauses of a lane, also where attempts wait for tasks of their own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.events import Event, EventType
from parallel_agents.simulator import Fault, Options, running

CODE = """
async def parent(context):
    below = [{"agent_name": "child", "input_data": {"n": n}} for n in context.input["numbers"]]
    return {"texts": [result.output["text"] for result in await context.delegate(below)]}

async def child(context):
    return {"text": (await context.model.complete(str(context.input["n"]))).text}
"""
QUOTA = Fault(kind="quota", retry_after_s=0.2)


@asynccontextmanager
async def an_executor(folder: Path, *faults: Fault) -> AsyncGenerator[tuple[ParallelAgentExecutor, list[Event]]]:
    (folder / "families.py").write_text(CODE, encoding="utf-8")
    events: list[Event] = []
    async with (
        running(Options(faults=faults)) as url,
        ParallelAgentExecutor(
            journal=folder / "journal.sqlite3", environ={"OPENAI_BASE_URL": f"{url}/v1"}, model="openai:simulated"
        ) as executor,
    ):
        for name in ("parent", "child"):
            executor.register_agent(name, f"{folder / 'families.py'}:{name}")
        executor.subscribe(events.append)
        yield executor, events


def pauses(events: list[Event]) -> list[str]:
    wanted = {EventType.EXECUTION_PAUSED, EventType.EXECUTION_RESUMED}
    return [event.type.value for event in events if event.type in wanted]


def charged(body: dict[str, Any]) -> bool:
    lines = [line for one in body["agent_execution_sessions"] for line in one["error_handling"]["error_history"]]
    return any(line["charged"] for line in lines)


async def test_wait_returns_at_the_pause_and_with_through_pauses_at_the_end(tmp_path: Path) -> None:
    tasks = [{"agent_name": "child", "input_data": {"n": number}} for number in range(4)]
    async with an_executor(tmp_path, Fault(kind="quota", retry_after_s=3.0)) as (executor, events):
        execution_id = await executor.submit_batch_tasks(tasks, 1)
        paused = body_of(await executor.wait(execution_id))
        assert paused["overall_status"] == "paused"
        assert paused["pause_reason"].startswith("quota: openai:simulated")
        assert paused["resume_at"] is not None
        done = body_of(await executor.wait(execution_id, through_pauses=True))
        assert (done["overall_status"], done["pause_reason"], done["resume_at"]) == ("completed", None, None)
        assert pauses(events) == ["execution.paused", "execution.resumed"]


async def test_those_that_wait_for_tasks_of_a_closed_lane_are_taken_back_and_come_again(tmp_path: Path) -> None:
    tasks = [{"agent_name": "parent", "input_data": {"numbers": [2 * one, 2 * one + 1]}} for one in range(6)]
    async with an_executor(tmp_path, QUOTA, QUOTA) as (executor, _):
        execution_id = await executor.submit_batch_tasks(tasks, 2)
        body = body_of(await executor.wait(execution_id, through_pauses=True))
    assert body["overall_status"] == "completed"
    assert body["task_queue"]["completed_tasks"] == 18
    assert not charged(body)


async def test_what_comes_into_an_open_batch_while_its_lane_is_closed_is_done_where_it_can(tmp_path: Path) -> None:
    async with an_executor(tmp_path, Fault(kind="quota", retry_after_s=3600.0)) as (executor, _):
        async with executor.open_batch(2) as batch:
            await batch.submit({"agent_name": "child", "input_data": {"n": 1}})
            await executor.wait(batch.execution_id)
            await batch.submit({"agent_name": "child", "input_data": {"n": 2}})
        body = body_of(await executor.wait(batch.execution_id))
        assert (body["overall_status"], body["task_queue"]["pending_tasks"]) == ("paused", 2)
