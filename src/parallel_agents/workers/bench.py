"""Where the attempts of one worker sit: one at a time here, several in `coroutines` and `threads`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from parallel_agents.core.outcome import Cancelled, MemoryExceeded, Outcome
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers import frames
from parallel_agents.workers.attempting import measured, outcome_of
from parallel_agents.workers.context import WorkerContext
from parallel_agents.workers.leftovers import Leftovers
from parallel_agents.workers.voice import Voice

Send = Callable[[frames.FromWorker], None]


class Bench(Protocol):
    """Runs the attempts of a worker. Everything but `holder` is called on the worker's loop.

    Every attempt that was taken ends with one `Finished`, unless the worker ends first.
    """

    def take(self, seat: int, assignment: Assignment) -> None:
        """Run an attempt as soon as the level allows."""
        ...

    def cancel(self, seat: int) -> None:
        """Cancel an attempt; one that has ended already is left alone."""
        ...

    def answer(self, answered: frames.CallAnswered) -> None:
        """Hand over the answer to a model call; nobody gets one for an attempt that has ended."""
        ...

    def holder(self) -> int | None:
        """The attempt whose code is on the worker's loop right now; called from another thread."""
        ...

    async def run(self) -> None:
        """Serve until the process ends."""
        ...


class OneByOne:
    """One attempt after the other, each within its own memory budget; what it leaves is cleared away after it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send, next_call: Callable[[], int]) -> None:
        self._loop = loop
        self._send = send
        self._next_call = next_call
        self._thread_id = str(threading.get_native_id())
        self._work: asyncio.Queue[tuple[int, Assignment]] = asyncio.Queue()
        self._voice: Voice | None = None

    def take(self, seat: int, assignment: Assignment) -> None:
        """Run it after those that were taken before."""
        self._work.put_nowait((seat, assignment))

    def cancel(self, seat: int) -> None:
        """Nothing: here an attempt is stopped by ending the process."""

    def answer(self, answered: frames.CallAnswered) -> None:
        """Hand the answer to the attempt that runs."""
        if self._voice is not None:
            self._voice.answer(answered.call_id, answered.response, answered.fault)

    def holder(self) -> int | None:
        """Nobody is kept waiting here."""
        return None

    async def run(self) -> None:
        """Run the attempts that come."""
        left = Leftovers(self._loop)
        while True:
            seat, assignment = await self._work.get()
            await self._attempt(seat, assignment, left)

    async def _attempt(self, seat: int, assignment: Assignment, left: Leftovers) -> None:
        self._voice = voice = Voice(self._loop, self._send, self._next_call, seat)
        context = WorkerContext(assignment, voice.ask, voice.tell, voice.delegate)
        outcome, usage = await measured(assignment, context, self._thread_id)
        voice.close()
        is_clear = await left.clear()
        reusable = is_clear and not isinstance(outcome, MemoryExceeded)
        self._send(frames.Finished(seat, outcome, usage, reusable=reusable))


async def outcome_or_cancelled(assignment: Assignment, voice: Voice) -> Outcome:
    """Run the agent where others run too; a cancelled task of ours is an outcome as well. Closes `voice`."""
    try:
        return await outcome_of(assignment, WorkerContext(assignment, voice.ask, voice.tell, voice.delegate))
    except asyncio.CancelledError:
        return Cancelled()
    finally:
        voice.close()
