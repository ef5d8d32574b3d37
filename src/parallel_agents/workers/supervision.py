"""The engine's side of one worker: what it runs, how it is told, and how its death is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import msgspec

from parallel_agents.core.errors import AttemptError, LaneClosedError
from parallel_agents.core.outcome import (
    Interrupted,
    MemoryExceeded,
    Outcome,
    Usage,
    WorkerIdentity,
    WorkerLost,
)
from parallel_agents.ports.workers import Assignment, Link, Report
from parallel_agents.workers import faults, frames, memory
from parallel_agents.workers.channel import ChannelBrokenError, EngineChannel
from parallel_agents.workers.child import OUT_OF_MEMORY
from parallel_agents.workers.family import descendants

_OVER_BUDGET = 1.1


class Started(msgspec.Struct, frozen=True):
    """A process that has been started and has not said hello yet."""

    process: Any
    pid: int
    pidfd: int
    sock: socket.socket


class Busy:
    """The attempt that a worker runs now."""

    def __init__(self, assignment: Assignment, link: Link, calls: asyncio.TaskGroup, baseline_mb: float) -> None:
        self.assignment = assignment
        self.link = link
        self.calls = calls
        self.baseline_mb = baseline_mb
        self.report: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self.pending: set[asyncio.Task[None]] = set()
        self.verdict: Outcome | None = None
        self.peak_mb = 0.0

    def end(self, outcome: Outcome, usage: Usage) -> None:
        """The attempt has ended; the first word counts."""
        if not self.report.done():
            self.report.set_result(Report(outcome=outcome, usage=usage))
        for call in self.pending:
            call.cancel()


class SupervisedWorker:
    """One worker process.

    `on_ready` is called when it has said hello, `on_gone` once when the process has ended, with the reason in words.
    """

    def __init__(
        self,
        started: Started,
        *,
        on_ready: Callable[[SupervisedWorker], None],
        on_gone: Callable[[SupervisedWorker, str], None],
        exit_of: Callable[[Any], asyncio.Future[int | None]],
    ) -> None:
        self.pid = started.pid
        self.identity: WorkerIdentity | None = None
        self.busy: Busy | None = None
        self.attempts = 0
        self.retiring = False
        self.dying = False
        self.leaves_something = False
        self.boot_tries = 0
        self.idle_since = 0.0
        self._process = started.process
        self._pidfd = started.pidfd
        self._on_ready = on_ready
        self._on_gone = on_gone
        self._exit_of = exit_of
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        self._channel = EngineChannel(started.sock, self._take, self._broken)
        self._loop.add_reader(started.pidfd, self._died)
        self.gone = asyncio.Event()

    async def run(self, assignment: Assignment, link: Link) -> Report:
        """Run one attempt. A cancelled caller finds the process gone when the exception reaches it."""
        try:
            async with asyncio.TaskGroup() as calls:
                baseline = memory.resident_mb(self.pid) or 0.0
                self.busy = busy = Busy(assignment, link, calls, baseline)
                self.attempts += 1
                self.heard_at = self._loop.time()
                if self.identity is None:
                    raise RuntimeError("a worker that has not said hello takes no attempt")
                link.started(self.identity)
                self._send(frames.Run(assignment))
                report = await busy.report
            if self.leaves_something:
                self.kill()
                await self._until_gone()
        except BaseException:
            self.kill()
            await self._until_gone()
            raise
        finally:
            self.busy = None
        return report

    async def _until_gone(self) -> None:
        # A second cancellation does not make the process end any faster, and it must have ended before we return.
        while not self.gone.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.gone.wait()

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
        """End the attempt with this outcome by killing the worker."""
        if self.busy is not None and self.busy.verdict is None:
            self.busy.verdict = outcome
        self.kill()

    def watch_memory(self) -> None:
        """Look at the memory of the whole tree; beyond the budget the worker is killed."""
        if self.busy is None:
            return
        resident = memory.tree_mb(self.pid)
        if resident is None:
            return
        above = resident - self.busy.baseline_mb
        self.busy.peak_mb = max(self.busy.peak_mb, above)
        limit = self.busy.assignment.memory_mb
        if above > limit * _OVER_BUDGET:
            self.condemn(MemoryExceeded(limit_mb=limit, peak_mb=above))

    def silent_for_s(self) -> float:
        """How long a busy worker has said nothing, not even that it lives."""
        return self._loop.time() - self.heard_at if self.busy is not None else 0.0

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _send(self, frame: frames.ToWorker) -> None:
        try:
            self._channel.send(frames.encode(frame))
        except ChannelBrokenError as error:
            self.condemn(WorkerLost(str(error)))

    def _take(self, body: bytes) -> None:
        self.heard_at = self._loop.time()
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
            case frames.Call(call_id, request):
                self._call(call_id, request)
            case frames.Progress(fraction, message):
                if self.busy is not None:
                    self.busy.link.progress(fraction, message)
            case frames.Finished(outcome, usage, reusable):
                self._finished(outcome, usage, reusable=reusable)
            case frames.Beat():
                pass

    def _greeted(self, hello: frames.Hello) -> None:
        self.identity = WorkerIdentity(
            pid=self.pid, thread_id=hello.thread_id, baseline_mb=hello.baseline_mb, effective=hello.effective
        )
        self._on_ready(self)

    def _finished(self, outcome: Outcome, usage: Usage, *, reusable: bool) -> None:
        self.leaves_something = not reusable
        self.retiring = self.retiring or not reusable
        if self.busy is not None:
            seen = max(self.busy.peak_mb, usage.peak_memory_mb or 0.0)
            if usage.peak_memory_mb is not None:
                usage = msgspec.structs.replace(usage, peak_memory_mb=seen)
            self.busy.end(outcome, usage)

    def _call(self, call_id: int, request: bytes) -> None:
        busy = self.busy
        if busy is None or busy.report.done():
            return
        task = busy.calls.create_task(self._answer(busy, call_id, request), name=f"call of {self.pid}")
        busy.pending.add(task)
        task.add_done_callback(busy.pending.discard)

    async def _answer(self, busy: Busy, call_id: int, request: bytes) -> None:
        try:
            response = await busy.link.call(request)
        except LaneClosedError as error:
            self.condemn(Interrupted("lane_closed", str(error), error.resume_at))
        except AttemptError as error:
            self._send(frames.CallAnswered(call_id, fault=faults.from_error(error)))
        else:
            self._send(frames.CallAnswered(call_id, response))

    def _broken(self, why: str | None) -> None:
        if why is not None and self.busy is not None and self.busy.verdict is None:
            self.busy.verdict = WorkerLost(why)
        self.kill()

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
        if self.busy is not None:
            verdict = self.busy.verdict
            if verdict is None and code == OUT_OF_MEMORY:
                verdict = MemoryExceeded(limit_mb=self.busy.assignment.memory_mb, peak_mb=None)
            if verdict is None or isinstance(verdict, WorkerLost):
                verdict = WorkerLost(how if verdict is None else f"{verdict.how} ({how})")
            peak = self.busy.peak_mb or None
            self.busy.end(verdict, Usage(peak_memory_mb=peak))
        self._on_gone(self, how)


def death_in_words(exit_code: int | None) -> str:
    """Say how a process ended: by a signal (negative), or with an exit code."""
    if exit_code is None:
        return "it ended, nobody knows how"
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exited with code {exit_code}"
