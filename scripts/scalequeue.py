"""The part of `measure_scale.py` about who starts when: urgent tasks, aged tasks, a small batch beside a large one.

Slots are places for attempts; a slot's time is how long one attempt of a batch takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from scaleprogram import AGENTS

from parallel_agents import Event, EventType, ParallelAgentExecutor, Settings
from parallel_agents.core.settings import ParallelProcessing, ProcessPool, TaskQueue

SLOTS = 10
SHORT_NAP_S = 0.1
PATIENCE_S = 120.0
ROUNDS = 3
SMALL = 10


class Sizes(NamedTuple):
    """How many tasks wait; seconds after which a task is overdue; seconds of one attempt beside a large batch."""

    low: int
    large: int
    ageing_s: float
    nap_s: float


class Stage:
    """An executor, and the order in which its tasks started."""

    def __init__(self, executor: ParallelAgentExecutor) -> None:
        self.executor = executor
        self.starts: list[tuple[str, float]] = []
        self._heard = asyncio.Event()
        executor.subscribe(self._hear)
        for name in ("noop", "naps", "holds"):
            executor.register_agent(name, f"{AGENTS}:{name}")

    def _hear(self, event: Event) -> None:
        if event.type is EventType.TASK_STARTED and event.task_id is not None:
            self.starts.append((event.task_id, time.monotonic()))
            self._heard.set()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something that starts of tasks bring about. Raises `TimeoutError`."""
        async with asyncio.timeout(PATIENCE_S):
            while not happened():
                self._heard.clear()
                await self._heard.wait()

    def place(self, task_id: str) -> int | None:
        """Where a task stands in the order of starts, None while it has not started."""
        return next((place for place, (started, _) in enumerate(self.starts) if started == task_id), None)

    async def submit(self, name: str, number: int, agent: str, priority: str, **given: object) -> str:
        """Submit a batch of like tasks, with the ids NAME-0, NAME-1, …; returns its execution id."""
        tasks = [_task(f"{name}-{n}", agent, priority, given) for n in range(number)]
        return await self.executor.submit_batch_tasks(tasks, max_concurrent=SLOTS)


async def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Take all figures of this part, by name."""
    return {
        **await _urgent_before_low(folder, sizes),
        **await _low_under_high(folder, sizes),
        **await _small_beside_large(folder, sizes),
    }


async def _urgent_before_low(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Count the `low` tasks that start between an urgent task's submission and its start, while all slots are taken."""
    async with _executor(folder / "urgent.sqlite3", sizes) as executor:
        stage, gates = Stage(executor), [folder / f"gate-{n}" for n in range(SLOTS)]
        held = [_task(f"held-{n}", "holds", "normal", {"until": str(gate)}) for n, gate in enumerate(gates)]
        holding = await executor.submit_batch_tasks(held, max_concurrent=SLOTS)
        await stage.until(lambda: len(stage.starts) == SLOTS)
        low = await stage.submit("low", sizes.low, "noop", "low")
        await stage.submit("urgent", 1, "noop", "urgent")
        waiting = (await executor.executions.counts(low)).pending
        gates[0].touch()
        await stage.until(lambda: stage.place("urgent-0") is not None)
        for gate in gates[1:]:
            gate.touch()
        await executor.join(holding)
        await executor.cancel_execution(low)
        return {"low_waiting": waiting, "low_before_urgent": (stage.place("urgent-0") or 0) - SLOTS}


async def _low_under_high(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Time how long two `low` tasks wait under a stream of `high` ones: one in the same execution, one in its own."""
    async with _executor(folder / "ageing.sqlite3", sizes) as executor:
        stage = Stage(executor)
        async with executor.open_batch(SLOTS) as batch:
            for number in range(2 * SLOTS):
                await batch.submit(_task(f"high-{number}", "naps", "high", {"seconds": SHORT_NAP_S}))
            await stage.until(lambda: len(stage.starts) >= SLOTS)
            await batch.submit(_task("low-inside", "noop", "low", {}))
            await stage.submit("low-alone", 1, "noop", "low")
            overdue_at = time.monotonic() + sizes.ageing_s
            lows = ("low-inside", "low-alone-0")
            async with asyncio.timeout(sizes.ageing_s + PATIENCE_S):
                while any(stage.place(low) is None for low in lows):
                    number += 1
                    await batch.submit(_task(f"high-{number}", "naps", "high", {"seconds": SHORT_NAP_S}))
        started = [at for task_id, at in stage.starts if task_id in lows]
        before = [at for task_id, at in stage.starts if task_id.startswith("high") and at < max(started)]
        return {
            "high_before_low": len(before),
            "high_after_overdue": sum(at > overdue_at for at in before),
            "low_waited_s": max(started) - overdue_at + sizes.ageing_s,
            "low_too_early_s": max(0.0, overdue_at - min(started)),
            "low_slots_late": (max(started) - overdue_at) / SHORT_NAP_S,
        }


async def _small_beside_large(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Time an urgent batch of 10 alone, and beside a large one that takes every slot; the worst of some rounds."""
    async with _executor(folder / "beside.sqlite3", sizes) as executor:
        stage = Stage(executor)
        alone = [await _timed(stage, f"alone-{n}", sizes.nap_s) for n in range(ROUNDS)]
        large = await stage.submit("large", sizes.large, "naps", "normal", seconds=sizes.nap_s)
        await stage.until(lambda: sum(task_id.startswith("large") for task_id, _ in stage.starts) > SLOTS)
        beside = [await _timed(stage, f"urgent-{n}", sizes.nap_s) for n in range(ROUNDS)]
        waiting = (await executor.executions.counts(large)).pending
        await executor.cancel_execution(large)
        return {
            "large_waiting": waiting,
            "alone_s": sum(alone) / ROUNDS,
            "beside_s": max(beside),
            "slots_later": (max(beside) - sum(alone) / ROUNDS) / sizes.nap_s,
        }


async def _timed(stage: Stage, name: str, nap_s: float) -> float:
    began = time.monotonic()
    await stage.executor.join(await stage.submit(name, SMALL, "naps", "urgent", seconds=nap_s))
    return time.monotonic() - began


def _executor(journal: Path, sizes: Sizes) -> ParallelAgentExecutor:
    processing = ParallelProcessing(
        # Replacing workers would be timed as well.
        process_pool=ProcessPool(worker_processes=SLOTS, max_tasks_per_worker=0),
        task_queue=TaskQueue(ageing_seconds=sizes.ageing_s),
    )
    return ParallelAgentExecutor(settings=Settings(parallel_processing=processing), journal=journal, environ={})


def _task(task_id: str, agent: str, priority: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"task_id": task_id, "agent_name": agent, "priority": priority, "input_data": given}
