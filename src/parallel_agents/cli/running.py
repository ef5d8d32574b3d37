"""The commands that run something: `run` and `resume`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.batches import Plan, plan_source, title_of
from parallel_agents.cli import codes
from parallel_agents.cli.progress import LiveProgress, PlainProgress, Progress
from parallel_agents.cli.summary import summary_lines
from parallel_agents.core.errors import InputError
from parallel_agents.executor import DEFAULT_CONFIG, ParallelAgentExecutor
from parallel_agents.result_files import check_place, default_place, write_new

_TERM_LIMIT_S = 10.0


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `run` and `resume`."""

    config: Path | None
    journal: Path | None
    output: Path | None
    json: bool
    model: str | None = None
    max_concurrent: int | None = None


async def run_source(source: Path, agent: str | None, nodes: Sequence[str] | None, options: RunOptions) -> int:
    """Plan, submit, follow and write down."""
    executor = ParallelAgentExecutor(options.config or DEFAULT_CONFIG, journal=options.journal, model=options.model)
    plan = plan_source(source, agent, nodes, executor.agents)
    _say_skipped(plan)
    place = options.output or default_place(plan.source, plan.title, datetime.now().astimezone().date())
    check_place(place)
    with Interruption(executor) as interruption:
        try:
            execution_id = await executor.submit_batch_tasks(
                plan.tasks,
                options.max_concurrent,
                source=plan.source,
                vault_root=plan.vault_root,
                places=plan.places,
            )
            return await _follow(executor, execution_id, len(plan.tasks), 0, place, options, interruption)
        finally:
            await executor.aclose()


async def resume_execution(execution_id: str | None, options: RunOptions) -> int:
    """Go on with an execution, by default the newest one that nobody runs."""
    executor = ParallelAgentExecutor(options.config or DEFAULT_CONFIG, journal=options.journal)
    with Interruption(executor) as interruption:
        try:
            chosen = execution_id or next(iter(await executor.executions.unfinished()), None)
            if chosen is None:
                sys.stderr.write("there is nothing to resume\n")
                return codes.OK
            place = await _place_of(executor, chosen, options)
            if not await executor.resume_execution(chosen):
                sys.stderr.write(f"{chosen} has ended already\n")
                return codes.code_of(await executor.get_execution_results(chosen))
            return await _follow_again(executor, chosen, place, options, interruption)
        finally:
            await executor.aclose()


async def retry_execution(execution_id: str, tasks: Sequence[str] | None, options: RunOptions) -> int:
    """Try again what did not succeed, and follow it where this process runs it."""
    executor = ParallelAgentExecutor(options.config or DEFAULT_CONFIG, journal=options.journal)
    with Interruption(executor) as interruption:
        try:
            place = await _place_of(executor, execution_id, options)
            moved = await executor.retry_execution(execution_id, tasks)
            sys.stderr.write(f"{moved} tasks are tried again\n")
            if not moved or not executor.runs(execution_id):
                return codes.OK
            return await _follow_again(executor, execution_id, place, options, interruption)
        finally:
            await executor.aclose()


async def _place_of(executor: ParallelAgentExecutor, execution_id: str, options: RunOptions) -> Path:
    status = (await executor.get_execution_status(execution_id))["parallel_agent_execution"]
    place = options.output or await _default_place(executor, execution_id, status)
    check_place(place)
    return place


async def _follow_again(
    executor: ParallelAgentExecutor, execution_id: str, place: Path, options: RunOptions, interruption: Interruption
) -> int:
    queue = (await executor.get_execution_status(execution_id))["parallel_agent_execution"]["task_queue"]
    done = queue["total_tasks"] - queue["pending_tasks"] - queue["running_tasks"]
    return await _follow(executor, execution_id, queue["total_tasks"], done, place, options, interruption)


