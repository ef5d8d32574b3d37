"""Runs a few tasks of a batch, so that the plan of the rest goes by what they did."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

import msgspec

from parallel_agents.agents.registry import calls_by_itself
from parallel_agents.cli.interruption import Interruption
from parallel_agents.cli.progress import PlainProgress, Progress, QuietProgress
from parallel_agents.core.pilot import chosen_for_pilot
from parallel_agents.core.task import TaskRecord
from parallel_agents.executor import ParallelAgentExecutor
from parallel_agents.sources.plan import Plan


class Pilot(msgspec.Struct, frozen=True, kw_only=True):
    """A few tasks that were run. Tokens and US dollars are None where one of them is unknown."""

    execution_id: str
    tasks: int
    completed: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    duration_s: float | None
    is_over: bool


async def run_pilot(
    executor: ParallelAgentExecutor,
    plan: Plan,
    positions: Sequence[int],
    number: int,
    max_concurrent: int | None,
    *,
    quiet: bool,
) -> Pilot:
    """Run so many of the tasks at these positions of a plan as an execution of their own, and wait for them.

    Raises:
        InputError: as `submit_batch_tasks`.
    """
    tasks = [plan.tasks[position] for position in positions]
    sizes = [(task["agent_name"], len(json.dumps(task["input_data"], ensure_ascii=False))) for task in tasks]
    chosen = [positions[place] for place in chosen_for_pilot(sizes, number)]
    async with Interruption(executor) as interruption:
        execution_id = await executor.submit_batch_tasks(
            [plan.tasks[position] for position in chosen],
            max_concurrent,
            source=plan.source,
            vault_root=plan.vault_root,
            places=[plan.places[position] for position in chosen] if plan.places else (),
        )
        progress: Progress = QuietProgress(sys.stderr) if quiet else PlainProgress(sys.stderr, len(chosen), 0)
        interruption.progress = progress
        executor.subscribe(progress.hear)
        await _watch(executor, execution_id, interruption)
        progress.close()
        interruption.end()
    return await _told(executor, execution_id)


async def _watch(executor: ParallelAgentExecutor, execution_id: str, interruption: Interruption) -> None:
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(interruption.watch())
        await executor.join(execution_id)
        watch.cancel()


async def _told(executor: ParallelAgentExecutor, execution_id: str) -> Pilot:
    record = await executor.executions.record(execution_id)
    tasks: list[TaskRecord] = []
    await executor.executions.each_task(execution_id, tasks.append)
    calling = [one for task in tasks for one in task.attempts if one.calls]
    costs = [None if one.unpriced else one.cost_usd for one in calling]
    tokens = [(one.input_tokens, one.output_tokens) for one in calling]
    if any(calls_by_itself(agent) for agent in record.agents):
        costs, tokens = [*costs, None], [*tokens, (None, None)]
    queue = (await executor.executions.standing(execution_id))["task_queue"]
    ends = [task.completed_at for task in tasks if task.completed_at is not None]
    return Pilot(
        execution_id=execution_id,
        tasks=len(tasks),
        completed=queue["completed_tasks"],
        input_tokens=_sum([sent for sent, _ in tokens]),
        output_tokens=_sum([got for _, got in tokens]),
        cost_usd=None if None in costs else sum(filter(None, costs)),
        duration_s=max(0.0, max(ends) - record.submitted_at) if ends else None,
        is_over=not queue["pending_tasks"] + queue["running_tasks"],
    )


def _sum(counts: list[int | None]) -> int | None:
    return None if None in counts else sum(filter(None, counts))
