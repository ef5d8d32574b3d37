from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.settings import ParallelProcessing, Settings, TaskQueue

PROGRAM = Path(__file__).with_name("odd_program.py")
SETTINGS = Settings(
    parallel_processing=ParallelProcessing(task_queue=TaskQueue(task_retry_attempts=0, task_retry_delay_seconds=0.0))
)
ENVIRON = {"PLANTED_KEY": "sk-planted-2f60c1a7", "PLAIN": "plain", "READS_NOTHING": "1"}


class Bench:
    """A folder with agents whose command is the odd program, and an executor to run them."""

    def __init__(self, folder: Path, executor: ParallelAgentExecutor) -> None:
        self.folder = folder
        self.executor = executor

    def agent(self, *lines: str, name: str = "odd", body: str = "") -> str:
        """Write an agent file; returns its path."""
        path = self.folder / f"{name}.md"
        command = json.dumps([sys.executable, "-IS", str(PROGRAM)])
        front = [f"name: {name}", "description: d", f"command: {command}", *lines]
        path.write_text("\n".join(["---", *front, "---", body]), encoding="utf-8")
        return str(path)

    def task(self, agent: str, do: str, **more: Any) -> dict[str, Any]:
        """A task with the deed as its id."""
        return {"agent_name": agent, "task_id": do.replace(" ", "-"), "input_data": {"do": do, **more}}

    async def run(self, *tasks: dict[str, Any], at_once: int = 4) -> dict[str, dict[str, Any]]:
        """Run tasks; their sessions by the id of the task."""
        execution_id = await self.executor.submit_batch_tasks(list(tasks), max_concurrent=at_once)
        found = body_of(await self.executor.wait(execution_id))
        return {session["task_id"]: session for session in found["agent_execution_sessions"]}


def failure(session: dict[str, Any]) -> tuple[str, str]:
    """Class and message of the last failure of a session."""
    assert session["status"] == "failed", session
    last = session["error_handling"]["error_history"][-1]
    return last["class"], last["message"]


def running(file: Path) -> list[int]:
    """The processes noted in a file that still run."""
    noted = [int(line) for line in file.read_text(encoding="ascii").split()]
    assert noted
    return [pid for pid in noted if is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncGenerator[Bench]:
    journal = tmp_path / "journal.sqlite3"
    async with ParallelAgentExecutor(settings=SETTINGS, journal=journal, environ=ENVIRON) as executor:
        yield Bench(tmp_path, executor)


@pytest.fixture(name="failure")
def _failure() -> Callable[[dict[str, Any]], tuple[str, str]]:
    return failure


@pytest.fixture(name="running")
def _running() -> Callable[[Path], list[int]]:
    return running
