"""A program that spends: submits a batch with a budget, or goes on with one. What it is told stands in its arguments.

JOURNAL URL TASKS submit USD        prints the id at once, then the document
JOURNAL URL TASKS EXECUTION_ID USD  goes on, with this new total unless it is `-`; prints the document
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.budget import Budget
from parallel_agents.core.settings import ContextIsolation, ModelSettings, ParallelProcessing, Settings, TaskQueue
from parallel_agents.ports.context import Context

PRICES = ModelSettings(timeout_seconds=0.4, input_usd_per_million=2.0, output_usd_per_million=8.0, max_tokens=400)


async def asks(context: Context) -> Mapping[str, Any]:
    """Ask twice."""
    texts = [(await context.model.complete(f"{number} {context.input['text']}")).text for number in range(2)]
    return {"texts": texts}


async def main(journal: str, url: str, tasks: str, what: str, usd: str) -> None:
    """Run to the end, or to the end of the budget."""
    queue = TaskQueue(task_retry_delay_seconds=0.0, task_retry_attempts=1)
    settings = Settings(
        model="openai:billed",
        models={"openai:billed": PRICES},
        parallel_processing=ParallelProcessing(
            task_queue=queue, context_isolation=ContextIsolation(isolation_level="coroutine")
        ),
    )
    environ = {"OPENAI_BASE_URL": f"{url}/v1"}
    budget = None if usd == "-" else Budget(usd=float(usd))
    async with ParallelAgentExecutor(settings=settings, journal=journal, environ=environ) as executor:
        executor.register_agent("asks", f"{__file__}:asks")
        if what == "submit":
            given = [{"agent_name": "asks", "input_data": {"text": "问" * n}} for n in range(1, int(tasks) + 1)]
            execution_id = await executor.submit_batch_tasks(given, 6, budget=budget)
            print(execution_id, flush=True)
        else:
            execution_id = what
            await executor.resume_execution(execution_id, budget=budget)
        print(json.dumps(await executor.wait(execution_id)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
