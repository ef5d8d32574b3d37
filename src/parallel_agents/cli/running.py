"""The commands that run something: `run`, `resume` and `retry`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from parallel_agents.canvas.palettefile import palette_named
from parallel_agents.cli import codes
from parallel_agents.cli.applying import show_outcome
from parallel_agents.cli.colour import is_terminal
from parallel_agents.cli.events import POLL_S
from parallel_agents.cli.interruption import Interruption
from parallel_agents.cli.options import NOT_AGAIN, Again
from parallel_agents.cli.paying import agreed
from parallel_agents.cli.progress import PlainProgress, Progress, QuietProgress
from parallel_agents.cli.reading import check_journal
from parallel_agents.cli.sourcing import Reading, read_source
from parallel_agents.cli.streams import note, tell_data
from parallel_agents.cli.summary import budget_lines, show_summary, told_reused
from parallel_agents.cli.writing import print_results, write_results
from parallel_agents.core.budget import Budget
from parallel_agents.core.errors import InputError
from parallel_agents.core.formats import View
from parallel_agents.executor import DEFAULT_CONFIG, ParallelAgentExecutor
from parallel_agents.landing import CanvasLandings, Incremental, Outcome, refuse_unwritable
from parallel_agents.result_files import check_place, default_place
from parallel_agents.sources.plan import title_of


class LandingChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether results land on their canvases while they come in, and in what colours."""

    apply: bool = False
    recolour: bool = False
    palette: str | None = None


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `run`, `resume` and `retry`."""

    config: Path | None
    journal: Path | None
    output: Path | None
    json: bool
    quiet: bool = False
    wait: bool = False
    model: str | None = None
    max_concurrent: int | None = None
    again: Again = NOT_AGAIN
    landing: LandingChoice = LandingChoice()
    yes: bool = False
    budget: Budget | None = None
    view: View = View()

    def for_run(
        self,
        *,
        model: str | None,
        max_concurrent: int | None,
        again: Again,
        landing: LandingChoice,
        yes: bool = False,
    ) -> RunOptions:
        """These options, with those that only `run` has."""
        return msgspec.structs.replace(
            self,
            model=model,
            max_concurrent=max_concurrent,
            again=again,
            landing=landing,
            yes=yes,
        )

    def remark(self, line: str) -> None:
        """Say what is good to know and no failure."""
        if not self.quiet:
            note(line)


async def run_source(reading: Reading, options: RunOptions) -> int:
    """Plan, submit, follow and write down."""
    executor = _executor(options)
    plan = await read_source(executor, reading, options.remark)
    place = options.output or default_place(plan.source, plan.title, _today(), options.view.format)
    check_place(place)
    if options.landing.recolour and not options.landing.apply:
        raise InputError("--recolour goes with --apply")
    if options.landing.apply:
        refuse_unwritable(str(task["canvas_path"]) for task in plan.tasks if task.get("canvas_path"))
    if not await agreed(executor, plan, options.max_concurrent, yes=options.yes, fresh=options.again.fresh):
        await executor.aclose()
        return codes.INTERRUPTED
    async with Interruption(executor) as interruption:
        try:
            execution_id = await executor.submit_batch_tasks(
                plan.tasks,
                options.max_concurrent,
                source=plan.source,
                vault_root=plan.vault_root,
                places=plan.places,
                budget=options.budget,
                fresh=options.again.fresh,
                idempotency_key=options.again.idempotency_key,
            )
            several = len({task.get("agent_name") for task in plan.tasks}) > 1
            following = Following(executor, execution_id, place, options, interruption, names_agents=several)
            if not executor.runs(execution_id):
                return await following.join()
            return await following.to_the_end(total=len(plan.tasks), done=None)
        finally:
            await executor.aclose()


async def resume_execution(execution_id: str | None, options: RunOptions) -> int:
    """Go on with an execution, by default the newest one that nobody runs."""
    check_journal(options.journal)
    executor = _executor(options)
    async with Interruption(executor) as interruption:
        try:
            chosen = execution_id
            if chosen is None:
                chosen = next(iter(await executor.executions.unfinished()), None)
            if chosen is None:
                options.remark("there is nothing to resume")
                return codes.OK
            place, before = await _before(executor, chosen, options)
            if not await executor.resume_execution(chosen, budget=options.budget):
                return await _has_ended(executor, chosen, options)
            for line in budget_lines(await executor.executions.standing(chosen)):
                options.remark(line)
            if not executor.runs(chosen):
                options.remark(f"{chosen} goes on in the process that runs it")
                return codes.OK
            several = before.agents > 1
            following = Following(executor, chosen, place, options, interruption, names_agents=several)
            return await following.to_the_end(total=before.total, done=before.done)
        finally:
            await executor.aclose()


async def retry_execution(
    execution_id: str, tasks: Sequence[str] | Literal["failed"] | None, options: RunOptions
) -> int:
    """Try again what did not succeed, and follow it where this process runs it."""
    check_journal(options.journal)
    executor = _executor(options)
    async with Interruption(executor) as interruption:
        try:
            place, before = await _before(executor, execution_id, options)
            named = await executor.executions.failed_tasks(execution_id) if tasks == "failed" else tasks
            moved = await executor.retry_execution(execution_id, named)
            options.remark("1 task is tried again" if moved == 1 else f"{moved} tasks are tried again")
            if not moved or not executor.runs(execution_id):
                return codes.OK
            several = before.agents > 1
            following = Following(executor, execution_id, place, options, interruption, names_agents=several)
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
        *,
        names_agents: bool = False,
    ) -> None:
        self._names_agents = names_agents
        self._executor = executor
        self._execution_id = execution_id
        self._place = place
        self._options = options
        self._interruption = interruption
        self._landing: Incremental | None = None
        if options.landing.apply:
            choice = options.landing
            landings = CanvasLandings(executor.journal)
            self._landing = Incremental(landings, execution_id, recolour=choice.recolour, palette=choice.palette)

    async def to_the_end(self, *, total: int, done: int | None) -> int:
        """Show progress, wait, conclude; returns the exit code. None are `done` but those that reuse a result.

        To be called right after the start, with nothing awaited in between: what ends meanwhile would not be counted.
        """
        reused = self._executor.executions.reused(self._execution_id)
        done = reused if done is None else done
        progress = _progress(total, done, quiet=self._options.quiet, names_agents=self._names_agents)
        self._interruption.progress = progress
        if not self._options.quiet:
            progress.say(f"{self._execution_id}: {total} task{'' if total == 1 else 's'}")
            if reused:
                progress.say(told_reused(reused))
        self._executor.subscribe(progress.hear)
        try:
            await self._watch()
        except Exception:
            progress.say(self._how_to_go_on())
            raise
        finally:
            progress.close()
            self._interruption.progress = None
        self._interruption.end()
        landed = None if self._landing is None else await self._landing.finish()
        code = await self._conclude()
        return code if landed is None else self._tell_landed(landed) or code

    async def join(self) -> int:
        """Follow an execution that was there before: wait while another process runs it, then bring it to an end."""
        if not self._options.quiet:
            note(f"{self._execution_id} has this idempotency key already: nothing is submitted")
        while self._executor.journal.is_owned(self._execution_id):
            if self._interruption.asked:
                note(f"{self._execution_id} goes on in the process that runs it")
                return codes.INTERRUPTED
            await asyncio.sleep(POLL_S)
        standing = await self._executor.executions.standing(self._execution_id)
        await self._executor.resume_execution(self._execution_id)
        return await self.to_the_end(**_how_far(standing))

    async def _watch(self) -> None:
        """Wait until it has ended, or stopped short; what ends meanwhile lands where that was asked for."""
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._interruption.watch())
            if self._landing is not None:
                self._executor.subscribe(self._landing.hear)
                group.create_task(self._landing.run())
            await self._executor.join(self._execution_id, through_pauses=self._options.wait)
            watch.cancel()
            if self._landing is not None:
                self._landing.stop()

    def _tell_landed(self, landed: Outcome) -> int:
        """Say what landed; returns the exit code that it deserves."""
        if not self._options.json and not self._options.quiet:
            show_outcome(landed, palette_named(self._options.landing.palette))
        elif not landed.is_whole:
            note(f"not every result is on its canvas; `parallel-agents apply {self._execution_id}` says why")
        return codes.OK if landed.is_whole else codes.WITH_ERRORS

    async def _conclude(self) -> int:
        document = await self._executor.executions.summary(self._execution_id)
        queue = document["parallel_agent_execution"]["task_queue"]
        if queue["pending_tasks"] + queue["running_tasks"]:
            return await self._stop_short()
        view, quiet = self._options.view, self._options.quiet
        path = await write_results(self._executor, self._execution_id, self._place, view, quiet=quiet)
        await self._show(self._executor, document, path)
        return codes.code_of(document)

    async def _stop_short(self) -> int:
        # Read by another once this process has let go of it: until then its status is that somebody runs it.
        await self._executor.aclose()
        reader = _executor(self._options)
        try:
            document = await reader.executions.summary(self._execution_id)
            await self._show(reader, document, None)
        finally:
            await reader.aclose()
        is_spent = str(document["parallel_agent_execution"]["pause_reason"]).startswith("budget:")
        note(self._how_to_spend_more() if is_spent else self._how_to_go_on())
        return codes.INTERRUPTED if self._interruption.asked else codes.code_of(document)

    async def _show(self, executor: ParallelAgentExecutor, document: dict[str, Any], path: Path | None) -> None:
        if self._options.json:
            await print_results(executor, self._execution_id, View(aggregate=self._options.view.aggregate))
            if path is not None:
                self._options.remark(f"results: {path}")
        elif not self._options.quiet:
            show_summary(document, path)
        elif path is not None:
            tell_data(str(path))

    def _how_to_go_on(self) -> str:
        return f"`parallel-agents resume {self._execution_id}` goes on where it stopped"

    def _how_to_spend_more(self) -> str:
        return (
            f"`parallel-agents resume {self._execution_id}` goes on with a higher --budget-usd or --budget-tokens: the "
            "new total, what is spent already included"
        )


class Before(msgspec.Struct, frozen=True):
    """How far an execution was before this process took it on, and how many agents it has."""

    total: int
    done: int
    agents: int


def _executor(options: RunOptions) -> ParallelAgentExecutor:
    return ParallelAgentExecutor(options.config or DEFAULT_CONFIG, journal=options.journal, model=options.model)


def _progress(total: int, done: int, *, quiet: bool, names_agents: bool) -> Progress:
    if quiet:
        return QuietProgress(sys.stderr, names_agents=names_agents)
    if not is_terminal(sys.stderr):
        return PlainProgress(sys.stderr, total, done, names_agents=names_agents)
    # Imported where it is drawn: what draws it takes a tenth of a second to load.
    from parallel_agents.cli.bar import LiveProgress

    return LiveProgress(total, done, names_agents=names_agents)


async def _has_ended(executor: ParallelAgentExecutor, execution_id: str, options: RunOptions) -> int:
    document = await executor.executions.summary(execution_id)
    options.remark(f"{execution_id} has ended already; `parallel-agents results {execution_id}` prints its results")
    if options.json:
        await print_results(executor, execution_id, View(aggregate=options.view.aggregate))
    return codes.code_of(document)


async def _before(executor: ParallelAgentExecutor, execution_id: str, options: RunOptions) -> tuple[Path, Before]:
    status = await executor.executions.standing(execution_id)
    agents = [agent.name for agent in (await executor.executions.record(execution_id)).agents]
    place = options.output or _default_place(executor, agents, status, options.view)
    check_place(place)
    return place, Before(**_how_far(status), agents=len(agents))


def _how_far(standing: dict[str, Any]) -> dict[str, int]:
    queue = standing["task_queue"]
    total = queue["total_tasks"]
    return {"total": total, "done": total - queue["pending_tasks"] - queue["running_tasks"]}


def _default_place(executor: ParallelAgentExecutor, agents: Sequence[str], status: dict[str, Any], view: View) -> Path:
    place = default_place(status["source"], title_of(executor.agents, agents), _today(), view.format)
    return place if place.parent.is_dir() else Path(place.name)


def _today() -> datetime:
    return datetime.now().astimezone()
