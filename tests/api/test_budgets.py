"""Budgets from Python: given, spent, raised while the engine lives, and where none was given before."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.documents import body_of

from parallel_agents import Budget, InputError, ParallelAgentExecutor, Settings
from parallel_agents.core.settings import ContextIsolation, ModelSettings, ParallelProcessing
from parallel_agents.simulator import Options, running

AGENTS = Path(__file__).with_name("agents_asking.py")
PRICES = ModelSettings(input_usd_per_million=2.0, output_usd_per_million=8.0, max_tokens=100)
TASKS = [{"agent_name": "asks", "input_data": {"text": f"question {number}"}} for number in range(6)]


@asynccontextmanager
async def executor_on(folder: Path, url: str) -> AsyncGenerator[ParallelAgentExecutor]:
    settings = Settings(
        model="openai:simulated",
        models={"openai": PRICES},
        parallel_processing=ParallelProcessing(context_isolation=ContextIsolation(isolation_level="coroutine")),
    )
    environ = {"OPENAI_BASE_URL": f"{url}/v1"}
    async with ParallelAgentExecutor(settings=settings, journal=folder / "j.sqlite3", environ=environ) as executor:
        executor.register_agent("asks", f"{AGENTS}:asks")
        yield executor


async def test_a_budget_is_raised_where_it_was_spent_without_a_new_engine(tmp_path: Path) -> None:
    async with running(Options()) as url, executor_on(tmp_path, url) as executor:
        execution_id = await executor.submit_batch_tasks(TASKS, 2, budget=Budget(usd=0.0012))
        await executor.join(execution_id)
        standing = await executor.executions.standing(execution_id)
        assert standing["task_queue"]["pending_tasks"] > 0
        assert await executor.resume_execution(execution_id, budget=Budget(usd=1.0))
        body = body_of(await executor.wait(execution_id))
    assert body["overall_status"] == "completed"
    assert body["budget"]["usd"] == 1.0
    assert body["budget"]["tokens"] is None
    assert body["budget"]["spent_usd"] == pytest.approx(body["performance_metrics"]["token_usage"]["cost_usd"])


async def test_another_process_raises_the_budget_of_one_that_lives(tmp_path: Path) -> None:
    async with running(Options()) as url, executor_on(tmp_path, url) as owner, executor_on(tmp_path, url) as other:
        execution_id = await owner.submit_batch_tasks(TASKS, 2, budget=Budget(tokens=150))
        await owner.join(execution_id)
        assert await other.resume_execution(execution_id, budget=Budget(tokens=100_000))
        body = body_of(await owner.wait(execution_id))
    assert body["overall_status"] == "completed"
    assert body["budget"]["tokens"] == 100_000


async def test_an_open_batch_is_held_to_its_budget_too(tmp_path: Path) -> None:
    async with running(Options()) as url, executor_on(tmp_path, url) as executor:
        async with executor.open_batch(2, budget=Budget(usd=1.0)) as batch:
            for task in TASKS:
                await batch.submit(task)
        body = body_of(await executor.wait(batch.execution_id))
    assert 0 < body["budget"]["spent_usd"] < 1


async def test_what_nobody_has_counted_gets_no_budget_later(tmp_path: Path) -> None:
    async with running(Options(latency_s=30.0)) as url:
        async with executor_on(tmp_path, url) as executor:
            execution_id = await executor.submit_batch_tasks(TASKS, 2)
        async with executor_on(tmp_path, url) as executor:
            with pytest.raises(InputError, match="without a budget"):
                await executor.resume_execution(execution_id, budget=Budget(usd=1.0))
