"""What runs inside a worker process: attempts, until the engine's end of the socket closes."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from typing import Any

from parallel_agents.core.outcome import Usage
from parallel_agents.ports.workers import Assignment, Level
from parallel_agents.processes.family import adopt_orphans, bound_arenas, die_with_the_parent, end_the_group
from parallel_agents.workers import frames, memory
from parallel_agents.workers.attempting import failure_of
from parallel_agents.workers.bench import Bench, OneByOne, Send
from parallel_agents.workers.channel import ChannelBrokenError, DescriptorChannel
from parallel_agents.workers.coroutines import Coroutines
from parallel_agents.workers.threads import Threads

BEAT_S = 1.0
OUT_OF_MEMORY = 197
"""Exit code of a worker whose agent left it no memory for a word with the engine."""
# The standard library has no public names for the fork server that a process came from.
_FORK_SERVER, _ALIVE = "_forkserver", "_forkserver_alive_fd"
_STACK_BYTES = 1024 * 1024
_BENCHES: Mapping[Level, Callable[[asyncio.AbstractEventLoop, Send, Callable[[], int]], Bench]] = {
    "process": OneByOne,
    "thread": Threads,
    "coroutine": Coroutines,
}


async def serve(sock: socket.socket, beat_s: float = BEAT_S, level: Level = "process") -> None:
    """Serve the engine over `sock`; never returns: the process ends with its group when the engine is gone."""
    _be_a_worker()
    channel = DescriptorChannel(sock.fileno(), sock.fileno())
    worker = Worker(channel, asyncio.get_running_loop(), beat_s, level)
    threading.Thread(target=worker.listen, name="engine", daemon=True).start()
    await worker.run()


class Worker:
    """The inside of a worker: a thread that listens to the engine, and the loop that the attempts' bench is on."""

    def __init__(
        self, channel: DescriptorChannel, loop: asyncio.AbstractEventLoop, beat_s: float, level: Level
    ) -> None:
        self._channel = channel
        self._loop = loop
        self._beat_s = beat_s
        self._level: Level = level
        self._bench: Bench = _BENCHES[level](loop, self._send, itertools.count(1).__next__)
        self._next_beat = time.monotonic() + beat_s
        self._has_turned = True

    async def run(self) -> None:
        """Run the attempts that come."""
        self._send(
            frames.Hello(
                pid=os.getpid(),
                thread_id=str(threading.get_native_id()),
                baseline_mb=memory.resident_mb(os.getpid()),
                effective=effective_guarantees(self._level),
            )
        )
        await self._bench.run()

    def listen(self) -> None:
        """Take frames from the engine; when it is gone, end this process and everything that it started."""
        try:
            while True:
                self._beat_until_readable()
                frame = frames.decode_to_worker(self._channel.receive())
                self._loop.call_soon_threadsafe(self._take, frame)
        except MemoryError:
            # The agent holds all of its budget, so not even the engine's word has room. The exit code says so.
            os._exit(OUT_OF_MEMORY)
        except BaseException:  # whatever it is, a worker without an engine must not stay
            end_the_group()

    def _beat_until_readable(self) -> None:
        # On time whatever comes: where many attempts are answered, there is no pause to wait for.
        while True:
            pause = self._next_beat - time.monotonic()
            if pause <= 0:
                self._beat()
            elif self._channel.has_frame() or select.select([self._channel.read_fd], [], [], pause)[0]:
                return

    def _beat(self) -> None:
        self._next_beat = time.monotonic() + self._beat_s
        holder = None if self._has_turned else self._bench.holder()
        self._has_turned = False
        self._loop.call_soon_threadsafe(self._turn)
        self._channel.send(frames.encode(frames.Beat(holder)))

    def _turn(self) -> None:
        self._has_turned = True

    def _take(self, frame: frames.ToWorker) -> None:
        try:
            match frame:
                case frames.Run(seat, assignment):
                    self._start(seat, assignment)
                case frames.Cancel(seat):
                    self._bench.cancel(seat)
                case frames.CallAnswered():
                    self._bench.answer(frame)
        except MemoryError:
            os._exit(OUT_OF_MEMORY)

    def _start(self, seat: int, assignment: Assignment) -> None:
        try:
            self._bench.take(seat, assignment)
        except (RuntimeError, OSError) as error:
            # The system has no thread or descriptor left for it; another worker may have.
            self._send(frames.Finished(seat, failure_of(error, assignment), Usage(), reusable=False))

    def _send(self, frame: frames.FromWorker) -> None:
        try:
            self._channel.send(frames.encode(frame))
        except ChannelBrokenError:
            end_the_group()


def effective_guarantees(level: Level) -> dict[str, str]:
    """What this worker really has; files and network are open until the sandbox closes them.

    Where attempts share a worker, no memory limit is any one's own, and an attempt that cannot be cancelled ends with
    all of its worker.
    """
    if level != "process":
        return {
            "level": level, "memory": "none", "files": "none", "network": "none", "kill": "cancel_then_worker"
        }  # fmt: skip
    guarded = "rss_guard" if sys.platform == "linux" else "none"
    return {
        "level": level,
        "memory": f"rlimit_data+{guarded}" if memory.is_limited_by_data_budget() else guarded,
        "files": "none",
        "network": "none",
        "kill": "process_group",
    }


def _be_a_worker() -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.enable()
    threading.stack_size(_STACK_BYTES)
    # The environment variable of the same meaning is read when a program starts, and this one was forked.
    bound_arenas(2)
    adopt_orphans()
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
    die_with_the_parent()


def _silence() -> None:
    # What an agent prints must neither reach the user's terminal nor fill a pipe that nobody reads.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
