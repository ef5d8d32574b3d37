"""What can be asked of a journal without running anything."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from parallel_agents.assembly import JournalDoor
from parallel_agents.core.metrics import Resources
from parallel_agents.executions import Executions
from parallel_agents.ports.clock import Clock


class Archive:
    """The executions that a journal holds, whoever runs them. To look makes no journal."""

    def __init__(self, journals: JournalDoor, clock: Clock) -> None:
        self._journals = journals
        self._clock = clock

    @property
    def executions(self) -> Executions:
        """What the journal says of executions; to look makes no journal."""
        return Executions(self._journals.to_look(), now=self._clock.now, sampled=self._sampled)

    async def get_execution_status(self, execution_id: str) -> dict[str, Any]:
        """The document without inputs, results and aggregation; its sessions are those that run now.

        Raises:
            UnknownExecutionError: the journal has none with this id.
        """
        return await self.executions.status(execution_id)

    async def get_execution_results(self, execution_id: str) -> dict[str, Any]:
        """The whole document; while the execution runs, as far as it is.

        Raises:
            UnknownExecutionError: the journal has none with this id.
        """
        return await self.executions.results(execution_id)

    def stream_results(self, execution_id: str) -> AsyncGenerator[dict[str, Any]]:
        """The sessions of the document one by one, in memory that does not grow with their number.

        Each is as the journal has it when it is read, so while the execution runs the later ones may be further.

        Raises:
            UnknownExecutionError: the journal has none with this id.
        """
        return self.executions.sessions(execution_id)

    def get_performance_metrics(self, execution_id: str) -> dict[str, Any]:
        """The part `performance_metrics` of the document. May be called inside a running loop.

        Raises:
            UnknownExecutionError: the journal has none with this id.
        """
        return self.executions.metrics(execution_id)

    async def list_executions(self) -> list[dict[str, Any]]:
        """The status documents of all executions, newest first."""
        return await self.executions.all_statuses()

    def _sampled(self, execution_id: str) -> Resources | None:
        """Figures that were sampled so far while an execution runs; nothing runs here."""
        del execution_id
        return None
