"""The command that tells what happened, one JSON object a line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.cli import codes
from parallel_agents.cli.reading import reading
from parallel_agents.cli.streams import tell_data
from parallel_agents.core.events import EventType
from parallel_agents.core.execution import ENDED, Status
from parallel_agents.executor import ParallelAgentExecutor

POLL_S = 0.1
_OVER = frozenset({*ENDED, Status.PAUSED})


async def print_events(execution_id: str, *, follow: bool, config: Path | None, journal: Path | None) -> int:
    """Print the events of an execution; with `follow`, go on until it has ended or nobody runs it any more.

    The last line of a followed one tells which; the exit code is that of a run that ended so.
    """
    async with reading(config, journal) as executor:
        await executor.executions.record(execution_id)
        after = 0
        while True:
            # Asked before the events are read: what happens in between is then read with them.
            standing = await executor.executions.standing(execution_id)
            after = await _print_after(executor, execution_id, after)
            if not follow:
                return codes.OK
            if standing["overall_status"] in _OVER:
                _tell(_closing(standing))
                return codes.code_of({"parallel_agent_execution": standing})
            await asyncio.sleep(POLL_S)


async def _print_after(executor: ParallelAgentExecutor, execution_id: str, after: int) -> int:
    while page := await executor.executions.events(execution_id, after=after):
        for event in page:
            _tell(event)
        after = page[-1]["sequence"]
    return after


def _closing(standing: dict[str, Any]) -> dict[str, Any]:
    is_paused = standing["overall_status"] == Status.PAUSED
    return {
        "sequence": None,
        "type": (EventType.EXECUTION_PAUSED if is_paused else EventType.EXECUTION_ENDED).value,
        "at": standing["completion_timestamp"],
        "execution_id": standing["execution_id"],
        "overall_status": standing["overall_status"],
        "pause_reason": standing["pause_reason"],
        "task_queue": standing["task_queue"],
    }


def _tell(event: dict[str, Any]) -> None:
    tell_data(msgspec.json.encode(event).decode())
