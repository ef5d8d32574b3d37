"""What one attempt may say to the engine: model calls, tasks of its own and progress, until it has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from parallel_agents.workers import faults, frames

PROGRESS_EVERY_S = 0.05


class Voice:
    """The line of one attempt. Whatever the agent left running finds it closed: it speaks for no other attempt."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        send: Callable[[frames.FromWorker], None],
        next_call: Callable[[], int],
        seat: int,
    ) -> None:
        self._loop = loop
        self._seat = seat
        self._send = send
        self._next_call = next_call
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._untold: frames.Progress | None = None
        self._told_at = float("-inf")
        self._is_open = True

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a model call; the future gets its answer.

        Raises:
            RuntimeError: the attempt has ended.
        """
        return self._expect(frames.Call(self._seat, self._next_call(), request))

    def delegate(self, request: bytes) -> asyncio.Future[bytes]:
        """Hand tasks in; the future gets their results. Raises as `ask`."""
        return self._expect(frames.Delegate(self._seat, self._next_call(), request))

    def _expect(self, frame: frames.Call | frames.Delegate) -> asyncio.Future[bytes]:
        if not self._is_open:
            raise RuntimeError("the attempt that this context belongs to has ended")
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._calls[frame.call_id] = answer
        self._send(frame)
        return answer

    def answer(self, call_id: int, response: bytes | None, fault: faults.Fault | None) -> None:
        """Hand over the answer to a call, or the error that it ended with."""
        waiting = self._calls.pop(call_id, None)
        if waiting is None or waiting.done():
            return
        if fault is not None:
            waiting.set_exception(faults.to_error(fault))
        else:
            waiting.set_result(response or b"")

    def tell(self, fraction: float | None, message: str) -> None:
        """Pass progress on, from any thread. Of what comes in quick succession the last word counts."""
        if not self._is_open:
            return
        word = frames.Progress(self._seat, fraction, message)
        is_first = self._untold is None
        if time.monotonic() - self._told_at >= PROGRESS_EVERY_S:
            self._say(word)
            return
        self._untold = word
        if is_first:
            self._loop.call_soon_threadsafe(self._loop.call_later, PROGRESS_EVERY_S, self._flush)

    def close(self) -> None:
        """Say the last word. Nothing is said or asked afterwards."""
        self._flush()
        self._is_open = False
        for waiting in self._calls.values():
            waiting.cancel()
        self._calls.clear()

    def _flush(self) -> None:
        if self._is_open and self._untold is not None:
            self._say(self._untold)

    def _say(self, word: frames.Progress) -> None:
        self._untold = None
        self._told_at = time.monotonic()
        self._send(word)
