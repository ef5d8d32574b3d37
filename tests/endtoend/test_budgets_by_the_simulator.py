"""What the simulated provider charged, by its own count, never passes the budget, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import json
import random
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.documents import body_of

from parallel_agents import Budget, ParallelAgentExecutor, Settings
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.settings import ContextIsolation, ModelSettings, ParallelProcessing
from parallel_agents.simulator import Options, running

PRICES = ModelSettings(
    input_usd_per_million=2.0, output_usd_per_million=8.0, max_tokens=2000, timeout_seconds=1.0, max_concurrent=6
)
TASKS = [
    {
        "agent_name": "basic-decomposition",
        "input_data": {"material_content": f"命题 {number}：能被 {number + 2} 整除的数。", "topic": "整除"},
    }
    for number in range(16)
]


def troubled(seed: int) -> Options:
    """A provider that counts a token for each byte, and with which many things go wrong."""
    return Options(
        seed=seed,
        latency_s=0.02,
        jitter_s=0.02,
        token_rule="bytes",
        input_usd_per_million=2.0,
        output_usd_per_million=8.0,
        fail_rate=0.05,
        rate_limit_rate=0.05,
        wave_pause_s=0.05,
        hang_rate=0.04,
        cut_rate=0.08,
        unreadable_rate=0.05,
        malformed_rate=0.15,
    )


def executor_on(folder: Path, url: str, model: str) -> ParallelAgentExecutor:
    settings = Settings(
        model=model,
        models={model: PRICES},
        parallel_processing=ParallelProcessing(context_isolation=ContextIsolation(isolation_level="coroutine")),
    )
    environ = {"OPENAI_BASE_URL": f"{url}/v1", "ANTHROPIC_BASE_URL": url}
    return ParallelAgentExecutor(settings=settings, journal=folder / "journal.sqlite3", environ=environ)


def charged(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/stats", timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize("seed", range(10))
async def test_by_its_own_count_the_budget_is_not_passed(seed: int, tmp_path: Path) -> None:
    model = ("openai:sim", "anthropic:sim")[seed % 2]
    chance = random.Random(seed)
    in_money = seed % 4 < 2
    budget = Budget(usd=chance.uniform(0.05, 0.25)) if in_money else Budget(tokens=chance.randint(20_000, 60_000))
    async with running(troubled(seed)) as url:
        async with executor_on(tmp_path, url, model) as first:
            completed: list[Event] = []

            def interrupted_after_three(event: Event) -> None:
                if event.type is EventType.TASK_COMPLETED:
                    completed.append(event)
                    if len(completed) == 3:
                        first.drain()

            first.subscribe(interrupted_after_three)
            execution_id = await first.submit_batch_tasks(TASKS, 6, budget=budget)
            await first.join(execution_id)
        async with executor_on(tmp_path, url, model) as second:
            await second.resume_execution(execution_id)
            body = body_of(await second.wait(execution_id))
        seen = await asyncio.to_thread(charged, url)
    assert seen["generated"] > 0
    if budget.usd is not None:
        assert seen["cost_usd"] <= budget.usd
    if budget.tokens is not None:
        assert seen["input_tokens"] + seen["output_tokens"] <= budget.tokens
    assert body["overall_status"] in {"paused", "completed", "completed_with_errors"}
    assert body["pause_reason"] is None or body["pause_reason"].startswith("budget: ")
