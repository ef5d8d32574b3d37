"""Executions that closed lanes bring to a halt, and their waking once a lane takes calls again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from parallel_agents.core.errors import LaneClosedError
from parallel_agents.engine.delegations import Delegations
from parallel_agents.engine.lanes import Lanes
from parallel_agents.engine.live import Halt, LiveExecution
from parallel_agents.engine.queue import TaskQueueManager
from parallel_agents.ports.journal import Journal


class Halting(Protocol):
    """The way to halt an execution and to let it go on, as `engine.endings.Endings` has it."""

    async def pause(self, live: LiveExecution, reason: str, *, resume_at: float | None, halt: Halt | None) -> None: ...  # noqa: D102 - as there
    async def unpause(self, live: LiveExecution) -> None: ...  # noqa: D102
    def note_idle(self, live: LiveExecution) -> None: ...  # noqa: D102


class LanePauses:
    """Holds back what cannot start because of a closed lane, and pauses an execution of which nothing else is left.

    A pause by the user or by the budget is not touched. The dispatcher calls it on every round.
    """

    def __init__(
        self, journal: Journal, queue: TaskQueueManager, lanes: Lanes, *, endings: Halting, delegations: Delegations
    ) -> None:
        self._journal = journal
        self._queue = queue
        self._lanes = lanes
        self._endings = endings
        self._delegations = delegations

    def hold_back(self, live: LiveExecution) -> None:
        """Take the tasks of agents with closed lanes out of the window, where they would keep others from coming in."""
        closed = frozenset(self._lanes.closed_for(live))
        if live.held_back - closed:
            live.more_pending()
        live.held_back = closed
        if closed:
            self._queue.hold_back(live.execution_id, closed)

    async def pause_if_held(self, live: LiveExecution) -> None:
        """Pause an execution when nothing of it runs, and nothing can start before a lane opens."""
        if not (live.held_back and live.is_standing and live.startable):
            return
        waiting = await self._journal.read(lambda reader: reader.agents_to_run(live.execution_id))
        closed = {name: error for name, error in self._lanes.closed_for(live).items() if name in waiting}
        # Read meanwhile: something may have started, or a lane opened.
        if (
            not closed
            or not live.is_standing
            or not live.startable
            or self._others_can_start(live, waiting - {*closed})
        ):
            return
        reason, resume_at = _told(closed)
        lent = {attempt.agent.name for attempt in live.running.values()}
        halt = Halt(waits_for=frozenset(closed), known=waiting | lent, arrivals=live.arrivals)
        await self._endings.pause(live, reason, resume_at=resume_at, halt=halt)
        self._endings.note_idle(live)

    async def wake(self, live: LiveExecution) -> None:
        """Go on with an execution that a lane has halted, once that is open or there is something else to do."""
        halt = live.halt
        if halt is None or (halt.waits_for <= self._lanes.closed_for(live).keys() and not await self._has_more(live)):
            return
        if live.halt is halt:
            await self._endings.unpause(live)

    async def _has_more(self, live: LiveExecution) -> bool:
        """Whether tasks of another agent have come in since it was halted, which no lane holds back."""
        halt = live.halt
        if halt is None or live.arrivals == halt.arrivals:
            return False
        halt.arrivals = live.arrivals
        waiting = await self._journal.read(lambda reader: reader.agents_to_run(live.execution_id))
        return bool(waiting - halt.known - self._lanes.closed_for(live).keys())

    def _others_can_start(self, live: LiveExecution, others: frozenset[str]) -> bool:
        # Where as many attempts wait for tasks of their own as may, nothing more starts above those.
        return bool(others) and (live.quiet or self._delegations.may_start(0))


def _told(closed: Mapping[str, LaneClosedError]) -> tuple[str, float | None]:
    errors = {error.lane: error for error in closed.values()}
    known = [error.resume_at for error in errors.values() if error.resume_at is not None]
    reason = "; ".join(f"{error.kind}: {error}" for _, error in sorted(errors.items()))
    return reason, min(known, default=None)
