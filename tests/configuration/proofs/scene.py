"""One run under one configuration file, and what can be seen of it from outside."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.events import Event, EventType

AGENTS = Path(__file__).with_name("agents_for_proofs.py")
NAMES = ("tells", "naps", "waits_for_a_file", "raises", "takes_memory", "falls_silent", "asks", "asks_twice_at_once")
LOGGERS = ("failures", "slow", "performance")
ENDS = frozenset(
    {EventType.TASK_COMPLETED, EventType.TASK_FAILED, EventType.TASK_SKIPPED, EventType.TASK_CANCELLED}
    | {EventType.TASK_RETRYING}
)

Settings = dict[str, Any]
Observe = Callable[["Scene"], Awaitable[object]]


class Lines(logging.Handler):
    """Keeps what a program that listens to our loggers would get."""

    def __init__(self) -> None:
        super().__init__()
        self.by_logger: dict[str, list[str]] = {name: [] for name in LOGGERS}

    def emit(self, record: logging.LogRecord) -> None:
        self.by_logger[record.name.rpartition(".")[2]].append(record.getMessage())


class Scene:
    """A folder with one configuration file, executors made from it, and everything that they told."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.settings = settings
        self.file = folder / "settings.yaml"
        self.environ: dict[str, str] = {}
        self.requests: list[dict[str, Any]] = []
        self.events: list[Event] = []
        self.lines = Lines()
        self._heard = asyncio.Event()
        writer: Any = YAML()
        writer.dump(settings, self.file)

    @property
    def tasks_log(self) -> list[dict[str, Any]]:
        """What stands in the performance log."""
        return [json.loads(line) for line in self.lines.by_logger["performance"]]

    @asynccontextmanager
    async def executor(self) -> AsyncGenerator[ParallelAgentExecutor]:
        made = ParallelAgentExecutor(self.file, journal=self.folder / "journal.sqlite3", environ=self.environ)
        for name in NAMES:
            made.register_agent(name, f"{AGENTS}:{name}")
        made.subscribe(self._hear)
        with _Listening(self.lines):
            try:
                yield made
            finally:
                await made.aclose()

    async def run(self, *tasks: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """Run one batch to its end; returns the body of its document."""
        async with self.executor() as executor:
            execution_id = await executor.submit_batch_tasks(tasks, **options)
            document = await executor.wait(execution_id)
        return body_of(document)

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command in the folder; returns its exit code and what it wrote to standard error."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "parallel_agents", *arguments,
            cwd=self.folder, env={"PATH": "", "LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await process.communicate()
        return process.returncode or 0, errors.decode()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until what was told makes this true."""
        async with asyncio.timeout(30):
            while not happened():
                self._heard.clear()
                await self._heard.wait()

    def told(self, kind: EventType) -> list[Event]:
        return [event for event in self.events if event.type is kind]

    @property
    def starts(self) -> list[str]:
        """Ids of tasks in the order in which their attempts began."""
        return [str(event.task_id) for event in self.told(EventType.TASK_STARTED)]

    @property
    def peak(self) -> int:
        """Most attempts that ran at once, as the events tell it."""
        running = most = 0
        for event in self.events:
            running += (event.type is EventType.TASK_STARTED) - (event.type in ENDS)
            most = max(most, running)
        return most

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self._heard.set()


class _Listening:
    """Has a handler on our loggers while it lasts, as a program that wants the log would."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._loggers = [logging.getLogger(f"parallel_agents.{name}") for name in LOGGERS]

    def __enter__(self) -> None:
        for logger in self._loggers:
            logger.setLevel(logging.INFO)
            logger.addHandler(self._lines)

    def __exit__(self, *_: object) -> None:
        for logger in self._loggers:
            logger.setLevel(logging.NOTSET)
            logger.removeHandler(self._lines)


def task(agent: str, task_id: str | None = None, **more: Any) -> dict[str, Any]:
    """A task; what is no key of a task is its input."""
    keys = {key: more.pop(key) for key in ("priority", "timeout_seconds", "retry_attempts") if key in more}
    named = {} if task_id is None else {"task_id": task_id}
    return {"agent_name": agent, "input_data": more, **named, **keys}


def statuses(body: Mapping[str, Any]) -> list[str]:
    return [session["status"] for session in body["agent_execution_sessions"]]


def outputs(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [session["result"]["output_data"] for session in body["agent_execution_sessions"]]


def error_classes(body: Mapping[str, Any]) -> list[str]:
    """Classes of everything that went wrong in the first task."""
    return [line["class"] for line in body["agent_execution_sessions"][0]["error_handling"]["error_history"]]


def worker_processes() -> set[int]:
    """Workers of this process: children of its fork servers."""
    found: set[int] = set()
    for server in psutil.Process().children():
        try:
            found |= {child.pid for child in server.children() if child.status() != psutil.STATUS_ZOMBIE}
        except psutil.NoSuchProcess:
            continue
    return found


async def until_processes(happened: Callable[[], bool]) -> None:
    """Wait for other processes, which cannot signal us."""
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 - another process has no event for us
            await asyncio.sleep(0.02)


async def steadily(look: Callable[[], int], *, below: int) -> int:
    """What is to be seen, once it has gone below a number and has then been the same for half a second of looking."""
    seen: list[int] = []
    async with asyncio.timeout(30):
        while len(seen) < 25 or seen[-1] >= below or len(set(seen[-25:])) > 1:
            await asyncio.sleep(0.02)
            seen.append(look())
    return seen[-1]


def naps(number: int, seconds: float, **more: Any) -> Sequence[dict[str, Any]]:
    return [task("naps", seconds=seconds, **more) for _ in range(number)]
