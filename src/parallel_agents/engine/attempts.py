"""The attempts that run: started, followed, settled, and what follows from their end."""

from __future__ import annotations

import asyncio

from parallel_agents.core.outcome import Interrupted, Outcome, Succeeded, WorkerIdentity
from parallel_agents.core.states import ENDING, Trigger
from parallel_agents.core.task import ReadyTask
from parallel_agents.engine.adapting import Adapting
from parallel_agents.engine.announcer import Announcer
from parallel_agents.engine.attempt import RunningAttempt
from parallel_agents.engine.delegations import Delegations
from parallel_agents.engine.dispatcher import Dispatcher
from parallel_agents.engine.endings import Endings, Spawn
from parallel_agents.engine.flow import Flow
from parallel_agents.engine.limits import Limits
from parallel_agents.engine.listening import Listening
from parallel_agents.engine.live import LiveExecution
from parallel_agents.engine.parts import Parts
from parallel_agents.engine.reports import Reports, tell_traceback
from parallel_agents.engine.settlement import Settled, Settler


class Attempts:
    """Runs attempts, one coroutine each. What they tell while they run comes back through it."""

    def __init__(
        self,
        parts: Parts,
        *,
        flow: Flow,
        limits: Limits,
        settler: Settler,
        endings: Endings,
        delegations: Delegations,
        listening: Listening,
        adapting: Adapting,
        announcer: Announcer,
        reports: Reports,
        spawn: Spawn,
    ) -> None:
        self._parts = parts
        self._flow = flow
        self._limits = limits
        self._settler = settler
        self._endings = endings
        self._delegations = delegations
        self._listening = listening
        self._adapting = adapting
        self._announcer = announcer
        self._reports = reports
        self._spawn = spawn

    def attach(self, dispatcher: Dispatcher) -> None:
        """Take them from this dispatcher, which for its part calls `start`."""
        self._dispatcher = dispatcher
        self._delegations.attach(
            wake=dispatcher.wake, take_in=dispatcher.take_in, is_draining=lambda: dispatcher.draining
        )

    def start(self, live: LiveExecution, ready: ReadyTask, model: str | None) -> None:
        """Run one attempt of a task for which there is room, by this model."""
        agent, clock = live.agents[ready.task.agent_name], self._parts.clock
        attempt = RunningAttempt(ready, agent, self._parts.parameters(agent), clock.monotonic, model=model)
        self._limits.acquire(*attempt.place)
        live.running[ready.key] = attempt
        if not self._spawn(self._run(live, attempt), f"attempt {ready.task.task_id}"):
            raise RuntimeError("an attempt cannot start while the engine does not run")

    def attempt_began(self, attempt: RunningAttempt, worker: WorkerIdentity) -> None:
        """A worker has an attempt: the journal learns of it before any call that it makes."""
        was_full = not self._flow.has_room
        self._flow.began(attempt.key)
        self._reports.began(attempt)
        if was_full:
            self._dispatcher.wake()
        begun = self._parts.journal.begin(attempt.key, attempt.attempt, worker, self._parts.clock.now())
        # Told once it is durable, so that whoever hears of it finds it in the journal; nobody waits for that.
        begun.add_done_callback(lambda landed: self._tell_began(attempt, worker, landed))

    def attempt_received(self, attempt: RunningAttempt) -> None:
        """How an attempt ended has come in."""
        self._listening.received(attempt)

    def attempt_progressed(self, attempt: RunningAttempt, fraction: float | None, message: str) -> None:
        """An agent says how far it is."""
        self._announcer.progressed(attempt, fraction, message)

    async def attempt_delegated(self, attempt: RunningAttempt, request: bytes) -> bytes:
        """An agent hands tasks in and waits for their results."""
        live = self._dispatcher.live[attempt.ready.execution_id]
        return await self._delegations.run(live, attempt, request)

    def _tell_began(self, attempt: RunningAttempt, worker: WorkerIdentity, landed: asyncio.Future[bool]) -> None:
        if not landed.cancelled() and landed.exception() is None and landed.result():
            self._announcer.began(attempt, worker.pid)

    async def _run(self, live: LiveExecution, attempt: RunningAttempt) -> None:
        parts = self._parts
        with self._listening.through(attempt):
            try:
                end = await attempt.run(parts.pool, parts.gateway, parts.contexts, self)
            finally:
                self._reports.ended(attempt)
            self._listening.received(attempt)
            self._flow.ended(attempt.key, len(end.outcome.output) if isinstance(end.outcome, Succeeded) else 0)
            settled = await self._settler.settle(attempt.ready, end, live.errors)
        del live.running[attempt.key]
        self._flow.settled(attempt.key)
        self._limits.release(*attempt.place)
        self._announcer.settled(attempt, settled)
        self._adapting.settled(end.duration_ms)
        self._reports.settled(attempt, end, settled)
        if live.errors.is_unisolated(end.outcome):
            tell_traceback(attempt, settled.settlement.error.traceback if settled.settlement.error else None)
        if isinstance(end.outcome, Interrupted) and end.outcome.reason == "budget":
            await self._endings.pause(live, f"budget: {end.outcome.detail}")
        if settled.landed:
            self._dispatcher.take_back(live, attempt.ready, settled.settlement.trigger)
        await self._follow_up(live, attempt.ready, settled, end.outcome)

    async def _follow_up(self, live: LiveExecution, ready: ReadyTask, settled: Settled, outcome: Outcome) -> None:
        settlement = settled.settlement
        if settled.landed and settlement.trigger in ENDING:
            live.went_out()
            self._delegations.ended(live.execution_id, ready.task.task_id)
        for task_id in settled.skipped:
            live.went_out()
            self._announcer.skipped(live.execution_id, task_id, settlement)
        if settlement.trigger is Trigger.RETRY_SCHEDULED:
            live.due(settlement.due_at)
        live.more_pending(unread=settled.freed)
        if live.startable and live.errors.ends_execution(settlement.trigger, outcome):
            await self._endings.stop(live, stopped=True)
        if live.cancelling and live.quiet:
            self._endings.end(live)
        self._endings.note_idle(live)
        self._dispatcher.wake()
