"""An isolation level of an agent's own: in its file, at its registration, or in the configuration."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.errors import AgentError
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.settings import IsolationLevel, Settings

AGENTS = Path(__file__).with_name("agents_of_levels.py")
OWN: dict[str, IsolationLevel | None] = {
    "in_a_process": "process",
    "in_a_thread": "thread",
    "in_a_coroutine": "coroutine",
    "as_configured": None,
}
pytestmark = pytest.mark.faults


@asynccontextmanager
async def executor_with(
    folder: Path, settings: str = "{}", *, own: Mapping[str, IsolationLevel | None] = OWN, agent: str = "naps"
) -> AsyncGenerator[ParallelAgentExecutor]:
    file = folder / "settings.yaml"
    file.write_text(settings, encoding="utf-8")
    async with ParallelAgentExecutor(file, journal=folder / "journal.sqlite3", environ={}) as made:
        for name, isolation in own.items():
            made.register_agent(name, f"{AGENTS}:{agent}", isolation=isolation)
        yield made


def task(agent: str, **given: Any) -> dict[str, Any]:
    return {"agent_name": agent, "input_data": given}


def levels_in(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """What the document says of each agent's sessions: all completed, and at which level each ran."""
    body = body_of(document)
    assert body["error_management"]["isolation_success"] is True
    found: dict[str, set[str]] = {}
    for session in body["agent_execution_sessions"]:
        assert session["status"] == "completed"
        window = session["input_data"]["context_window"]
        level = window["effective"].get("level", "process")
        assert window["isolation_level"] == f"{level}_isolated"
        found.setdefault(session["agent_name"], set()).add(level)
    return found


async def test_every_agent_of_a_batch_runs_at_its_own_level_and_each_session_says_which(tmp_path: Path) -> None:
    async with executor_with(tmp_path) as executor:
        batch = await executor.submit_batch_tasks([task(name, seconds=0) for name in OWN for _ in range(3)])
        found = levels_in(await executor.wait(batch))
    assert found == {name: {level or "process"} for name, level in OWN.items()}


async def test_a_file_says_a_level_and_the_configuration_another_which_holds(tmp_path: Path) -> None:
    spec = tmp_path / "napper.md"
    spec.write_text(
        f"---\nname: napper\ndescription: naps\nentry: {AGENTS}:naps\nisolation: coroutine\n---\n", encoding="utf-8"
    )
    own = "parallel_processing: {agent_configs: {napper: {isolation_level: thread}}}\n"
    for settings, level in (("{}", "coroutine"), (own, "thread")):
        async with executor_with(tmp_path, settings) as executor:
            batch = await executor.submit_batch_tasks([task(str(spec), seconds=0)])
            assert levels_in(await executor.wait(batch)) == {"napper": {level}}


async def test_a_changed_level_is_for_batches_that_are_submitted_later(tmp_path: Path) -> None:
    async with executor_with(tmp_path) as executor:
        first = await executor.submit_batch_tasks([task("as_configured", seconds=0.3)])
        executor.configure_parallel_settings({"agent_configs": {"as_configured": {"isolation_level": "thread"}}})
        second = await executor.submit_batch_tasks([task("as_configured", seconds=0)])
        assert levels_in(await executor.wait(first)) == {"as_configured": {"process"}}
        assert levels_in(await executor.wait(second)) == {"as_configured": {"thread"}}


async def test_a_task_of_an_open_batch_runs_at_its_agents_level(tmp_path: Path) -> None:
    async with executor_with(tmp_path) as executor:
        async with executor.open_batch() as batch:
            for name in OWN:
                await batch.submit(task(name, seconds=0))
        found = levels_in(await executor.wait(batch.execution_id))
    assert found == {name: {level or "process"} for name, level in OWN.items()}


async def test_a_resumed_execution_goes_on_at_the_level_that_it_was_submitted_with(tmp_path: Path) -> None:
    started = asyncio.Event()
    async with executor_with(tmp_path) as executor:
        executor.subscribe(lambda event: started.set() if event.type is EventType.TASK_STARTED else None)
        batch = await executor.submit_batch_tasks([task("in_a_thread", seconds=1)])
        async with asyncio.timeout(20):
            await started.wait()
        await executor.interrupt()
    other = "parallel_processing: {agent_configs: {in_a_thread: {isolation_level: coroutine}}}\n"
    strict = "parallel_processing: {context_isolation: {require: [memory]}}\n"
    async with executor_with(tmp_path, strict) as executor:
        with pytest.raises(AgentError, match="thread: that cannot guarantee memory"):
            await executor.resume_execution(batch)
    async with executor_with(tmp_path, other) as executor:
        assert await executor.resume_execution(batch)
        assert levels_in(await executor.wait(batch)) == {"in_a_thread": {"thread"}}


