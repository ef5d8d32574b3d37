"""Tasks that attempts hand in and wait for: a place that waits is lent, so that those can run at any depth."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from parallel_agents.core.delegation import DEEPEST, Delegation, asked, delegated_task, result_of
from parallel_agents.core.errors import InputError, ItemError
from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.outcome import Interrupted
from parallel_agents.core.states import SETTLED
from parallel_agents.core.task import ReadyTask, Task
from parallel_agents.engine.announcer import Announcer
from parallel_agents.engine.attempt import RunningAttempt
from parallel_agents.engine.flow import Flow
from parallel_agents.engine.limits import Limits
from parallel_agents.engine.live import LiveExecution
from parallel_agents.engine.parts import Accept
from parallel_agents.ports.entries import Handed
from parallel_agents.ports.journal import Journal

_decode = msgspec.msgpack.Decoder(Delegation).decode
_encode = msgspec.msgpack.Encoder().encode


class Delegations:
    """Takes in what attempts hand in and answers when it is done.

    An attempt that waits counts against no limit; it goes on before anything new starts. Of a depth of which as many
    wait as may run at once, no more start: so fewer than twice as many have begun, and the deepest can always run,
    whatever waits above it.
    """

    def __init__(
        self,
        journal: Journal,
        accept: Accept,
        *,
        limits: Limits,
        flow: Flow,
        announcer: Announcer,
        now: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._accept = accept
        self._limits = limits
        self._flow = flow
        self._announcer = announcer
        self._now = now
        self._ends: defaultdict[tuple[str, str], list[asyncio.Future[None]]] = defaultdict(list)
        self._lent: Counter[int] = Counter()
        self._returning: list[tuple[RunningAttempt, asyncio.Future[None]]] = []

    def attach(
        self,
        *,
        wake: Callable[[], None],
        take_in: Callable[[LiveExecution, Sequence[ReadyTask]], None],
        is_draining: Callable[[], bool],
    ) -> None:
        """Tell the dispatcher by the first two that it has something to do; the third says whether it does any more."""
        self._wake = wake
        self._take_in = take_in
        self._is_draining = is_draining

    def may_start(self, depth: int) -> bool:
        """Whether one more attempt of this depth may start, for all that wait at that depth."""
        return self._lent[depth] < self._limits.overall

    def go_on(self) -> None:
        """Let those go on that have what they waited for, as far as there is room. The dispatcher calls it first."""
        for waiting in tuple(self._returning):
            attempt, place = waiting
            if not place.done() and self._limits.admits(*attempt.place):
                self._limits.acquire(*attempt.place)
                place.set_result(None)
            if place.done():
                self._returning.remove(waiting)

    def ended(self, execution_id: str, task_id: str) -> None:
        """A task has ended: whoever waits for it hears of it."""
        for end in self._ends.pop((execution_id, task_id), ()):
            if not end.done():
                end.set_result(None)

    async def run(self, live: LiveExecution, attempt: RunningAttempt, request: bytes) -> bytes:
        """Take tasks in and wait for their ends; returns their results.

        Raises:
            ItemError: one of them is wrong, or they would be nested too deeply.
        """
        tasks = self._prepared(live, attempt, request)
        async with self._loan(attempt):
            if not live.startable or self._is_draining():
                interrupt(attempt)
            keys = await self._until_ended(live, attempt, tasks)
        records = {one.key: one for one in await self._journal.read(lambda reader: reader.tasks_of(keys))}
        return _encode([result_of(records[key]) for key in keys])

    def _prepared(self, live: LiveExecution, attempt: RunningAttempt, request: bytes) -> list[Task]:
        parent = attempt.ready.task
        if parent.depth >= DEEPEST:
            raise ItemError(f"tasks hand in others at most {DEEPEST} deep")
        accepted = [self._accepted(mapping, number, live) for number, mapping in enumerate(_decode(request).tasks)]
        fresh = {agent.name: agent for _, agent in accepted if agent.name not in live.agents}
        if fresh:
            live.agents |= fresh
            self._journal.change_agents(live.execution_id, tuple(live.agents.values()))
        return [
            delegated_task(task, parent, live.execution_id, attempt.next_ordinal(f"task {asked(task)}"))
            for task, _ in accepted
        ]

    def _accepted(self, mapping: dict[str, object], number: int, live: LiveExecution) -> tuple[Task, AgentRecord]:
        for key in ("task_id", "depends_on"):
            if mapping.get(key):
                raise ItemError(f"a task that is handed in by another has no {key} of its own (task {number + 1})")
        try:
            return self._accept(mapping, number, live.record.model)
        except InputError as error:
            raise ItemError(f"a task that it handed in is wrong: {error}") from error

    async def _until_ended(self, live: LiveExecution, attempt: RunningAttempt, tasks: Sequence[Task]) -> list[int]:
        """The keys of the tasks, in their order, once all of them have ended."""
        # Before they are written: one that is there already may end at any moment.
        ends = {task.task_id: asyncio.get_running_loop().create_future() for task in tasks}
        for task_id, end in ends.items():
            self._ends[live.execution_id, task_id].append(end)
        try:
            handed = await self._journal.hand_in(live.execution_id, tasks, self._now())
            for one in handed:
                if one.is_new:
                    live.came_in()
                    self._announcer.delegated(live.execution_id, one.task_id, attempt)
                if one.is_reused:
                    live.went_out()
                    self._announcer.reused(live.execution_id, one.task_id)
            await self._begin(live, handed, ends)
            for one in handed:
                if one.state not in SETTLED:
                    await ends[one.task_id]
        finally:
            self._forget(live.execution_id, ends)
        keys = {one.task_id: one.key for one in handed}
        return [keys[task.task_id] for task in tasks]

    async def _begin(
        self, live: LiveExecution, handed: Sequence[Handed], ends: Mapping[str, asyncio.Future[None]]
    ) -> None:
        live.more_pending()
        keys = [one.key for one in handed if one.state not in SETTLED]
        found = await self._journal.read(lambda reader: reader.ready_among(keys))
        # One that was pending at the read may have been started by way of the window, and be at its end.
        self._take_in(live, [ready for ready in found if not ends[ready.task.task_id].done()])

    def _forget(self, execution_id: str, ends: dict[str, asyncio.Future[None]]) -> None:
        for task_id, end in ends.items():
            left = [other for other in self._ends.pop((execution_id, task_id), ()) if other is not end]
            if left:
                self._ends[execution_id, task_id] = left

    @asynccontextmanager
    async def _loan(self, attempt: RunningAttempt) -> AsyncGenerator[None]:
        loan = attempt.loan
        loan.open += 1
        if loan.open == 1:
            loan.over.clear()
            self._lent[attempt.ready.task.depth] += 1
            self._limits.release(*attempt.place)
            self._flow.lent(attempt.key)
            self._wake()
        try:
            yield
        except BaseException:
            self._give_up(attempt)
            raise
        loan.open -= 1
        if loan.open:
            # Its place is lent until it has all that it waits for: the answers come together.
            await loan.over.wait()
            return
        try:
            await self._place(attempt)
        finally:
            self._lent[attempt.ready.task.depth] -= 1
            loan.over.set()

    def _give_up(self, attempt: RunningAttempt) -> None:
        attempt.loan.open -= 1
        if not attempt.loan.open:
            # It ends, and gives its place back as any other does.
            self._limits.acquire(*attempt.place)
            self._lent[attempt.ready.task.depth] -= 1
            attempt.loan.over.set()

    async def _place(self, attempt: RunningAttempt) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._returning.append((attempt, place))
        self._wake()
        try:
            await place
        except asyncio.CancelledError:
            if not place.done() or place.cancelled():
                self._limits.acquire(*attempt.place)
            raise
        finally:
            self._flow.back(attempt.key, len(attempt.ready.task.input_data))


def interrupt(attempt: RunningAttempt) -> None:
    """Take an attempt back, uncharged, that waits for tasks which do not start for now."""
    attempt.stop(Interrupted("paused", "it waited for tasks of its own, and nothing starts for now"))
