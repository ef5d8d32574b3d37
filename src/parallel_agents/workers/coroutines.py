"""Many attempts on the one loop of a worker, for code that can be trusted to yield."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from typing import Any

from parallel_agents.core.outcome import Cancelled, MemoryExceeded, Usage
from parallel_agents.ports.workers import Assignment
from parallel_agents.processes.family import end_the_group
from parallel_agents.workers import frames
from parallel_agents.workers.bench import Send, outcome_or_cancelled
from parallel_agents.workers.leftovers import Leftovers, without
from parallel_agents.workers.voice import Voice

_seat: ContextVar[int | None] = ContextVar("seat", default=None)


class _Seat:
    """One attempt: its line to the engine, and every task that it made."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.tasks: set[asyncio.Task[Any]] = set()
        self.root: asyncio.Task[None] | None = None
        self.has_begun = False
        self.is_cancelled = False
        self.is_over = False


class Coroutines:
    """Runs every attempt at once. What an attempt used of the worker's time and memory cannot be told here."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send, next_call: Callable[[], int]) -> None:
        self._loop = loop
        self._send = send
        self._next_call = next_call
        self._thread_id = str(threading.get_native_id())
        self._seats: dict[int, _Seat] = {}
        # Tasks that an agent makes inherit its context variables, and so are known as its own.
        loop.set_task_factory(self._make_task)

    def take(self, seat: int, assignment: Assignment) -> None:
        """Run it now, beside the others."""
        taken = _Seat(Voice(self._loop, self._send, self._next_call, seat))
        self._seats[seat] = taken
        context = Context()
        context.run(_seat.set, seat)
        taken.root = self._loop.create_task(self._attempt(seat, taken, assignment), context=context)
        taken.root.add_done_callback(_end_on_a_defect)

    def cancel(self, seat: int) -> None:
        """Cancel its task."""
        found = self._seats.get(seat)
        if found is None or found.root is None or found.is_over:
            return
        found.is_cancelled = True
        # A task that is cancelled before its first step never takes one, and would never say that it has ended.
        if found.has_begun:
            found.root.cancel()

    def answer(self, answered: frames.CallAnswered) -> None:
        """Hand the answer to the attempt that asked."""
        if (found := self._seats.get(answered.seat)) is not None:
            found.voice.answer(answered.call_id, answered.response, answered.fault)

    def holder(self) -> int | None:
        """The attempt that the task on the loop belongs to."""
        task = asyncio.current_task(self._loop)
        for number, seat in tuple(self._seats.items()):
            if task in seat.tasks:
                return number
        return None

    async def run(self) -> None:
        """Serve until the process ends."""
        # Made when the thread that listens to the engine is there: it is not to be taken for an agent's.
        self._left = Leftovers(self._loop)
        await self._loop.create_future()

    async def _attempt(self, number: int, seat: _Seat, assignment: Assignment) -> None:
        seat.has_begun = True
        outcome = Cancelled() if seat.is_cancelled else await outcome_or_cancelled(assignment, seat.voice)
        seat.is_over = True
        reusable = await without(seat.tasks - {seat.root}) and not isinstance(outcome, MemoryExceeded)
        del self._seats[number]
        if not self._seats:
            reusable = self._left.put_back() and reusable
        self._send(frames.Finished(number, outcome, Usage(thread_id=self._thread_id), reusable=reusable))

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        context: Context | None = None,
        **named: Any,
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, context=context, **named)  # pyright: ignore[reportArgumentType]
        number = _seat.get() if context is None else context.get(_seat)
        seat = None if number is None else self._seats.get(number)
        if seat is not None:
            seat.tasks.add(task)
            task.add_done_callback(seat.tasks.discard)
        return task


def _end_on_a_defect(root: asyncio.Task[None]) -> None:
    # An attempt that ends without a word would be waited for until its time is up.
    if root.cancelled() or root.exception() is not None:
        end_the_group()