class Interruption:
    """Ctrl-C once lets running tasks end, twice stops them; SIGTERM lets them end within a limit."""

    def __init__(self, executor: ParallelAgentExecutor) -> None:
        self._executor = executor
        self.asked = 0
        self.progress: Progress | None = None
        self._stop_now = asyncio.Event()

    def __enter__(self) -> Interruption:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._ask)
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)

    async def watch(self) -> None:
        """Stop what runs when asked for the second time; to be cancelled."""
        if self.asked:
            self._executor.drain()
        await self._stop_now.wait()
        await self._executor.interrupt()

    def _ask(self) -> None:
        self.asked += 1
        if self.asked == 1:
            self._say("waiting for running tasks to end; Ctrl-C again stops them (nothing is lost)")
            self._executor.drain()
        else:
            self._stop_now.set()

    def _terminate(self) -> None:
        self._ask()
        asyncio.get_running_loop().call_later(_TERM_LIMIT_S, self._stop_now.set)

    def _say(self, line: str) -> None:
        if self.progress is not None:
            self.progress.say(line)
        else:
            sys.stderr.write(line + "\n")


async def _follow(
    executor: ParallelAgentExecutor,
    execution_id: str,
    total: int,
    done: int,
    place: Path,
    options: RunOptions,
    interruption: Interruption,
) -> int:
    progress: Progress = LiveProgress(total, done) if sys.stderr.isatty() else PlainProgress(sys.stderr, total, done)
    interruption.progress = progress
    progress.say(f"{execution_id}: {total} tasks")
    executor.subscribe(progress.hear)
    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(interruption.watch())
            document = await executor.wait(execution_id)
            watch.cancel()
    finally:
        progress.close()
        interruption.progress = None
    return await _conclude(executor, execution_id, document, place, options, interrupted=interruption.asked > 0)


async def _conclude(
    executor: ParallelAgentExecutor,
    execution_id: str,
    document: dict[str, Any],
    place: Path,
    options: RunOptions,
    *,
    interrupted: bool,
) -> int:
    queue = document["parallel_agent_execution"]["task_queue"]
    unfinished = queue["pending_tasks"] + queue["running_tasks"]
    path = None
    if not unfinished:
        path, document = await write_results(executor, execution_id, place)
    if options.json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(summary_lines(document, path)) + "\n")
    if unfinished:
        sys.stderr.write(f"`parallel-agents resume {execution_id}` goes on\n")
    return codes.INTERRUPTED if interrupted and unfinished else codes.code_of(document)


async def write_results(executor: ParallelAgentExecutor, execution_id: str, place: Path) -> tuple[Path, dict[str, Any]]:
    """Write the results file; returns its path and the document that stands in it."""
    document = await executor.get_execution_results(execution_id)
    aggregation = document["parallel_agent_execution"]["result_aggregation"]
    before = list(aggregation["file_paths"])
    vault_root = (await executor.executions.record(execution_id)).vault_root

    def for_path(path: Path) -> dict[str, Any]:
        aggregation["file_paths"] = [*before, shown_path(path, vault_root)]
        return document

    path = write_new(place, for_path)
    await executor.note_files(execution_id, [shown_path(path, vault_root)])
    return path, document


def shown_path(path: Path, vault_root: str | None) -> str:
    """A path relative to the vault's root where it lies below it, else as it is; with forward slashes."""
    root = None if vault_root is None else Path(vault_root).resolve()
    absolute = path.resolve()
    return absolute.relative_to(root).as_posix() if root and absolute.is_relative_to(root) else path.as_posix()


async def _default_place(executor: ParallelAgentExecutor, execution_id: str, status: dict[str, Any]) -> Path:
    agents = (await executor.executions.record(execution_id)).agents
    title = title_of(executor.agents, [agent.name for agent in agents])
    place = default_place(status["source"], title, datetime.now().astimezone().date())
    return place if place.parent.is_dir() else Path(place.name)


def _say_skipped(plan: Plan) -> None:
    for skip in plan.skipped:
        sys.stderr.write(f"skipped   node {skip.node_id}: {skip.reason}\n")
    if not plan.tasks:
        raise InputError(f"{plan.source}: there is nothing to run; {len(plan.skipped)} nodes were skipped")
