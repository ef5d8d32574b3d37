"""Many attempts in one worker, each in a thread and on a loop of its own: code that blocks keeps nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

import msgspec

from parallel_agents.core.outcome import Cancelled, MemoryExceeded, Outcome, Usage
from parallel_agents.ports.workers import Assignment
from parallel_agents.processes.family import end_the_group
from parallel_agents.workers import frames
from parallel_agents.workers.attempting import failure_of
from parallel_agents.workers.bench import Send, outcome_or_cancelled
from parallel_agents.workers.leftovers import PATIENCE_S, Helpers, Leftovers, without
from parallel_agents.workers.voice import Voice


class _Attempt:
    """One attempt in its thread. `done` is called there, once, with its last word."""

    def __init__(self, voice: Callable[[asyncio.AbstractEventLoop], Voice], seat: int, assignment: Assignment) -> None:
        self._seat = seat
        self._assignment = assignment
        self._loop = asyncio.new_event_loop()
        self._names = f"attempt-{seat}-"
        self._helpers = Helpers(thread_name_prefix=self._names)
        self._loop.set_default_executor(self._helpers)
        self._voice = voice(self._loop)
        self._root: asyncio.Task[Outcome] | None = None
        self._is_cancelled = False

    def cancel(self) -> None:
        """Cancel it where it awaits something; safe from any thread."""
        self._post(self._cancel_here)

    def answer(self, answered: frames.CallAnswered) -> None:
        """Hand over an answer; safe from any thread."""
        self._post(self._voice.answer, answered.call_id, answered.response, answered.fault)

    def run(self) -> frames.Finished:
        """Run it, in this thread, to its end."""
        asyncio.set_event_loop(self._loop)
        try:
            outcome, no_tasks = self._loop.run_until_complete(self._to_its_end())
        except BaseException as error:  # `sys.exit` in a task of the agent's comes out of the loop
            outcome, no_tasks = failure_of(error, self._assignment), False
        no_threads = self._no_threads()
        self._loop.close()
        # The time of helping threads is not in this thread's clock: part of a figure is none.
        cpu_ms = None if self._helpers.are_used else time.thread_time() * 1000
        return frames.Finished(
            self._seat,
            outcome,
            Usage(cpu_ms=cpu_ms, thread_id=str(threading.get_native_id())),
            reusable=no_tasks and no_threads and not isinstance(outcome, MemoryExceeded),
        )

    async def _to_its_end(self) -> tuple[Outcome, bool]:
        if self._is_cancelled:
            return Cancelled(), True
        self._root = self._loop.create_task(outcome_or_cancelled(self._assignment, self._voice))
        await asyncio.wait([self._root])
        outcome = Cancelled() if self._root.cancelled() else self._root.result()
        return outcome, await without(asyncio.all_tasks() - {asyncio.current_task()})

    def _cancel_here(self) -> None:
        self._is_cancelled = True
        if self._root is not None:
            self._root.cancel()

    def _no_threads(self) -> bool:
        if not self._helpers.are_used:
            return True
        self._helpers.shutdown(wait=False, cancel_futures=True)
        helping = [thread for thread in threading.enumerate() if thread.name.startswith(self._names)]
        deadline = time.monotonic() + PATIENCE_S
        for thread in helping:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in helping)

    def _post(self, function: Callable[..., None], *arguments: object) -> None:
        # The loop is closed when the attempt has ended; then nobody is left to hear it.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)


class Threads:
    """Gives every attempt a thread. Its memory cannot be told from that of the others."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send, next_call: Callable[[], int]) -> None:
        self._loop = loop
        self._send = send
        self._next_call = next_call
        self._attempts: dict[int, _Attempt] = {}

    def take(self, seat: int, assignment: Assignment) -> None:
        """Start its thread."""
        attempt = _Attempt(lambda loop: Voice(loop, self._send, self._next_call, seat), seat, assignment)
        self._attempts[seat] = attempt
        threading.Thread(target=self._run, args=(seat, attempt), name=f"attempt-{seat}", daemon=True).start()

    def cancel(self, seat: int) -> None:
        """Cancel it where it awaits something; a thread that does not is beyond reach."""
        if (attempt := self._attempts.get(seat)) is not None:
            attempt.cancel()

    def answer(self, answered: frames.CallAnswered) -> None:
        """Hand the answer to the attempt that asked."""
        if (attempt := self._attempts.get(answered.seat)) is not None:
            attempt.answer(answered)

    def holder(self) -> int | None:
        """No attempt is on the worker's own loop."""
        return None

    async def run(self) -> None:
        """Serve until the process ends."""
        # Made when the thread that listens to the engine is there: it is not to be taken for an agent's.
        self._left = Leftovers(self._loop)
        await self._loop.create_future()

    def _run(self, seat: int, attempt: _Attempt) -> None:
        try:
            finished = attempt.run()
            self._loop.call_soon_threadsafe(self._leave, seat, finished, threading.current_thread())
        except BaseException:  # an attempt that ends without a word would be waited for until its time is up
            end_the_group()

    def _leave(self, seat: int, finished: frames.Finished, thread: threading.Thread) -> None:
        # It has said its last word and is about to end; until then it would be taken for one that was left behind.
        thread.join(PATIENCE_S)
        del self._attempts[seat]
        if not self._attempts and not self._left.put_back():
            finished = msgspec.structs.replace(finished, reusable=False)
        self._send(finished)
