"""Runs a scenario: the real executor, real workers, a journal file, and the simulated provider on real HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
from tests.documents import body_of
from tests.scenarios.model import Book, Move, Provider, Scenario, Tasks

from parallel_agents import Event, EventType, ParallelAgentExecutor, ParallelAgentsError

AGENTS = Path(__file__).with_name("agents_on_order.py")
ON_ORDER = ("echo", "waits", "meets", "leaves_traces")
PATIENCE_S = 60
SETTLED = {EventType.TASK_COMPLETED, EventType.TASK_FAILED, EventType.TASK_SKIPPED, EventType.TASK_CANCELLED}


class Played(msgspec.Struct, kw_only=True):
    """What came of a scenario. `stats` are the provider's, None where no provider was asked.

    `bodies` are of all documents that were produced, valid, the last results last. `paused` is the one at the pause.
    """

    scenario: Scenario
    tasks: list[dict[str, Any]]
    bodies: list[dict[str, Any]] = []
    events: list[Event] = []
    metrics: dict[str, Any] = {}
    stats: dict[str, Any] | None = None
    paused: dict[str, Any] | None = None
    refused: Exception | None = None
    kept_of_refused: int = 0

    @property
    def body(self) -> dict[str, Any]:
        """The last results."""
        return self.bodies[-1]

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """Its sessions."""
        return self.body["agent_execution_sessions"]


class SimulatedModel:
    """The control side of a running `simulate-provider`."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def begin(self, provider: Provider) -> None:
        """Start from 0 and behave as ordered."""
        await self._send("/reset")
        await self._send("/behaviour", msgspec.json.encode(provider))

    async def heal(self) -> None:
        """Take back the faults that are still due."""
        await self._send("/behaviour", b'{"clear_faults": true}')

    async def stats(self) -> dict[str, Any]:
        """What it saw since `begin`."""
        return await asyncio.to_thread(self._get)

    async def _send(self, path: str, body: bytes = b"{}") -> None:
        await asyncio.to_thread(self._post, path, body)

    def _post(self, path: str, body: bytes) -> None:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def _get(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/stats", timeout=10) as answer:
            return json.load(answer)


class Watch:
    """Hears the events of an execution and lets a move wait for its moment."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._heard = asyncio.Event()

    def hear(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)
        self._heard.set()

    async def until(self, move: Move) -> None:
        """Wait until as many tasks are settled and as many attempts have begun as the move says."""
        while self._count(SETTLED) < move.settled or self._count({EventType.TASK_STARTED}) < move.begun:
            self._heard.clear()
            await self._heard.wait()

    def _count(self, types: set[EventType]) -> int:
        return sum(event.type in types for event in self.events)


class Stage:
    """One scenario on one journal."""

    def __init__(self, scenario: Scenario, book: Book, folder: Path, provider: SimulatedModel) -> None:
        self.scenario = scenario
        self.provider = provider
        self.watch = Watch()
        self.folder = folder / "笔记 库"
        (self.folder / "集合").mkdir(parents=True)
        (self.folder / "集合-met").mkdir()
        self._config = self.folder / "配 置.yaml"
        settings = {"parallel_processing": _laid_over(book.settings, scenario.settings), "models": scenario.models}
        self._config.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
        self.played = Played(scenario=scenario, tasks=tasks_of(scenario, self.folder / "集合"))
        self.played.events = self.watch.events
        self._executor = self._new_executor()

    async def play(self) -> Played:
        """Do all of it, within a bound; nothing is left running."""
        if self._asks_a_provider:
            await self.provider.begin(self.scenario.provider)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._play()
        finally:
            await self._executor.aclose()
        if self._asks_a_provider:
            self.played.stats = await self.provider.stats()
        return self.played

    @property
    def _asks_a_provider(self) -> bool:
        return (self.scenario.model or "offline") != "offline"

    async def _play(self) -> None:
        try:
            execution_id = await self._executor.submit_batch_tasks(
                self.played.tasks, self.scenario.concurrency, model=self.scenario.model
            )
        except ParallelAgentsError as error:
            self.played.refused = error
            self.played.kept_of_refused = len(await self._executor.list_executions())
            return
        for move in self.scenario.moves:
            await self.watch.until(move)
            self._keep(await self._executor.get_execution_status(execution_id))
            await self._moves[move.do](execution_id)
        self._keep(await self._executor.wait(execution_id))
        self._keep(await self._executor.get_execution_status(execution_id))
        self._keep(await self._executor.get_execution_results(execution_id))
        self.played.metrics = self._executor.get_performance_metrics(execution_id)

    @property
    def _moves(self) -> dict[str, Callable[[str], Any]]:
        return {
            "cancel": self._cancel,
            "kill_worker": self._kill_worker,
            "close_and_resume": self._close_and_resume,
            "heal_and_resume": self._heal_and_resume,
            "retry": self._retry,
            "close_and_retry": self._close_and_retry,
        }

    async def _cancel(self, execution_id: str) -> None:
        assert await self._executor.cancel_execution(execution_id)
        assert not await self._executor.cancel_execution(execution_id)

    async def _kill_worker(self, execution_id: str) -> None:
        status = self.played.body
        os.kill(status["agent_execution_sessions"][0]["execution_context"]["worker_process_id"], signal.SIGKILL)

    async def _close_and_resume(self, execution_id: str) -> None:
        await self._reopen()
        self.played.paused = self._keep(await self._executor.get_execution_results(execution_id))
        assert await self._executor.resume_execution(execution_id)

    async def _heal_and_resume(self, execution_id: str) -> None:
        self.played.paused = self._keep(await self._executor.wait(execution_id))
        await self.provider.heal()
        await self._reopen()
        assert await self._executor.resume_execution(execution_id)

    async def _retry(self, execution_id: str) -> None:
        queue = self._keep(await self._executor.wait(execution_id))["task_queue"]
        left = queue["failed_tasks"] + queue["skipped_tasks"] + queue["cancelled_tasks"]
        assert await self._executor.retry_execution(execution_id) == left > 0

    async def _close_and_retry(self, execution_id: str) -> None:
        await self._executor.wait(execution_id)
        await self._reopen()
        await self._retry(execution_id)

    def _keep(self, document: dict[str, Any]) -> dict[str, Any]:
        self.played.bodies.append(body_of(document))
        return self.played.body

    async def _reopen(self) -> None:
        await self._executor.aclose()
        self._executor = self._new_executor()

    def _new_executor(self) -> ParallelAgentExecutor:
        url = self.provider.url
        environ = {
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_API_KEY": "sk-test",
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "sk-test",
        }
        executor = ParallelAgentExecutor(self._config, journal=self.folder / "日志 1.sqlite3", environ=environ)
        for name in ON_ORDER:
            executor.register_agent(name, f"{AGENTS}:{name}")
        executor.subscribe(self.watch.hear)
        return executor


def tasks_of(scenario: Scenario, meeting: Path) -> list[dict[str, Any]]:
    """Write out the tasks of a scenario as a caller submits them."""
    tasks: list[dict[str, Any]] = []
    for group in scenario.tasks:
        for number in range(group.count):
            words = {"{n}": str(len(tasks)), "{mark}": mark_of(len(tasks)), "{meeting}": str(meeting)}
            words["{turn}"] = str(len(tasks) // (scenario.concurrency or 1))
            tasks.append(cast("dict[str, Any]", _filled(_task(group, number), words)))
    return tasks


def mark_of(position: int) -> str:
    """The word that only the task at this place of the batch has."""
    return f"甲{position:03d}乙"


def _task(group: Tasks, number: int) -> dict[str, Any]:
    fails = {} if group.fails is None else {"fails": group.fails}
    optional = {
        "task_id": group.id,
        "canvas_path": group.canvas_path,
        "node_id": group.node_id,
        "priority": group.priorities[number % len(group.priorities)] if group.priorities else None,
        "timeout_seconds": group.timeout_s,
        "retry_attempts": group.retries,
    }
    given = {key: value for key, value in optional.items() if value is not None}
    return {"agent_name": group.agent, "input_data": {**group.input, **fails}, **given}


def _filled(value: object, words: dict[str, str]) -> object:
    match value:
        case str():
            for name, word in words.items():
                value = value.replace(name, word)
            return value
        case dict():
            return {key: _filled(inner, words) for key, inner in cast("dict[str, object]", value).items()}
        case list():
            return [_filled(inner, words) for inner in cast("list[object]", value)]
        case _:
            return value


def _laid_over(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    laid = dict(lower)
    for key, value in upper.items():
        below = laid.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        laid[key] = _laid_over(cast("dict[str, Any]", below), cast("dict[str, Any]", value)) if both else value
    return laid
