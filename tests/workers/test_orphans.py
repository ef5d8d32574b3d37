"""When the engine is killed, nothing of it stays."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

AGENTS = Path(__file__).with_name("agents_under_test.py")

PARENT = f"""
import asyncio, sys, msgspec
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers.pool import ProcessPool

class Link:
    def started(self, worker): pass
    async def call(self, request): raise RuntimeError
    def received(self): pass
    def progress(self, fraction, message): print(message, flush=True)

async def main(agent):
    pool = ProcessPool(max_workers=3, max_tasks_per_worker=0, idle_timeout_s=60, min_workers=0, worker_timeout_s=60)
    await pool.start(3)
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(pool.run(Assignment(
                execution_id="e", task_id=str(number), attempt=1, session_id="s", context_id="c",
                target={str(AGENTS)!r} + ":" + agent, input_data=msgspec.msgpack.encode({{}}),
                parameters=msgspec.msgpack.encode({{}}), workdir="/", memory_mb=256), Link()))

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.faults
@pytest.mark.parametrize("agent", ["hangs", "holds_the_interpreter", "starts_a_child"])
def test_nothing_is_left_one_second_after_the_engine_was_killed(agent: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, agent], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    for _ in range(3):
        assert parent.stdout.readline()
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) >= 5
    parent.kill()
    parent.communicate(timeout=20)
    deadline = time.monotonic() + 1.0
    while (left := [process for process in family if alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert left == []


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