async def test_a_guarantee_that_is_required_holds_for_every_agent(tmp_path: Path) -> None:
    strict = "parallel_processing: {context_isolation: {require: [memory]}}\n"
    async with executor_with(tmp_path, strict) as executor:
        for name in ("in_a_thread", "in_a_coroutine"):
            with pytest.raises(AgentError, match=r"cannot guarantee memory.*require"):
                await executor.submit_batch_tasks([task("as_configured", seconds=0), task(name, seconds=0)])
        assert await executor.list_executions() == []
        batch = await executor.submit_batch_tasks([task("in_a_process", seconds=0)])
        assert levels_in(await executor.wait(batch)) == {"in_a_process": {"process"}}


async def test_a_level_stricter_than_the_pools_is_refused(tmp_path: Path) -> None:
    threads = (
        "parallel_processing: {process_pool: {pool_type: thread}, context_isolation: {isolation_level: thread}}\n"
        "aiomultiprocess_settings: {worker_type: thread}\n"
    )
    async with executor_with(tmp_path, threads) as executor:
        with pytest.raises(AgentError, match=r"process: that is stricter than .*pool_type thread"):
            await executor.submit_batch_tasks([task("in_a_process", seconds=0)])
        batch = await executor.submit_batch_tasks([task("in_a_coroutine", seconds=0), task("as_configured", seconds=0)])
        assert levels_in(await executor.wait(batch)) == {"in_a_coroutine": {"coroutine"}, "as_configured": {"thread"}}


class Peaks:
    """Most attempts of each agent that ran at once, as the events tell it."""

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()
        self._agents: dict[str | None, str] = {}
        self.most: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        if event.type is EventType.TASK_STARTED:
            agent = self._agents[event.task_id] = str(event.data["agent"])
            self._running[agent] += 1
            self.most[agent] = max(self.most[agent], self._running[agent])
        elif event.type is EventType.TASK_COMPLETED:
            self._running[self._agents[event.task_id]] -= 1


async def test_each_level_has_its_limit_in_one_batch(tmp_path: Path) -> None:
    settings = (
        "parallel_processing:\n  context_isolation: {isolation_level: coroutine}\n"
        "  max_coroutines: 20\n  max_concurrent_limit: 3\n  default_max_concurrent: 3\n"
        "aiomultiprocess_settings: {max_workers: 2}\n"
    )
    peaks = Peaks()
    async with executor_with(tmp_path, settings) as executor:
        executor.subscribe(peaks)
        tasks = [task(name, seconds=0.5) for name in ("in_a_process", "in_a_thread", "as_configured") for _ in range(6)]
        levels_in(await executor.wait(await executor.submit_batch_tasks(tasks, max_concurrent=20)))
    assert peaks.most == {"in_a_process": 2, "in_a_thread": 3, "as_configured": 6}


async def test_a_worker_that_dies_at_one_level_leaves_the_others_alone(tmp_path: Path) -> None:
    own: dict[str, IsolationLevel | None] = {"crashing": "thread"}
    settings = "parallel_processing: {task_queue: {task_retry_attempts: 0}}\n"
    async with executor_with(tmp_path, settings, own=own, agent="crashes") as executor:
        executor.register_agent("napping", f"{AGENTS}:naps", isolation="coroutine")
        batch = await executor.submit_batch_tasks([task("crashing"), *[task("napping", seconds=1)] * 3])
        body = body_of(await executor.wait(batch))
    assert [(s["agent_name"], s["status"], s["attempt"]) for s in body["agent_execution_sessions"]] == [
        ("crashing", "failed", 1),
        *[("napping", "completed", 1)] * 3,
    ]


async def test_no_worker_of_the_configured_level_is_started_for_a_batch_that_needs_none(tmp_path: Path) -> None:
    before = fork_server_children()
    executor = ParallelAgentExecutor(settings=Settings(), journal=tmp_path / "journal.sqlite3", environ={})
    executor.register_agent("in_a_coroutine", f"{AGENTS}:naps", isolation="coroutine")
    executor.register_agent("as_configured", f"{AGENTS}:naps")
    try:
        batch = await executor.submit_batch_tasks([task("in_a_coroutine", seconds=0)] * 4, max_concurrent=4)
        await executor.wait(batch)
        assert len(fork_server_children() - before) == 1
        await executor.wait(await executor.submit_batch_tasks([task("as_configured", seconds=0)]))
        assert len(fork_server_children() - before) == 2
    finally:
        await executor.aclose()


def fork_server_children() -> set[int]:
    return {child.pid for server in psutil.Process().children() for child in server.children()}
