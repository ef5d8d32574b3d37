"""The engine that `measure_scale.py` measures, as a program of its own, so that it can be killed.

python scripts/scaleprogram.py JOURNAL submit TASKS | stream TASKS | resume EXECUTION [--tasks-per-worker N]

It tells what it observes of itself in lines of JSON: `submitted`, `began` (the first attempt is in the journal), a mark
every so many settled tasks, and `ended`. CPU is what the system counts for this process alone, its workers left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from parallel_agents import Event, EventType, ParallelAgentExecutor, Settings
from parallel_agents.core.settings import ParallelProcessing, ProcessPool

AGENTS = Path(__file__).with_name("scaleagents.py")
AT_ONCE = 8


class Teller:
    """Counts settled tasks and tells marks."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._begun = False
        self.settled = 0

    def hear(self, event: Event) -> None:
        """Take one event of the executor."""
        if event.type is EventType.TASK_STARTED and not self._begun:
            self._begun = True
            self.tell("began")
        elif event.type is EventType.TASK_COMPLETED:
            self.settled += 1
            if self.settled % self._every == 0:
                self.tell("settled")

    def tell(self, what: str, **more: object) -> None:
        """Print a line with the figures of this moment."""
        line = {"what": what, "settled": self.settled, "cpu_s": _cpu_s(), **_memory_mb(), **more}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


async def main(arguments: argparse.Namespace) -> None:
    """Submit a batch or resume one, and run it to its end."""
    teller = Teller(arguments.every)
    async with ParallelAgentExecutor(
        settings=settings_of(arguments.tasks_per_worker), journal=arguments.journal, environ={}
    ) as executor:
        executor.register_agent("noop", f"{AGENTS}:noop")
        executor.subscribe(teller.hear)
        if arguments.verb == "submit":
            tasks = [{"agent_name": "noop", "input_data": {"number": n}} for n in range(int(arguments.what))]
            execution_id = await executor.submit_batch_tasks(tasks, max_concurrent=AT_ONCE)
            del tasks
        elif arguments.verb == "stream":
            execution_id = await executor.submit_batch_tasks(tasks_one_by_one(int(arguments.what)), AT_ONCE)
        else:
            execution_id = arguments.what
            await executor.resume_execution(execution_id)
        teller.tell("submitted", execution_id=execution_id, queue=await counted(executor, execution_id))
        await executor.join(execution_id)
        teller.tell("ended", queue=await counted(executor, execution_id))


async def tasks_one_by_one(number: int) -> AsyncIterator[dict[str, Any]]:
    """A source that holds no task that was not asked for yet."""
    for position in range(number):
        yield {"agent_name": "noop", "input_data": {"number": position}}


async def counted(executor: ParallelAgentExecutor, execution_id: str) -> dict[str, Any]:
    """The tasks of an execution by state, as its document has them."""
    return (await executor.executions.standing(execution_id))["task_queue"]


def settings_of(tasks_per_worker: int | None) -> Settings:
    """The settings that ship, with another number of attempts before a worker is replaced; None leaves that too."""
    if tasks_per_worker is None:
        return Settings()
    pool = ProcessPool(max_tasks_per_worker=tasks_per_worker)
    return Settings(parallel_processing=ParallelProcessing(process_pool=pool))


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system


def _memory_mb() -> dict[str, float]:
    # The kernel keeps the highest by itself, so that no moment between two samples is missed.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return {"rss_mb": int(found["VmRSS"].split()[0]) / 1024, "peak_rss_mb": int(found["VmHWM"].split()[0]) / 1024}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("journal")
    parser.add_argument("verb", choices=("submit", "stream", "resume"))
    parser.add_argument("what")
    parser.add_argument("--every", type=int, default=1000)
    parser.add_argument("--tasks-per-worker", type=int, default=None)
    asyncio.run(main(parser.parse_args()))
