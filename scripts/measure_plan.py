"""Measure how near a plan with a pilot comes to what the run then costs and takes.

uv run python scripts/measure_plan.py [--pilot K] [--latency S] [--p95 S] [--rounds N]

Each round serves a simulated provider with log-normal latency that counts a token for each byte, plans the example
vault with a pilot, runs it, and prints cost and time: planned, as they came, and their ratio. The cost is its own
count. A pilot of three tells little of times that differ much: with a p95 of 2.5 medians the ratios of three rounds
were 1.6, 0.9 and 0.5, with one of 1.5 medians those of four were 0.8 to 1.1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import urllib.request
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
    parser.add_argument("--p95", type=float, default=0.9)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for seed in range(options.rounds):
        provider = Options(
            latency_s=options.latency,
            latency_p95_s=options.p95,
            seed=seed,
            token_rule="bytes",
            input_usd_per_million=PRICES.input_usd_per_million,
            output_usd_per_million=PRICES.output_usd_per_million,
        )
        asyncio.run(_measure(provider, options.pilot))


async def _measure(provider: Options, pilot: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with running(provider) as url:
            environ = {**os.environ, "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "sk-simulated"}
            settings = Settings(model=MODEL, models={MODEL: PRICES})
            journal = Path(folder) / "journal.sqlite3"
            async with ParallelAgentExecutor(settings=settings, journal=journal, environ=environ) as executor:
                plan = plan_source(VAULT, "oral-explanation", NodeChoice(), AgentRegistry())
                tried = await run_pilot(executor, plan, range(len(plan.tasks)), pilot, None, quiet=True)
                found = await executor.plan(plan.tasks, pilots=[tried.execution_id])
                before = await asyncio.to_thread(_paid, url)
                execution_id = await executor.submit_batch_tasks(plan.tasks)
                document = await executor.wait(execution_id)
                cost = await asyncio.to_thread(_paid, url) - before
    body = document["parallel_agent_execution"]
    took_s = body["performance_metrics"]["parallel_efficiency"]["total_execution_time_ms"] / 1000
    _say("cost, US dollars", found.cost_usd, cost)
    _say("time, seconds", found.duration_s, took_s)


def _paid(url: str) -> float:
    with urllib.request.urlopen(f"{url}/stats", timeout=10) as answer:
        return float(json.load(answer)["cost_usd"])


def _say(what: str, planned: Range | None, came: float) -> None:
    if planned is None:
        print(f"{what:<18} planned: unknown")  # noqa: T201 - its output
        return
    within = planned.low <= came <= planned.high
    line = f"planned {planned.likely:8.4f} ({planned.low:.4f} – {planned.high:.4f})   came {came:8.4f}"
    print(f"{what:<18} {line}   ratio {came / planned.likely:.3f}   in its range: {within}")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
