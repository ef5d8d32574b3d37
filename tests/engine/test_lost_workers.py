"""A task whose worker died goes again before the others, however many are held ready."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import Bench, running_engine, settings_with

from parallel_agents.core.events import EventType
from parallel_agents.journal import SqliteJournal
from parallel_agents.workers.pool import ProcessPool
from parallel_agents.workers.workdir import ContextIsolationManager


@pytest.fixture
async def bench(memory_journal: SqliteJournal, tmp_path: Path) -> AsyncGenerator[Bench]:
    pool = ProcessPool(max_workers=2, max_tasks_per_worker=0, idle_timeout_s=60, min_workers=0, worker_timeout_s=60)
    contexts = ContextIsolationManager(root=tmp_path / "contexts")
    async with running_engine(memory_journal, settings_with(max_queue_size=6), pool, contexts) as made:
        yield made


@pytest.mark.faults
async def test_a_task_that_lost_its_worker_starts_again_before_the_rest_of_a_full_window(bench: Bench) -> None:
    inputs: list[dict[str, Any]] = [{}] * 6
    execution_id = await bench.submit("kills_itself", inputs, max_concurrent=1, retry_attempts=2)
    await bench.engine.wait(execution_id)
    order = [event.task_id for event in bench.events if event.type is EventType.TASK_STARTED]
    assert order == [f"task-{number}" for number in range(6) for _ in range(3)]
    for task in bench.tasks(execution_id):
        assert (task.state, task.attempt, task.charged, task.losses) == ("failed", 3, 3, 3)
