"""The commands that look at executions or cancel them: they start no workers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from parallel_agents.cli import codes
from parallel_agents.cli.streams import note, tell, tell_json
from parallel_agents.cli.summary import headline, show_summary
from parallel_agents.cli.writing import print_results, write_results
from parallel_agents.core.errors import InputError
from parallel_agents.core.formats import View
from parallel_agents.executor import DEFAULT_CONFIG, ParallelAgentExecutor
from parallel_agents.result_files import check_place


async def show_status(execution_id: str | None, *, config: Path | None, journal: Path | None, as_json: bool) -> int:
    """Show one execution or all."""
    async with reading(config, journal) as executor:
        if execution_id is None and as_json:
            tell_json(await executor.list_executions())
        elif execution_id is None:
            tell("\n".join(map(headline, await executor.executions.all_standings())) or "no executions")
        else:
            document = await executor.get_execution_status(execution_id)
            if as_json:
                tell_json(document)
            else:
                show_summary(document, None)
            if document["parallel_agent_execution"]["overall_status"] == "paused":
                note(f"`parallel-agents resume {execution_id}` goes on where it stopped")
    return codes.OK


async def show_results(
    execution_id: str, *, config: Path | None, journal: Path | None, output: Path | None, view: View
) -> int:
    """Print results or write them to a file."""
    async with reading(config, journal) as executor:
        if output is None:
            await executor.executions.record(execution_id)
            await print_results(executor, execution_id, view)
        else:
            check_place(output)
            path = await write_results(executor, execution_id, output, view)
            tell(f"results: {path}")
    return codes.OK


async def pause_execution(execution_id: str, *, config: Path | None, journal: Path | None) -> int:
    """Pause an execution."""
    async with reading(config, journal) as executor:
        if not await executor.pause_execution(execution_id):
            tell(f"{execution_id} had ended already")
            return codes.OK
    tell(f"{execution_id} is paused: what runs goes on to its end, nothing more starts")
    note(f"`parallel-agents resume {execution_id}` goes on where it stopped")
    return codes.OK


async def change_concurrency(
    execution_id: str, number: int, *, agent: str | None, config: Path | None, journal: Path | None
) -> int:
    """Change how many attempts of an execution, or of one of its agents, run at once."""
    async with reading(config, journal) as executor:
        changed = await executor.change_concurrency(execution_id, number, agent=agent)
    if changed and agent is not None:
        tell(f"{execution_id} runs at most {number} of {agent} at once from now on")
    elif changed:
        tell(f"{execution_id} runs at most {number} at once from now on")
    else:
        tell(f"{execution_id} had ended already")
    return codes.OK


async def cancel_execution(execution_id: str, *, config: Path | None, journal: Path | None) -> int:
    """Cancel an execution."""
    async with reading(config, journal) as executor:
        cancelled = await executor.cancel_execution(execution_id)
    tell(f"{execution_id} {'is cancelled' if cancelled else 'had ended already'}")
    return codes.OK


@asynccontextmanager
async def reading(config: Path | None, journal: Path | None) -> AsyncGenerator[ParallelAgentExecutor]:
    """An executor that only looks. Raises `InputError` for a journal that is named and not there."""
    check_journal(journal)
    executor = ParallelAgentExecutor(config or DEFAULT_CONFIG, journal=journal)
    try:
        yield executor
    finally:
        await executor.aclose()


def check_journal(journal: Path | None) -> None:
    """Refuse a journal that is named and not there: a mistyped path would look like an empty one."""
    if journal is not None and not journal.exists():
        raise InputError(f"there is no journal {journal}")
