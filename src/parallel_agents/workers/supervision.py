"""The engine's side of one worker: what it runs, how it is told, and how its death is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from parallel_agents.core.errors import AttemptError, BudgetSpentError, LaneClosedError
from parallel_agents.core.outcome import Interrupted, Outcome, Succeeded, WorkerIdentity, WorkerLost, describe
from parallel_agents.ports.workers import Assignment, Level, Link, Report
from parallel_agents.processes.family import descendants
from parallel_agents.workers import faults, frames
from parallel_agents.workers.budgets import MemoryWatch
from parallel_agents.workers.channel import ChannelBrokenError, EngineChannel
from parallel_agents.workers.seats import Seat, end_all

GRACE_S = 2.5
"""How long a cancelled attempt that shares its worker may go on; more than two beats, which tell who holds the loop."""
THREAD_PATIENCE_S = 10.0
"""How long the others of a worker may go on beside a thread that cannot be stopped."""


class Started(msgspec.Struct, frozen=True):
    """A process that has been started and has not said hello yet."""

    process: Any
    pid: int
    pidfd: int
    sock: socket.socket


class Lend(Protocol):
    """While it is entered, one attempt of a worker does not count: what it waits for needs a place itself."""

    def __call__(self, worker: SupervisedWorker) -> AbstractAsyncContextManager[None]:
        """Lend the place of one of its attempts."""
        ...


class SupervisedWorker:
    """One worker process.

    `on_ready` is called when it has said hello, `on_gone` once when the process has ended, with the reason in words.
    At the levels where attempts share it, it takes any number; the pool bounds them.
    """

    # What the pool knows of it: attempts that it was handed, how many of them wait for tasks of their own, whether one
    # of them is to stay alone, and its pace.
    load: int = 0
    lent: int = 0
    is_reserved: bool = False
    folder: str | None = None
    rested_at: float = 0.0
    given_at: int = 0
    pace_s: float | None = None

    def __init__(
        self,
        started: Started,
        *,
        level: Level = "process",
        on_ready: Callable[[SupervisedWorker], None],
        on_gone: Callable[[SupervisedWorker, str], None],
        exit_of: Callable[[Any], asyncio.Future[int | None]],
        lent: Lend,
    ) -> None:
        self.pid = started.pid
        self.level: Level = level
        self.identity: WorkerIdentity | None = None
        self.attempts = 0
        self.retiring = False
        self.dying = False
        self.boot_tries = 0
        self.culprit_is_known = False
        self._seats: dict[int, Seat] = {}
        self._numbers = itertools.count(1)
        self._holder: int | None = None
        self._leaves_something = False
        self._cause = ""
        self._process = started.process
        self._pidfd = started.pidfd
        self._on_ready = on_ready
        self._on_gone = on_gone
        self._exit_of = exit_of
        self._lend = lent
        self._loop = asyncio.get_running_loop()
        self._heard_at, self._resumed_at = self._loop.time(), -math.inf
        self._memory = MemoryWatch(started.pid)
        self._channel = EngineChannel(started.sock, self._take, self._broken)
        self._loop.add_reader(started.pidfd, self._died)
        self.gone = asyncio.Event()

    @property
    def mute_for_s(self) -> float:
        """How long it has been started without saying hello; 0 once it has, or while nobody listens."""
        return 0.0 if self.identity is not None or self._channel.is_paused else self._loop.time() - self._heard_at

    @property
    def takes_attempts(self) -> bool:
        """Whether it is up and stays so."""
        return self.identity is not None and not (self.dying or self.retiring)

    @property
    def is_idle(self) -> bool:
        """Whether it takes attempts and has none."""
        return self.takes_attempts and not self.load

    @property
    def is_lent_out(self) -> bool:
        """Whether it has attempts and all of them wait for tasks that they handed in."""
        return self.load > 0 and self.load == self.lent

    async def run(self, assignment: Assignment, link: Link) -> Report:
        """Run one attempt. A cancelled caller finds it stopped when the exception reaches it."""
        if self.identity is None:
            raise RuntimeError("a worker that has not said hello takes no attempt")
        number = next(self._numbers)
        try:
            async with asyncio.TaskGroup() as calls:
                self._begin(seat := Seat(number, assignment, link, calls))
                try:
                    link.started(self.identity)
                    self._send(frames.Run(number, assignment))
                    report = await seat.report
                finally:
                    # What the agent still asks while it is stopped has nobody to answer it.
                    seat.takes_calls = False
            if self._leaves_something and len(self._seats) == 1:
                self.kill()
                await _until(self.gone)
        except BaseException:
            await self._stopped(number)
            raise
        finally:
            self._seats.pop(number, None)
            self._end_when_all_are_overrun()
        return report

    def _begin(self, seat: Seat) -> None:
        if not self._seats:
            self._heard_at = self._loop.time()
            self._holder = None
        self._memory.begin(seat, self._seats.values())
        self._seats[seat.number] = seat
        self.attempts += 1

    async def _stopped(self, number: int) -> None:
        if self.level == "process":
            self.kill()
            await _until(self.gone)
        elif (seat := self._seats.get(number)) is not None:
            self._stop(seat)
            await _until(seat.over)

    def _stop(self, seat: Seat) -> None:
        """Cancel an attempt that shares its worker; if it does not yield in time, the worker is ended."""
        if seat.over.is_set() or seat.is_stopping:
            return
        seat.is_stopping = True
        self._send(frames.Cancel(seat.number))
        seat.patience = self._loop.call_later(GRACE_S, self._lose_patience, seat)

    def _is_heard(self) -> bool:
        # While it is left unread, and a moment longer, its last word may be on the way to us.
        return not self._channel.is_paused and self._loop.time() - self._resumed_at >= GRACE_S

    def _lose_patience(self, seat: Seat) -> None:
        if not self._is_heard():
            seat.patience = self._loop.call_later(GRACE_S, self._lose_patience, seat)
            return
        seat.is_overrun = True
        self.retiring = True
        # Somebody else on the same loop, or an extension that holds the interpreter, may be what keeps it from ending.
        turns = self._loop.time() - self._heard_at < GRACE_S and self._holder in {None, seat.number}
        self.culprit_is_known = self.culprit_is_known or turns
        if self.level == "thread" and turns:
            seat.patience = self._loop.call_later(THREAD_PATIENCE_S, self._give_up, seat)
            self._end_when_all_are_overrun()
        else:
            self.kill()

    def _give_up(self, seat: Seat) -> None:
        if self._is_heard():
            self.kill()
        else:
            seat.patience = self._loop.call_later(GRACE_S, self._give_up, seat)

    def _end_when_all_are_overrun(self) -> None:
        going = [seat for seat in self._seats.values() if not seat.over.is_set()]
        if going and all(seat.is_overrun for seat in going):
            self.kill()

    def kill(self) -> None:
        """End the process and everything in its group, at once. Safe to call at any time."""
        if self.gone.is_set():
            return
        self.dying = True
        # Programs that left the group are found only while the worker lives.
        below = descendants(self.pid)
        # The descriptor names this very process: while it can be signalled, the number is not somebody else's.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self._kill_group()
            for process in below:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGKILL)

    def condemn(self, outcome: Outcome) -> None:
        """End the worker, and its attempt with this outcome; of several nobody knows whose it is."""
        going = [seat for seat in self._seats.values() if not seat.over.is_set()]
        if len(going) == 1 and going[0].verdict is None:
            going[0].verdict = outcome
        elif (cause := describe(outcome)) is not None:
            self._cause = self._cause or cause.message
        self.kill()

    def pause_reading(self) -> None:
        """Leave what it says unread. Its death is noticed all the same, and what it had sent by then is read."""
        self._channel.pause()

    def resume_reading(self) -> None:
        """Listen to it again; it was not silent meanwhile."""
        if self._channel.is_paused:
            self._heard_at = self._resumed_at = self._loop.time()
            self._channel.resume()

    def watch_memory(self) -> None:
        """Look at the memory of the whole tree; beyond the budgets of its attempts the worker is killed."""
        exceeded = self._memory.exceeded(self._seats.values())
        if exceeded is not None:
            self.condemn(exceeded)

    def silent_for_s(self) -> float:
        """How long a busy worker that is listened to has said nothing, not even that it lives."""
        return self._loop.time() - self._heard_at if self._seats and not self._channel.is_paused else 0.0

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _send(self, frame: frames.ToWorker) -> None:
        try:
            self._channel.send(frames.encode(frame))
        except ChannelBrokenError as error:
            self.condemn(WorkerLost(str(error)))

    def _take(self, body: bytes) -> None:
        self._heard_at = self._loop.time()
        try:
            frame = frames.decode_from_worker(body)
        except msgspec.DecodeError as error:
            self.condemn(WorkerLost(f"it sent what is no frame: {error}"))
            return
        self._obey(frame)

    def _obey(self, frame: frames.FromWorker) -> None:
        match frame:
            case frames.Hello():
                self._greeted(frame)
            case frames.Call(number) | frames.Delegate(number):
                if (seat := self._seats.get(number)) is not None:
                    self._call(seat, frame)
            case frames.Progress(number, fraction, message):
                if (seat := self._seats.get(number)) is not None:
                    seat.link.progress(fraction, message)
            case frames.Finished(number):
                self._finished(self._seats.get(number), frame)
            case frames.Beat(holder):
                self._holder = holder

    def _greeted(self, hello: frames.Hello) -> None:
        self.identity = WorkerIdentity(
            pid=self.pid, thread_id=hello.thread_id, baseline_mb=hello.baseline_mb, effective=hello.effective
        )
        self._on_ready(self)

    def _finished(self, seat: Seat | None, frame: frames.Finished) -> None:
        self._leaves_something = self._leaves_something or not frame.reusable
        self.retiring = self.retiring or not frame.reusable
        if seat is None:
            return
        outcome, usage = frame.outcome, frame.usage
        if usage.peak_memory_mb is not None:
            usage = msgspec.structs.replace(usage, peak_memory_mb=max(seat.peak_mb, usage.peak_memory_mb))
        if isinstance(seat.verdict, Interrupted) and not isinstance(outcome, Succeeded) and self.level != "process":
            # It was stopped for this reason; how it took the news is no outcome of its own.
            outcome = seat.verdict
        seat.end(outcome, usage)

    def _call(self, seat: Seat, call: frames.Call | frames.Delegate) -> None:
        if seat.over.is_set() or not seat.takes_calls:
            return
        task = seat.calls.create_task(self._answer(seat, call), name=f"call of {self.pid}")
        seat.pending.add(task)
        task.add_done_callback(seat.pending.discard)

    async def _answer(self, seat: Seat, call: frames.Call | frames.Delegate) -> None:
        try:
            if isinstance(call, frames.Call):
                response = await seat.link.call(call.request)
            else:
                response = await self._delegate(seat, call.request)
        except LaneClosedError as error:
            self._take_back(seat, Interrupted("lane_closed", str(error), error.resume_at))
        except BudgetSpentError as error:
            self._take_back(seat, Interrupted("budget", str(error)))
        except AttemptError as error:
            self._send(frames.CallAnswered(seat.number, call.call_id, fault=faults.from_error(error)))
        else:
            self._send(frames.CallAnswered(seat.number, call.call_id, response))

    async def _delegate(self, seat: Seat, request: bytes) -> bytes:
        seat.delegations += 1
        try:
            if seat.delegations > 1:
                return await seat.link.delegate(request)
            async with self._lend(self):
                return await seat.link.delegate(request)
        finally:
            seat.delegations -= 1

    def _take_back(self, seat: Seat, outcome: Interrupted) -> None:
        seat.verdict = seat.verdict or outcome
        if self.level == "process":
            self.kill()
        else:
            self._stop(seat)

    def _broken(self, why: str | None) -> None:
        if why is None:
            self.kill()
        else:
            self.condemn(WorkerLost(why))

    def _died(self) -> None:
        self.dying = True
        self._loop.remove_reader(self._pidfd)
        # What it had sent before it died counts: a result must not be lost with its worker.
        self._channel.drain()
        self._channel.close()
        self._kill_group()
        self._exit_of(self._process).add_done_callback(self._buried)

    def _buried(self, exit_code: asyncio.Future[int | None]) -> None:
        os.close(self._pidfd)
        # Whatever went wrong over the dead, those who wait for this worker must hear that it is gone.
        error = exit_code.exception()
        code = None if error is not None else exit_code.result()
        how = death_in_words(code) if error is None else f"it ended; reading its exit code failed: {error}"
        self.gone.set()
        end_all(self._seats.values(), how, exit_code=code, cause=self._cause)
        self._on_gone(self, how)


async def _until(event: asyncio.Event) -> None:
    # A second cancellation does not make a process or an attempt end any faster, and it must have ended.
    while not event.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            await event.wait()


def death_in_words(exit_code: int | None) -> str:
    """Say how a process ended: by a signal (negative), or with an exit code."""
    if exit_code is None:
        return "it ended, nobody knows how"
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exited with code {exit_code}"
