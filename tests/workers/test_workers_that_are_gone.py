"""Workers come and go by the thousand in a long batch: nothing of one stays once it is gone."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import Any

from parallel_agents.core.outcome import Succeeded
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers.pool import ProcessPool
from parallel_agents.workers.supervision import SupervisedWorker

ATTEMPTS = 16
ON_THEIR_WAY = 4
"""The one that is ready, and those whose exit codes are still being read."""


def kept() -> int:
    gc.collect()
    return sum(isinstance(found, SupervisedWorker) for found in gc.get_objects())


async def test_a_worker_that_was_replaced_is_not_kept(
    make_pool: Callable[..., Awaitable[ProcessPool]], assignment: Callable[..., Assignment], ear: Callable[[], Any]
) -> None:
    before = kept()
    pool = await make_pool(max_workers=1, max_tasks_per_worker=1)
    for _ in range(ATTEMPTS):
        assert isinstance((await pool.run(assignment("echo"), ear())).outcome, Succeeded)
    assert kept() - before <= ON_THEIR_WAY
