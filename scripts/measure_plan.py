"""Measure how near a plan with a pilot comes to what the run then costs and takes.

uv run python scripts/measure_plan.py [--pilot K] [--latency S] [--jitter S] [--rounds N]

Each round serves a simulated provider, plans the example vault with a pilot, runs it, and prints cost and
time: planned, as they came, and their ratio. Tokens are counted by the provider.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from parallel_agents import ParallelAgentExecutor
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.cli.piloting import run_pilot
from parallel_agents.core.forecast import Range
from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.simulator import Options, running
from parallel_agents.sources.reading import plan_source

VAULT = Path(__file__).parents[1] / "examples" / "笔记库"
MODEL = "openai:simulated"
PRICES = ModelSettings(input_usd_per_million=3.0, output_usd_per_million=15.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pilot", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.6)
    parser.add_argument("--jitter", type=float, default=0.3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for seed in range(options.rounds):
        provider = Options(latency_s=options.latency, jitter_s=options.jitter, seed=seed)
        asyncio.run(_measure(provider, options.pilot))


async def _measure(provider: Options, pilot: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with running(provider) as url:
            environ = {**os.environ, "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "sk-simulated"}
            settings = Settings(model=MODEL, models={MODEL: PRICES})
            journal = Path(folder) / "journal.sqlite3"
            async with ParallelAgentExecutor(settings=settings, journal=journal, environ=environ) as executor:
                plan = plan_source(VAULT, "oral-explanation", NodeChoice(), AgentRegistry())
                tried = await run_pilot(executor, plan, pilot, None, quiet=True)
                found = await executor.plan(plan.tasks, pilots=[tried.execution_id])
                execution_id = await executor.submit_batch_tasks(plan.tasks)
                document = await executor.wait(execution_id)
    body = document["parallel_agent_execution"]
    used = [one["result"]["performance_metrics"]["token_usage"] for one in body["agent_execution_sessions"]]
    cost = sum(one["input_tokens"] * 3e-6 + one["output_tokens"] * 15e-6 for one in used)
    took_s = body["performance_metrics"]["parallel_efficiency"]["total_execution_time_ms"] / 1000
    _say("cost, US dollars", found.cost_usd, cost)
    _say("time, seconds", found.duration_s, took_s)


def _say(what: str, planned: Range | None, came: float) -> None:
    if planned is None:
        print(f"{what:<18} planned: unknown")  # noqa: T201 - its output
        return
    within = planned.low <= came <= planned.high
    line = f"planned {planned.likely:8.4f} ({planned.low:.4f} – {planned.high:.4f})   came {came:8.4f}"
    print(f"{what:<18} {line}   ratio {came / planned.likely:.3f}   in its range: {within}")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
