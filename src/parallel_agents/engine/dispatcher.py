"""Decides what runs when: fills the ready queue from the journal and starts what the limits admit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from parallel_agents.core.states import State, Trigger, charged_after, move
from parallel_agents.core.task import ReadyTask
from parallel_agents.engine.chains import Chains
from parallel_agents.engine.delegations import Delegations
from parallel_agents.engine.flow import Flow
from parallel_agents.engine.lanes import Lanes
from parallel_agents.engine.limits import Limits
from parallel_agents.engine.live import LiveExecution
from parallel_agents.engine.pauses import LanePauses
from parallel_agents.engine.queue import QueueType, TaskQueueManager
from parallel_agents.ports.journal import Journal, Reader

LOOK_AGAIN_S = 1.0
_LOST = frozenset({Trigger.WORKER_LOST, Trigger.INTERRUPTED})


def after_loss(ready: ReadyTask, trigger: Trigger) -> ReadyTask:
    """What a pending task is after one more attempt that was lost."""
    charge = move(State.RUNNING, trigger).charge
    return msgspec.structs.replace(
        ready,
        attempt=ready.attempt + 1,
        charged=charged_after(ready.charged + 1, charge),
        losses=ready.losses + (trigger is Trigger.WORKER_LOST),
    )


class Dispatcher:
    """Turns pending tasks into running attempts.

    It sleeps until woken, or until the next waiting task is due. `start` is called once for every task that may run;
    `end` once for every execution that has nothing left.
    """

    def __init__(
        self,
        journal: Journal,
        queue: TaskQueueManager,
        limits: Limits,
        *,
        flow: Flow,
        lanes: Lanes,
        pauses: LanePauses,
        delegations: Delegations,
        chains: Chains,
        now: Callable[[], float],
        steady: Callable[[], float],
        start: Callable[[LiveExecution, ReadyTask, str | None], None],
        end: Callable[[LiveExecution], None],
    ) -> None:
        self._journal = journal
        self._queue = queue
        self._limits = limits
        self._flow = flow
        self._lanes = lanes
        self._pauses = pauses
        self._delegations = delegations
        self._chains = chains
        self._now = now
        self._steady = steady
        self._start = start
        self._end = end
        self._wake = asyncio.Event()
        self.live: dict[str, LiveExecution] = {}
        self.draining = False
        self._fills = 0
        # Keys that were put past the journal since the last read of it began.
        self._put_past: set[int] = set()

    def wake(self) -> None:
        """Look again: something was submitted, settled, released or changed."""
        self._wake.set()

    def reorder(self, queue_type: QueueType) -> None:
        """Start tasks in another order from now on."""
        if queue_type != self._queue.queue_type:
            # What is held was read by the old order, and a later task may now come first.
            for live in self.live.values():
                self._queue.forget(live.execution_id)
                live.more_pending()
            self._queue.reorder(queue_type)
        self.wake()

    def take_back(self, live: LiveExecution, ready: ReadyTask, trigger: Trigger) -> None:
        """Hand a task out again whose attempt was lost; `ready` is as it was before that attempt.

        By way of the journal it would wait until half of the window is empty, behind hundreds of others.
        """
        if trigger in _LOST and live.startable and not self.draining:
            self._put_again(after_loss(ready, trigger))

    def take_in(self, live: LiveExecution, found: Iterable[ReadyTask]) -> None:
        """Hand out tasks that somebody waits for, past the many that may stand before them in the journal."""
        if live.startable and not self.draining:
            for ready in found:
                if ready.key not in live.running:
                    self._put_again(ready)
            self.wake()

    def _put_again(self, ready: ReadyTask) -> None:
        self._put_past.add(ready.key)
        self._queue.put(ready, again=True)

    async def run(self) -> None:
        """Dispatch until cancelled."""
        while True:
            await self._until_woken()
            if self.draining:
                self._delegations.go_on()
                continue
            for live in tuple(self.live.values()):
                await self._pauses.wake(live)
                await self._chains.bind(live)
                self._pauses.hold_back(live)
            # Who was served last comes last: in a small window the first would otherwise take every place.
            for live in sorted(self._startable(), key=lambda live: live.last_fill):
                await self._fill(live)
            self._start_ready()
            for live in self._startable():
                await self._pauses.pause_if_held(live)
                await self._finish_if_done(live)

    async def _until_woken(self) -> None:
        due = [live.due_at for live in self._startable() if live.due_at is not None]
        pauses = [max(0.0, min(due) - self._steady())] if due else []
        if self._lanes.take_refused() or any(live.held_back for live in self.live.values()):
            # A lane tells when it opens. It may open by the wall clock, too, and that can be set while we sleep.
            pauses.append(LOOK_AGAIN_S)
        pause = min(pauses, default=None)
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _startable(self) -> list[LiveExecution]:
        return [live for live in self.live.values() if live.startable]

    async def _fill(self, live: LiveExecution) -> None:
        await self._release_due(live)
        # Places that no fill takes: for what comes later and goes before all that are held.
        kept = min(self._limits.overall, self._queue.max_queue_size // 2)
        share = max(1, (self._queue.max_queue_size - kept) // max(1, len(self.live)))
        held = self._queue.held(live.execution_id)
        if live.drained:
            return
        if held > share // 2:
            await self._fetch_better(live, kept)
            return
        wanted = min(share - held, self._queue.room)
        if wanted < 1:
            return
        live.unread = False
        arrivals, order = live.arrivals, self._queue.queue_type
        self._put_past.clear()
        found = await self._ready(live, self._queue.keys(live.execution_id) | live.running.keys(), wanted)
        if order != self._queue.queue_type:
            # Read by an order that no longer holds; whoever changed it has woken us to read again.
            return
        # What became pending while the journal was read is not in the answer.
        live.drained = len(found) < wanted and live.arrivals == arrivals
        if live.startable and found:
            self._fills += 1
            live.last_fill = self._fills
            self._put(found, live)

    async def _fetch_better(self, live: LiveExecution, most: int) -> None:
        """Put in what has come since the window was filled and goes before some of it."""
        wanted, order = min(most, self._queue.room), self._queue.queue_type
        if not live.unread or wanted < 1:
            return
        live.unread = False
        self._put_past.clear()
        found = await self._ready(live, self._queue.keys(live.execution_id) | live.running.keys(), wanted)
        if live.startable and order == self._queue.queue_type:
            self._put([task for task in found if self._queue.goes_before(task)], live)

    async def _release_due(self, live: LiveExecution) -> None:
        if live.due_at is None or live.due_at > self._steady():
            return
        live.due_at = None
        released = await self._journal.release_due(live.execution_id, self._steady(), self._now())
        live.due(released.next_due_at)
        if released.moved:
            live.more_pending(unread=True)

    async def _ready(self, live: LiveExecution, exclude: Iterable[int], wanted: int) -> list[ReadyTask]:
        known, order, without = frozenset(exclude), self._queue.queue_type, live.held_back

        def read(reader: Reader) -> list[ReadyTask]:
            ready = partial(reader.ready, live.execution_id, exclude=known, without=without)
            found = ready(limit=wanted, order=order)
            if order != "priority" or len(found) < max(wanted, 2):
                return found
            # A window full of better levels would never see the task that has waited longest.
            (oldest,) = ready(limit=1, order="fifo")
            return found if any(task.key == oldest.key for task in found) else [*found[:-1], oldest]

        return await self._journal.read(read)

    def _put(self, found: Iterable[ReadyTask], live: LiveExecution) -> None:
        for task in found:
            # One that was put past this read may have run to its end meanwhile, and is not to run again.
            if task.key not in live.running and task.key not in self._put_past:
                self._queue.put(task)

    def _start_ready(self) -> None:
        self._delegations.go_on()
        while not self.draining and self._flow.has_room:
            task = self._queue.take(self._admits)
            if task is None:
                return
            live = self.live[task.execution_id]
            self._flow.handed_over(task.key, len(task.task.input_data))
            self._start(live, task, self._lanes.model_of(live.agents[task.task.agent_name]))

    def _admits(self, execution_id: str, agent: str, depth: int) -> bool:
        live = self.live.get(execution_id)
        if live is None or not live.startable or not self._delegations.may_start(depth):
            return False
        return self._limits.admits(execution_id, agent, live.level_of(agent)) and self._lanes.may_start(
            live.agents[agent]
        )

    async def _finish_if_done(self, live: LiveExecution) -> None:
        if live.is_open:
            return
        if not (live.drained and live.quiet and live.due_at is None and not self._queue.held(live.execution_id)):
            return
        if live.held_back and await self._journal.read(lambda reader: reader.agents_to_run(live.execution_id)):
            return
        if await self._journal.release_final_round(live.execution_id, self._now()):
            live.more_pending()
            self.wake()
        elif live.startable and live.quiet and live.drained:
            self._end(live)
