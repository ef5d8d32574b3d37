"""The engine: owns executions, runs their tasks, and brings each to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from parallel_agents.core.adaptation import Step
from parallel_agents.core.errors import ConcurrencyError, EngineClosedError, OwnershipError, UnknownExecutionError
from parallel_agents.core.events import EventType
from parallel_agents.core.execution import BY_USER, ExecutionRecord
from parallel_agents.core.metrics import Resources
from parallel_agents.core.outcome import Cancelled, Interrupted, Outcome, Succeeded, WorkerIdentity
from parallel_agents.core.settings import Settings
from parallel_agents.core.states import ENDING, Trigger
from parallel_agents.core.task import ReadyTask, Task
from parallel_agents.engine.adapting import Adapting, bounds_of
from parallel_agents.engine.announcer import Announcer
from parallel_agents.engine.attempt import RunningAttempt
from parallel_agents.engine.commands import CommandWatch, obey
from parallel_agents.engine.dispatcher import Dispatcher
from parallel_agents.engine.feed import Feed
from parallel_agents.engine.flow import flow_of
from parallel_agents.engine.limits import limits_of
from parallel_agents.engine.listening import Listening
from parallel_agents.engine.live import LiveExecution
from parallel_agents.engine.monitor import PerformanceMonitor
from parallel_agents.engine.parts import Parts
from parallel_agents.engine.queue import TaskQueueManager
from parallel_agents.engine.reports import Reports, tell_traceback
from parallel_agents.engine.settlement import Settled, Settler
from parallel_agents.engine.steadyclock import SteadyClock


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
        self._flow = flow_of(settings)
        self._listening = Listening(parts.pool, settings.aiomultiprocess_settings.result_queue_size)
        self._steady = SteadyClock(parts.clock)
        self._adapting = Adapting(
            self.limits, bounds_of(settings), monotonic=parts.clock.monotonic, tell=self._tell_adapted
        )
        self._settler = Settler(parts.journal, now=parts.clock.now, steady=self._steady.now)
        self._dispatcher = Dispatcher(
            parts.journal,
            self._queue,
            self.limits,
            flow=self._flow,
            now=parts.clock.now,
            steady=self._steady.now,
            start=self._start,
            end=self._end,
        )
        self._watch = CommandWatch(
            parts.journal, owned=lambda: self._dispatcher.live.keys(), obey=partial(obey, self), now=parts.clock.now
        )
        self._tasks: asyncio.TaskGroup | None = None

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

    async def submit(self, execution: ExecutionRecord, tasks: Iterable[Task]) -> None:
        """Journal an execution and take it on. Durable when it returns."""
        journal = self._parts.journal
        if not journal.try_own(execution.execution_id):
            raise OwnershipError(execution.execution_id, "is owned by another process")
        await journal.submit(execution, tasks)
        self._take_on(LiveExecution(execution, self._parts.chance.random))

    async def open(self, execution: ExecutionRecord) -> Feed:
        """Take on an execution whose tasks are still to come, through the feed that is returned."""
        await self.submit(msgspec.structs.replace(execution, is_open=True), ())
        live = self._dispatcher.live[execution.execution_id]

        def arrived() -> None:
            live.more_pending()
            self._dispatcher.wake()

        return Feed(
            self._parts.journal, live, most=lambda: self._queue.max_queue_size, now=self._parts.clock.now, wake=arrived
        )

    async def adopt(self, execution_id: str) -> None:
        """Take on an execution that nobody runs, after its engine died, paused or was stopped.

        Raises:
            UnknownExecutionError: the journal has none with this id.
            OwnershipError: a live process owns it.
        """
        journal = self._parts.journal
        if execution_id in self._dispatcher.live:
            await self.unpause(execution_id)
            return
        if not journal.try_own(execution_id):
            raise OwnershipError(execution_id, "is being run by another process right now")
        record = await journal.read(lambda reader: reader.execution(execution_id))
        if record is None:
            journal.disown(execution_id)
            raise UnknownExecutionError(execution_id, journal.path)
        await journal.adopt(execution_id, self._parts.clock.now())
        await journal.pause(execution_id, None, self._parts.clock.now())
        live = LiveExecution(msgspec.structs.replace(record, paused=None), self._parts.chance.random)
        due_at = await journal.read(lambda reader: reader.next_due_at(execution_id))
        self._steady.catch_up(due_at)
        live.due(due_at)
        self._take_on(live)

    async def cancel(self, execution_id: str) -> bool:
        """Cancel an owned execution: nothing more starts, what runs is stopped. False when it has ended already."""
        live = self._dispatcher.live.get(execution_id)
        if live is None or live.ending:
            return False
        await self._stop(live, stopped=False)
        return True

    async def pause(self, execution_id: str) -> bool:
        """Start nothing more of an owned execution; what runs goes on to its end. False when it has ended already."""
        live = self._dispatcher.live.get(execution_id)
        if live is None or not live.startable:
            return live is not None and live.paused is not None
        await self._pause(live, BY_USER)
        self._note_idle(live)
        return True

    async def unpause(self, execution_id: str) -> bool:
        """Go on with an owned execution that is paused; False when it is not, or no longer owned."""
        live = self._dispatcher.live.get(execution_id)
        if live is None or live.paused is None:
            return False
        await self._parts.journal.pause(execution_id, None, self._parts.clock.now())
        live.paused = None
        live.idle.clear()
        live.more_pending()
        self._dispatcher.wake()
        return True

    async def change_concurrency(self, execution_id: str, at_most: int) -> bool:
        """Run at most so many attempts of an owned execution at once from now on; what runs is left alone.

        False when it has ended already.

        Raises:
            ConcurrencyError: the limit in force is lower.
        """
        live = self._dispatcher.live.get(execution_id)
        if live is None or live.ending:
            return False
        processing = self._settings.parallel_processing
        if at_most > processing.most_at_once:
            raise ConcurrencyError(at_most, processing.most_at_once, processing.key_of_most_at_once)
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
        live.more_pending()
        self._dispatcher.wake()
        return moved

    async def wait(self, execution_id: str) -> None:
        """Wait until an owned execution has ended or is paused with nothing running. Raises what broke the engine."""
        live = self._dispatcher.live.get(execution_id)
        if live is None:
            return
        await live.idle.wait()
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
            self._note_idle(live)

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
        self._note_idle(live)
        self._dispatcher.wake()

    def _cap_agents(self, live: LiveExecution) -> None:
        for agent in live.agents.values():
            configured = self._settings.agent_settings(agent.name).max_concurrent
            self.limits.cap_agent(agent.name, agent.max_concurrent if configured is None else configured)

    def _tell_adapted(self, step: Step) -> None:
        for live in self._dispatcher.live:
            self.announcer.execution(EventType.CONCURRENCY_CHANGED, live, at_once=step.at_once, reason=step.reason)
        self._dispatcher.wake()

    def _start(self, live: LiveExecution, ready: ReadyTask) -> None:
        agent = live.agents[ready.task.agent_name]
        attempt = RunningAttempt(ready, agent, self._parts.parameters(agent), self._parts.clock.monotonic)
        live.running[ready.key] = attempt
        if self._tasks is None:
            raise RuntimeError("an attempt cannot start while the engine does not run")
        self._tasks.create_task(self._attempt(live, attempt), name=f"attempt {ready.task.task_id}")

    async def _attempt(self, live: LiveExecution, attempt: RunningAttempt) -> None:
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
        self.limits.release(live.execution_id, attempt.ready.task.agent_name, attempt.agent.isolation)
        self.announcer.settled(attempt, settled)
        self._adapting.settled(end.duration_ms)
        self._reports.settled(attempt, end, settled)
        if live.errors.is_unisolated(end.outcome):
            tell_traceback(attempt, settled.settlement.error.traceback if settled.settlement.error else None)
        if isinstance(end.outcome, Interrupted) and end.outcome.reason == "lane_closed":
            await self._pause(live, f"quota: {end.outcome.detail}")
        if settled.landed:
            self._dispatcher.take_back(live, attempt.ready, settled.settlement.trigger)
        await self._follow_up(live, settled, end.outcome)

    async def _follow_up(self, live: LiveExecution, settled: Settled, outcome: Outcome) -> None:
        settlement = settled.settlement
        if settled.landed and settlement.trigger in ENDING:
            live.went_out()
        if settlement.trigger is Trigger.RETRY_SCHEDULED:
            live.due(settlement.due_at)
        live.more_pending()
        if live.startable and live.errors.ends_execution(settlement.trigger, outcome):
            await self._stop(live, stopped=True)
        if live.cancelling and live.quiet:
            self._end(live)
        self._note_idle(live)
        self._dispatcher.wake()

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

    def _tell_began(self, attempt: RunningAttempt, worker: WorkerIdentity, landed: asyncio.Future[bool]) -> None:
        if not landed.cancelled() and landed.exception() is None and landed.result():
            self.announcer.began(attempt, worker.pid)

    def attempt_received(self, attempt: RunningAttempt) -> None:
        """How an attempt ended has come in."""
        self._listening.received(attempt)

    def attempt_progressed(self, attempt: RunningAttempt, fraction: float | None, message: str) -> None:
        """An agent says how far it is."""
        self.announcer.progressed(attempt, fraction, message)

    async def _stop(self, live: LiveExecution, *, stopped: bool) -> None:
        live.cancelling = True
        live.close()
        self._queue.forget(live.execution_id)
        await self._parts.journal.cancel(live.execution_id, self._parts.clock.now(), stopped=stopped)
        for attempt in live.running.values():
            attempt.stop(Cancelled())
        if live.quiet:
            self._end(live)

    async def _pause(self, live: LiveExecution, reason: str) -> None:
        if live.paused is None and live.startable:
            live.paused = reason
            self._queue.forget(live.execution_id)
            await self._parts.journal.pause(live.execution_id, live.paused, self._parts.clock.now())
            self.announcer.execution(EventType.EXECUTION_PAUSED, live.execution_id, reason=live.paused)

    def _end(self, live: LiveExecution) -> None:
        if live.ending or self._tasks is None:
            return
        live.ending = True
        self._tasks.create_task(self._finish(live), name=f"end of {live.execution_id}")

    async def _finish(self, live: LiveExecution) -> None:
        journal, now = self._parts.journal, self._parts.clock.now()
        sampled = self.monitor.end(live.execution_id)
        await journal.end(live.execution_id, now, sampled)
        await self._report_end(live, now, sampled)
        self._let_go(live)
        self.announcer.execution(EventType.EXECUTION_ENDED, live.execution_id)

    async def _report_end(self, live: LiveExecution, now: float, sampled: bytes | None) -> None:
        if self._reports.wants_executions:
            resources = None if sampled is None else msgspec.msgpack.decode(sampled, type=Resources)
            counts = await self._parts.journal.read(lambda reader: reader.counts(live.execution_id))
            self._reports.execution_ended(live, counts, now - live.record.submitted_at, resources)

    def _note_idle(self, live: LiveExecution) -> None:
        if live.quiet and (self._dispatcher.draining or live.paused is not None) and not live.ending:
            live.idle.set()

    def _let_go(self, live: LiveExecution) -> None:
        self._queue.forget(live.execution_id)
        self.limits.forget(live.execution_id)
        self._dispatcher.live.pop(live.execution_id, None)
        self._parts.journal.disown(live.execution_id)
        live.idle.set()

    def _fail_all(self, error: Callable[[str], BaseException]) -> None:
        for live in self._dispatcher.live.values():
            live.close()
            if not live.idle.is_set():
                live.error = error(live.execution_id)
                live.idle.set()
