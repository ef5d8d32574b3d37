"""What runs inside a worker process: one attempt at a time, until the engine's end of the socket closes."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import sys
import threading
from multiprocessing import forkserver
from typing import Any

from parallel_agents.core.outcome import ErrorRecord, MemoryExceeded
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers import frames, memory
from parallel_agents.workers.attempting import measured
from parallel_agents.workers.channel import ChannelBrokenError, DescriptorChannel
from parallel_agents.workers.context import WorkerContext, error_from

BEAT_S = 1.0
_PR_SET_PDEATHSIG = 1
# The standard library has no public names for the fork server that a process came from.
_FORK_SERVER, _ALIVE = "_forkserver", "_forkserver_alive_fd"
_STACK_BYTES = 1024 * 1024


async def serve(sock: socket.socket) -> None:
    """Serve the engine over `sock`; never returns: the process ends with its group when the engine is gone."""
    _be_a_worker()
    channel = DescriptorChannel(sock.fileno(), sock.fileno())
    worker = Worker(channel, asyncio.get_running_loop())
    threading.Thread(target=worker.listen, name="engine", daemon=True).start()
    await worker.run()


class Worker:
    """The inside of a worker: a thread that listens to the engine, and the loop that runs agents."""

    def __init__(self, channel: DescriptorChannel, loop: asyncio.AbstractEventLoop) -> None:
        self._channel = channel
        self._loop = loop
        self._thread_id = str(threading.get_native_id())
        self._work: asyncio.Queue[Assignment] = asyncio.Queue()
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._next_call = 0

    async def run(self) -> None:
        """Run the attempts that come, one after the other."""
        self._send(
            frames.Hello(
                pid=os.getpid(),
                thread_id=self._thread_id,
                baseline_mb=memory.resident_mb(os.getpid()),
                effective=effective_guarantees(),
            )
        )
        while True:
            assignment = await self._work.get()
            context = WorkerContext(assignment, self._ask, self._tell)
            outcome, usage = await measured(assignment, context, self._thread_id)
            self._calls.clear()
            self._send(frames.Finished(outcome, usage, reusable=not isinstance(outcome, MemoryExceeded)))

    def listen(self) -> None:
        """Take frames from the engine; when it is gone, end this process and everything that it started."""
        try:
            while True:
                self._beat_until_readable()
                frame = frames.decode_to_worker(self._channel.receive())
                self._loop.call_soon_threadsafe(self._take, frame)
        except BaseException:  # whatever it is, a worker without an engine must not stay
            end_the_group()

    def _beat_until_readable(self) -> None:
        while not self._channel.has_frame() and not select.select([self._channel.read_fd], [], [], BEAT_S)[0]:
            self._channel.send(frames.encode(frames.Beat()))

    def _take(self, frame: frames.ToWorker) -> None:
        match frame:
            case frames.Run(assignment):
                self._work.put_nowait(assignment)
            case frames.CallAnswered(call_id, response, error):
                self._answer(call_id, response, error)

    def _answer(self, call_id: int, response: bytes | None, error: ErrorRecord | None) -> None:
        waiting = self._calls.pop(call_id, None)
        if waiting is None or waiting.done():
            return
        if error is not None:
            waiting.set_exception(error_from(error))
        else:
            waiting.set_result(response or b"")

    def _ask(self, request: bytes) -> asyncio.Future[bytes]:
        self._next_call += 1
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._calls[self._next_call] = answer
        self._send(frames.Call(self._next_call, request))
        return answer

    def _tell(self, fraction: float | None, message: str) -> None:
        self._send(frames.Progress(fraction, message))

    def _send(self, frame: frames.FromWorker) -> None:
        try:
            self._channel.send(frames.encode(frame))
        except ChannelBrokenError:
            end_the_group()


def effective_guarantees() -> dict[str, str]:
    """What this worker really has; files and network are open until the sandbox closes them."""
    bounded = sys.platform == "linux"
    return {
        "memory": "rlimit_data+rss_guard" if bounded else "none",
        "files": "none",
        "network": "none",
        "kill": "process_group",
    }


def end_the_group() -> None:
    """End this process and every process of its group, at once."""
    with contextlib.suppress(OSError):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _be_a_worker() -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.enable()
    threading.stack_size(_STACK_BYTES)
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    _let_the_fork_server_go()
    _silence()


def _let_the_fork_server_go() -> None:
    # The fork server ends when nobody holds this descriptor. If workers held it, it would outlive a killed engine, and
    # so would every worker that cannot run its listening thread because an extension holds the interpreter's lock:
    # for those the system's own signal on the parent's death is the only end.
    server: Any = getattr(forkserver, _FORK_SERVER, None)
    held: int | None = getattr(server, _ALIVE, None)
    if held is None:
        return
    os.close(held)
    setattr(server, _ALIVE, None)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _silence() -> None:
    # What an agent prints must neither reach the user's terminal nor fill a pipe that nobody reads.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
