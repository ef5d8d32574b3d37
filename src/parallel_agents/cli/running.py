"""The commands that run something: `run`, `resume` and `retry`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.batches import Plan, plan_source, title_of
from parallel_agents.cli import codes
from parallel_agents.cli.interruption import Interruption
from parallel_agents.cli.progress import LiveProgress, PlainProgress, Progress
from parallel_agents.cli.streams import note, tell, tell_json
from parallel_agents.cli.summary import summary_lines
from parallel_agents.core.errors import InputError
from parallel_agents.executor import DEFAULT_CONFIG, ParallelAgentExecutor
from parallel_agents.result_files import check_place, default_place, write_new


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `run`, `resume` and `retry`."""

    config: Path | None
    journal: Path | None
    output: Path | None
    json: bool
    model: str | None = None
    max_concurrent: int | None = None


async def run_source(source: Path, agent: str | None, nodes: Sequence[str] | None, options: RunOptions) -> int:
    """Plan, submit, follow and write down."""
    executor = _executor(options)
    plan = plan_source(source, agent, nodes, executor.agents)
    _say_skipped(plan)
    place = options.output or default_place(plan.source, plan.title, _today())
    check_place(place)
    async with Interruption(executor) as interruption:
        try:
            execution_id = await executor.submit_batch_tasks(
                plan.tasks,
                options.max_concurrent,
                source=plan.source,
                vault_root=plan.vault_root,
                places=plan.places,
            )
            following = Following(executor, execution_id, place, options, interruption)
            return await following.to_the_end(total=len(plan.tasks), done=0)
        finally:
            await executor.aclose()


async def resume_execution(execution_id: str | None, options: RunOptions) -> int:
    """Go on with an execution, by default the newest one that nobody runs."""
    executor = _executor(options)
    async with Interruption(executor) as interruption:
        try:
            chosen = execution_id or next(iter(await executor.executions.unfinished()), None)
            if chosen is None:
                note("there is nothing to resume")
                return codes.OK
            place, before = await _before(executor, chosen, options)
            if not await executor.resume_execution(chosen):
                return await _has_ended(executor, chosen, options)
            following = Following(executor, chosen, place, options, interruption)
            return await following.to_the_end(total=before.total, done=before.done)
        finally:
            await executor.aclose()


async def retry_execution(execution_id: str, tasks: Sequence[str] | None, options: RunOptions) -> int:
    """Try again what did not succeed, and follow it where this process runs it."""
    executor = _executor(options)
    async with Interruption(executor) as interruption:
        try:
            place, before = await _before(executor, execution_id, options)
            moved = await executor.retry_execution(execution_id, tasks)
            note(f"{moved} tasks are tried again")
            if not moved or not executor.runs(execution_id):
                return codes.OK
            following = Following(executor, execution_id, place, options, interruption)
            return await following.to_the_end(total=before.total, done=before.done - moved)
        finally:
            await executor.aclose()


class Following:
    """An execution that this process runs, from its start until its results are written down."""

    def __init__(
        self,
        executor: ParallelAgentExecutor,
        execution_id: str,
        place: Path,
        options: RunOptions,
        interruption: Interruption,
    ) -> None:
        self._executor = executor
        self._execution_id = execution_id
        self._place = place
        self._options = options
        self._interruption = interruption

    async def to_the_end(self, *, total: int, done: int) -> int:
        """Show progress, wait, conclude; returns the exit code.

        To be called right after the start, with nothing awaited in between: what ends meanwhile would not be counted.
        """
        progress = _progress(total, done)
        self._interruption.progress = progress
        progress.say(f"{self._execution_id}: {total} tasks")
        self._executor.subscribe(progress.hear)
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._interruption.watch())
                document = await self._executor.wait(self._execution_id)
                watch.cancel()
        except Exception:
            progress.say(self._how_to_go_on())
            raise
        finally:
            progress.close()
            self._interruption.progress = None
        self._interruption.end()
        return await self._conclude(document)

    async def _conclude(self, document: dict[str, Any]) -> int:
        queue = document["parallel_agent_execution"]["task_queue"]
        if queue["pending_tasks"] + queue["running_tasks"]:
            return await self._stop_short()
        path, document = await write_results(self._executor, self._execution_id, self._place)
        self._show(document, path)
        return codes.code_of(document)

    async def _stop_short(self) -> int:
        # Read by another once this process has let go of it: until then its status is that somebody runs it.
        await self._executor.aclose()
        reader = _executor(self._options)
        try:
            document = await reader.get_execution_results(self._execution_id)
        finally:
            await reader.aclose()
        self._show(document, None)
        note(self._how_to_go_on())
        return codes.INTERRUPTED if self._interruption.asked else codes.code_of(document)

    def _show(self, document: dict[str, Any], path: Path | None) -> None:
        if not self._options.json:
            tell("\n".join(summary_lines(document, path)))
            return
        tell_json(document)
        if path is not None:
            note(f"results: {path}")

    def _how_to_go_on(self) -> str:
        return f"`parallel-agents resume {self._execution_id}` goes on where it stopped"


