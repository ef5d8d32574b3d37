"""An execution while this engine owns it: what is known of it in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from parallel_agents.core.execution import AgentRecord, ExecutionRecord
from parallel_agents.core.settings import Level, Settings
from parallel_agents.engine.attempt import RunningAttempt
from parallel_agents.engine.failures import ErrorHandlingManager


class Halt(msgspec.Struct, kw_only=True):
    """What a pause by closed lanes is about.

    `waits_for` are the agents whose lanes were closed, `known` all that had something to do then; `arrivals` is the
    execution's own count when somebody last looked.
    """

    waits_for: frozenset[str]
    known: frozenset[str]
    arrivals: int


class LiveExecution:
    """One owned execution.

    `drained` means that the journal is known to hold no pending task beyond the window; `arrivals` counts what may have
    made one pending since and `unread` tells that it may go before what is held; `due_at` is when the next waiting task
    is due. `idle` is set whenever the execution has ended or is paused with nothing running. `last_fill` counts fills
    of the window over all executions. While it is open, tasks come in; `unsettled` counts those that have not ended and
    `has_room` is set whenever one has. `held_back` are the agents whose lanes are closed; `halt` is set while the
    execution is paused for that, which ends by itself: `idle` is set then, `halted` is not. `is_pausing` tells that the
    journal is still to learn of a pause. `is_chained` is off once no task of it can still wait for its input.
    """

    def __init__(self, record: ExecutionRecord, random: Callable[[], float], *, is_chained: bool = True) -> None:
        self.record = record
        self.execution_id = record.execution_id
        self.errors = ErrorHandlingManager(msgspec.json.decode(record.settings, type=Settings), random)
        self.agents: dict[str, AgentRecord] = {agent.name: agent for agent in record.agents}
        self.running: dict[int, RunningAttempt] = {}
        self.drained = False
        self.arrivals = 0
        self.unread = False
        self.last_fill = 0
        self.due_at: float | None = None
        self.paused: str | None = record.paused
        self.is_pausing = False
        self.cancelling = False
        self.ending = False
        self.held_back: frozenset[str] = frozenset()
        self.halt: Halt | None = None
        self.idle = asyncio.Event()
        self.halted = asyncio.Event()
        self.error: BaseException | None = None
        self.is_open = False
        self.unsettled = 0
        self.has_room = asyncio.Event()
        self.is_chained = is_chained
        self._may_have_unbound = True

    def open(self) -> None:
        """Take tasks in until it is closed."""
        self.is_open = True

    def close(self) -> None:
        """Take no more tasks in; whoever waits to hand one in is woken."""
        self.is_open = False
        self.has_room.set()

    def came_in(self) -> None:
        """A task was handed in."""
        self.unsettled += 1
        self.has_room.clear()

    def went_out(self) -> None:
        """A task has ended."""
        self.unsettled = max(0, self.unsettled - 1)
        self.has_room.set()

    @property
    def takes_tasks(self) -> bool:
        """Whether tasks may be handed in."""
        return self.is_open and not self.cancelling and not self.ending

    def level_of(self, agent: str) -> Level | None:
        """The isolation level of an agent's own; None for the configured one."""
        return self.agents[agent].isolation

    def more_pending(self, *, unread: bool = False) -> None:
        """A task may have become pending; an `unread` one may go before all that are held."""
        self.unread |= unread
        self.arrivals += 1
        self.drained = False
        self._may_have_unbound = True

    def more_unbound(self) -> None:
        """A task may wait for nothing but its input now."""
        self._may_have_unbound = True

    def chain(self) -> None:
        """Tasks of it may wait for their input, though it had none of these."""
        self.is_chained = self._may_have_unbound = True

    def unchain(self) -> None:
        """No task of it waits for its input, unless one has come in meanwhile."""
        self.is_chained = self._may_have_unbound

    def take_unbound(self) -> bool:
        """Tell whether a task may wait for nothing but its input, once for each time that this has changed."""
        has_some, self._may_have_unbound = self.is_chained and self._may_have_unbound, False
        return has_some

    def due(self, at: float | None) -> None:
        """A waiting task is due at this time (seconds since the epoch)."""
        if at is not None:
            self.due_at = at if self.due_at is None else min(self.due_at, at)

    @property
    def startable(self) -> bool:
        """Whether new attempts may start."""
        return self.paused is None and not self.cancelling and not self.ending

    @property
    def quiet(self) -> bool:
        """Whether nothing of it runs."""
        return not self.running

    @property
    def is_standing(self) -> bool:
        """Whether whatever runs of it waits for tasks of its own."""
        return all(attempt.loan.open for attempt in self.running.values())

    def rest(self) -> None:
        """Wake whoever waits for it: nothing more happens by itself, but for the end of a halt by lanes."""
        self.idle.set()
        if self.halt is None:
            self.halted.set()

    def go_on(self) -> None:
        """It is paused no longer."""
        self.paused, self.halt = None, None
        self.idle.clear()
        self.halted.clear()
        self.more_pending()
