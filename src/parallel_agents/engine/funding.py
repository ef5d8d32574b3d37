"""Holds an execution to its budget again, after its engine died or was stopped."""

from __future__ import annotations

from parallel_agents.core.execution import ExecutionRecord
from parallel_agents.engine.parts import Parts


async def fund_again(parts: Parts, record: ExecutionRecord) -> None:
    """Tell the gateway what an execution may spend and has spent; one without a budget spends as it likes.

    What its dead engine had under way may have been paid for: it counts in full.
    """
    if record.budget is None:
        return
    spent = await parts.journal.read(lambda reader: reader.spent(record.execution_id))
    parts.gateway.fund(record.execution_id, record.budget, spent.settled + spent.open)