class Before(msgspec.Struct, frozen=True):
    """How far an execution was before this process took it on."""

    total: int
    done: int


async def write_results(executor: ParallelAgentExecutor, execution_id: str, place: Path) -> tuple[Path, dict[str, Any]]:
    """Write the results file; returns its path and the document that stands in it.

    The document names the very file it stands in; the journal learns of the file once it is there, and never of one
    that could not be written.
    """
    document = await executor.get_execution_results(execution_id)
    aggregation = document["parallel_agent_execution"]["result_aggregation"]
    before = list(aggregation["file_paths"])
    vault_root = (await executor.executions.record(execution_id)).vault_root

    def for_path(path: Path) -> dict[str, Any]:
        aggregation["file_paths"] = [*before, shown_path(path, vault_root)]
        return document

    hint = f"`parallel-agents results {execution_id} --output ELSEWHERE` writes them to another place."
    path = write_new(place, for_path, hint=hint)
    if path != place:
        note(f"{place} is there already and is left alone")
    await executor.note_files(execution_id, [shown_path(path, vault_root)])
    return path, document


def shown_path(path: Path, vault_root: str | None) -> str:
    """A path relative to the vault's root where it lies below it, else absolute; with forward slashes."""
    root = None if vault_root is None else Path(vault_root).resolve()
    absolute = path.resolve()
    return (absolute.relative_to(root) if root and absolute.is_relative_to(root) else absolute).as_posix()


def _executor(options: RunOptions) -> ParallelAgentExecutor:
    return ParallelAgentExecutor(options.config or DEFAULT_CONFIG, journal=options.journal, model=options.model)


def _progress(total: int, done: int) -> Progress:
    # None where the process was started with it closed.
    terminal = sys.stderr is not None and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison]
    return LiveProgress(total, done) if terminal else PlainProgress(sys.stderr, total, done)


async def _has_ended(executor: ParallelAgentExecutor, execution_id: str, options: RunOptions) -> int:
    document = await executor.get_execution_results(execution_id)
    note(f"{execution_id} has ended already; `parallel-agents results {execution_id}` prints its results")
    if options.json:
        tell_json(document)
    return codes.code_of(document)


async def _before(executor: ParallelAgentExecutor, execution_id: str, options: RunOptions) -> tuple[Path, Before]:
    status = (await executor.get_execution_status(execution_id))["parallel_agent_execution"]
    place = options.output or await _default_place(executor, execution_id, status)
    check_place(place)
    queue = status["task_queue"]
    total = queue["total_tasks"]
    return place, Before(total, total - queue["pending_tasks"] - queue["running_tasks"])


async def _default_place(executor: ParallelAgentExecutor, execution_id: str, status: dict[str, Any]) -> Path:
    agents = (await executor.executions.record(execution_id)).agents
    title = title_of(executor.agents, [agent.name for agent in agents])
    place = default_place(status["source"], title, _today())
    return place if place.parent.is_dir() else Path(place.name)


def _today() -> datetime:
    return datetime.now().astimezone()


def _say_skipped(plan: Plan) -> None:
    for skip in plan.skipped:
        note(f"skipped   node {skip.node_id}: {skip.reason}")
    if not plan.tasks:
        raise InputError(f"{plan.source}: there is nothing to run; {len(plan.skipped)} nodes were skipped")
