"""The engine: owns executions, runs their tasks, and brings each to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import msgspec

from parallel_agents.core.adaptation import Step
from parallel_agents.core.budget import Amount, Budget
from parallel_agents.core.errors import (
    ConcurrencyError,
    EngineClosedError,
    KeyTakenError,
    OwnershipError,
    UnknownExecutionError,
)
from parallel_agents.core.events import EventType
from parallel_agents.core.execution import BY_USER, ExecutionRecord, is_of_a_lane, with_concurrency
from parallel_agents.core.outcome import Interrupted
from parallel_agents.core.settings import Settings
from parallel_agents.core.task import Task
from parallel_agents.engine.adapting import Adapting, bounds_of
from parallel_agents.engine.announcer import Announcer
from parallel_agents.engine.attempts import Attempts
from parallel_agents.engine.chains import Chains
from parallel_agents.engine.commands import CommandWatch, obey
from parallel_agents.engine.delegations import Delegations
from parallel_agents.engine.dispatcher import Dispatcher
from parallel_agents.engine.endings import Endings, take_back_waiting
from parallel_agents.engine.feed import Feed
from parallel_agents.engine.flow import flow_of
from parallel_agents.engine.funding import fund_again
from parallel_agents.engine.lanes import Lanes
from parallel_agents.engine.limits import limits_of
from parallel_agents.engine.listening import Listening
from parallel_agents.engine.live import LiveExecution
from parallel_agents.engine.monitor import PerformanceMonitor
from parallel_agents.engine.parts import Parts
from parallel_agents.engine.pauses import LanePauses
from parallel_agents.engine.queue import TaskQueueManager
from parallel_agents.engine.reports import Reports
from parallel_agents.engine.settlement import Settler
from parallel_agents.engine.steadyclock import SteadyClock
from parallel_agents.ports.entries import PLAIN, Request


class Engine:
    """Runs executions of one journal in this process.

    `run` serves until cancelled; everything else may be called while it does. When a part fails for good (the journal,
    the pool), `run` raises and so does every `wait`.
    """

    def __init__(self, parts: Parts, settings: Settings, monitor: PerformanceMonitor) -> None:
        self._parts = parts
        processing = settings.parallel_processing
        queue = processing.task_queue
        self._settings = settings
        self.monitor = monitor
        self.announcer = Announcer(parts.clock.now)
        self._reports = Reports(self.announcer, settings)
        self._queue = TaskQueueManager(
            queue.queue_type,
            queue.max_queue_size,
            ageing_s=queue.ageing_seconds,
            monotonic=parts.clock.monotonic,
        )
        self.limits = limits_of(settings)
        self._lanes = Lanes(parts.gateway, self.limits)
        self._flow = flow_of(settings)
        self._listening = Listening(parts.pool, settings.aiomultiprocess_settings.result_queue_size)
        self._steady = SteadyClock(parts.clock)
        self._adapting = Adapting(
            self.limits, bounds_of(settings), monotonic=parts.clock.monotonic, tell=self._tell_adapted
        )
        self._delegations = Delegations(
            parts.journal,
            parts.accept,
            limits=self.limits,
            flow=self._flow,
            announcer=self.announcer,
            now=parts.clock.now,
        )
        self._tasks: asyncio.TaskGroup | None = None
        self._endings = self._make_endings()
        self._dispatcher = self._make_dispatcher()
        self._watch = CommandWatch(
            parts.journal, owned=lambda: self._dispatcher.live.keys(), obey=partial(obey, self), now=parts.clock.now
        )

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            ExceptionGroup: a part failed for good; holds a JournalError, PoolError or a defect.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._dispatcher.run(), name="dispatcher")
                self._tasks.create_task(self._watch.run(), name="command watch")
                self._tasks.create_task(self._adapting.run(), name="adapting")
                self._tasks.create_task(self.monitor.run(self._dispatcher.live.keys), name="monitor")
        except asyncio.CancelledError:
            self._fail_all(EngineClosedError)
            raise
        except BaseException as error:
            self._fail_all(lambda _, broken=error: broken)
            raise
        finally:
            self._tasks = None

    def change(self, settings: Settings) -> None:
        """Go by these settings from now on, for what runs too; attempts that run are left alone.

        Raises nothing: whoever calls has checked the settings.
        """
        processing = settings.parallel_processing
        self._settings = settings
        self.limits.change(settings)
        self._flow.max_mb = processing.context_isolation.shared_memory_size_mb
        self._queue.max_queue_size = processing.task_queue.max_queue_size
        self._queue.ageing_s = processing.task_queue.ageing_seconds
        self._reports.change(settings)
        self._adapting.change(bounds_of(settings))
        for live in self._dispatcher.live.values():
            live.errors.change(settings)
            self._cap_agents(live)
        # It wakes the dispatcher too: a raised limit has work for it.
        self._dispatcher.reorder(processing.task_queue.queue_type)

    async def submit(self, execution: ExecutionRecord, tasks: Sequence[Task], request: Request = PLAIN) -> None:
        """Journal an execution and take it on. Durable when it returns; `KeyTakenError` leaves nothing."""
        journal = self._parts.journal
        if not journal.try_own(execution.execution_id):
            raise OwnershipError(execution.execution_id, "is owned by another process")
        try:
            reused = await journal.submit(execution, tasks, request)
        except KeyTakenError:
            journal.disown(execution.execution_id)
            raise
        if execution.budget is not None:
            self._parts.gateway.fund(execution.execution_id, execution.budget, Amount())
        is_chained = any(task.binding for task in tasks)
        self._take_on(LiveExecution(execution, self._parts.chance.random, is_chained=is_chained))
        for task_id in reused:
            self.announcer.reused(execution.execution_id, task_id)

    async def open(self, execution: ExecutionRecord, request: Request = PLAIN) -> Feed:
        """Take on an execution whose tasks are still to come, through the feed that is returned."""
        await self.submit(msgspec.structs.replace(execution, is_open=True), (), request)
        live = self._dispatcher.live[execution.execution_id]

        def arrived() -> None:
            live.more_pending(unread=True)
            self._dispatcher.wake()

        return Feed(
            self._parts.journal,
            live,
            most=lambda: self._queue.max_queue_size,
            now=self._parts.clock.now,
            wake=arrived,
            tell_reused=lambda task_id: self.announcer.reused(execution.execution_id, task_id),
        )

    async def adopt(self, execution_id: str, budget: Budget | None = None) -> None:
        """Take on an execution that nobody runs, after its engine died, paused or was stopped.

        With `budget`, that is what it may spend in all from now on.

        Raises:
            UnknownExecutionError: the journal has none with this id.
            OwnershipError: a live process owns it.
        """
        journal = self._parts.journal
        if execution_id in self._dispatcher.live:
            if budget is not None:
                await self.change_budget(execution_id, budget)
            await self.unpause(execution_id)
            return
        if not journal.try_own(execution_id):
            raise OwnershipError(execution_id, "is being run by another process right now")
        record = await journal.read(lambda reader: reader.execution(execution_id))
        if record is None:
            journal.disown(execution_id)
            raise UnknownExecutionError(execution_id, journal.path)
        if is_of_a_lane(record.paused):
            # One call finds out whether it takes calls again, instead of as many as may run at once.
            await self._lanes.ask_again(record.agents)
        if budget is not None:
            await journal.change_budget(execution_id, budget, self._parts.clock.now())
            record = msgspec.structs.replace(record, budget=budget)
        await fund_again(self._parts, record)
        await journal.adopt(execution_id, self._parts.clock.now())
        await journal.pause(execution_id, None, self._parts.clock.now())
        live = LiveExecution(msgspec.structs.replace(record, paused=None, resume_at=None), self._parts.chance.random)
        due_at = await journal.read(lambda reader: reader.next_due_at(execution_id))
        self._steady.catch_up(due_at)
        live.due(due_at)
        self._take_on(live)

    async def cancel(self, execution_id: str) -> bool:
        """Cancel an owned execution: nothing more starts, what runs is stopped. False when it has ended already."""
        live = self._dispatcher.live.get(execution_id)
        if live is None or live.ending:
            return False
        await self._endings.stop(live, stopped=False)
        return True

    async def pause(self, execution_id: str) -> bool:
        """Start nothing more of an owned execution; what runs goes on to its end. False when it has ended already."""
        live = self._dispatcher.live.get(execution_id)
        if live is None or not (live.startable or live.halt is not None):
            return live is not None and live.paused is not None
        await self._endings.pause(live, BY_USER)
        self._endings.note_idle(live)
        return True

    async def change_budget(self, execution_id: str, budget: Budget) -> bool:
        """Let an owned execution spend so much in all from now on; False when it has ended already."""
        live = self._dispatcher.live.get(execution_id)
        if live is None or live.ending:
            return False
        await self._parts.journal.change_budget(execution_id, budget, self._parts.clock.now())
        live.record = msgspec.structs.replace(live.record, budget=budget)
        self._parts.gateway.fund(execution_id, budget, Amount())
        return True

    async def unpause(self, execution_id: str) -> bool:
        """Go on with an owned execution that is paused; False when it is not, or no longer owned."""
        live = self._dispatcher.live.get(execution_id)
        if live is None or live.paused is None:
            return False
        if live.halt is not None:
            await self._lanes.ask_again(live.agents[name] for name in live.halt.waits_for)
        await self._endings.unpause(live)
        return True

    async def change_concurrency(self, execution_id: str, at_most: int, agent: str | None = None) -> bool:
        """Run at most so many attempts of an owned execution at once from now on; what runs is left alone.

        With `agent`, at most so many of that agent, whatever it was. False when it has ended already.

        Raises:
            ConcurrencyError: the limit in force is lower.
            AgentError: the execution has no task of that agent.
        """
        live = self._dispatcher.live.get(execution_id)
        if live is None or live.ending:
            return False
        processing = self._settings.parallel_processing
        if at_most > processing.most_at_once:
            raise ConcurrencyError(at_most, processing.most_at_once, processing.key_of_most_at_once)
        if agent is not None:
            agents = with_concurrency(live.agents.values(), agent, at_most)
            await self._parts.journal.change_agents(execution_id, agents)
            live.agents = {one.name: one for one in agents}
            self._cap_agents(live)
            self._dispatcher.wake()
            return True
        await self._parts.journal.change_concurrency(execution_id, at_most)
        live.record = msgspec.structs.replace(live.record, changed_concurrency=at_most)
        self.limits.cap_execution(execution_id, at_most)
        self._dispatcher.wake()
        return True

    async def retry(self, execution_id: str, task_ids: Sequence[str] | None) -> int:
        """Put failed, skipped and cancelled tasks of an owned execution back (all, or those named)."""
        live = self._dispatcher.live[execution_id]
        moved = await self._parts.journal.retry(execution_id, task_ids, self._parts.clock.now())
        live.cancelling = False
        live.chain()
        live.more_pending(unread=True)
        self._dispatcher.wake()
        return moved

    async def wait(self, execution_id: str, *, through_pauses: bool = False) -> None:
        """Wait until an owned execution has ended or is paused with nothing running. Raises what broke the engine.

        With `through_pauses`, wait on while it is paused for a closed lane: that ends by itself.
        """
        live = self._dispatcher.live.get(execution_id)
        if live is None:
            return
        await (live.halted if through_pauses else live.idle).wait()
        if live.error is not None:
            raise live.error

    def is_live(self, execution_id: str) -> bool:
        """Tell whether this engine owns the execution."""
        return execution_id in self._dispatcher.live

    def drain(self) -> None:
        """Start nothing more; what runs goes on to its end."""
        self._dispatcher.draining = True
        for live in self._dispatcher.live.values():
            live.close()
            take_back_waiting(live)
            self._endings.note_idle(live)

    async def interrupt(self) -> None:
        """Stop what runs, uncharged, and wait until it is settled."""
        self.drain()
        for live in self._dispatcher.live.values():
            for attempt in live.running.values():
                attempt.stop(Interrupted(reason="shutdown", detail="the engine was stopped"))
        for live in tuple(self._dispatcher.live.values()):
            await live.idle.wait()

    def _take_on(self, live: LiveExecution) -> None:
        self.limits.cap_execution(live.execution_id, live.record.concurrency)
        self._cap_agents(live)
        self._dispatcher.live[live.execution_id] = live
        self.monitor.begin(live.execution_id)
        self.announcer.execution(EventType.EXECUTION_STARTED, live.execution_id)
        self._watch.look()
        self._endings.note_idle(live)
        self._dispatcher.wake()

    def _cap_agents(self, live: LiveExecution) -> None:
        for agent in live.agents.values():
            named = agent.changed_concurrency, self._settings.agent_settings(agent.name).max_concurrent
            self.limits.cap_agent(agent.name, next((one for one in named if one is not None), agent.max_concurrent))

    def _tell_adapted(self, step: Step) -> None:
        for live in self._dispatcher.live:
            self.announcer.execution(EventType.CONCURRENCY_CHANGED, live, at_once=step.at_once, reason=step.reason)
        self._dispatcher.wake()

    def _make_endings(self) -> Endings:
        return Endings(
            self._parts.journal,
            queue=self._queue,
            limits=self.limits,
            monitor=self.monitor,
            announcer=self.announcer,
            reports=self._reports,
            now=self._parts.clock.now,
            spawn=self._spawn,
            let_go=self._parts.gateway.end_funding,
        )

    def _make_dispatcher(self) -> Dispatcher:
        parts = self._parts
        attempts = Attempts(
            parts,
            flow=self._flow,
            limits=self.limits,
            settler=Settler(parts.journal, now=parts.clock.now, steady=self._steady.now),
            endings=self._endings,
            delegations=self._delegations,
            listening=self._listening,
            adapting=self._adapting,
            announcer=self.announcer,
            reports=self._reports,
            spawn=self._spawn,
        )
        pauses = LanePauses(
            parts.journal, self._queue, self._lanes, endings=self._endings, delegations=self._delegations
        )
        dispatcher = Dispatcher(
            parts.journal,
            self._queue,
            self.limits,
            flow=self._flow,
            lanes=self._lanes,
            pauses=pauses,
            delegations=self._delegations,
            chains=Chains(parts, self.announcer, self._delegations, partial(self._endings.stop, stopped=True)),
            now=parts.clock.now,
            steady=self._steady.now,
            start=attempts.start,
            end=self._endings.end,
        )
        self._endings.attach(dispatcher)
        attempts.attach(dispatcher)
        parts.gateway.watch(dispatcher.wake)
        return dispatcher

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> bool:
        if self._tasks is None:
            work.close()
            return False
        self._tasks.create_task(work, name=name)
        return True

    def _fail_all(self, error: Callable[[str], BaseException]) -> None:
        for live in self._dispatcher.live.values():
            live.close()
            if not live.idle.is_set():
                live.error = error(live.execution_id)
            live.halt = None
            live.rest()
