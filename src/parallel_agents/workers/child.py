"""What runs inside a worker process: one attempt at a time, until the engine's end of the socket closes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import select
import signal
import socket
import sys
import threading
from multiprocessing import forkserver
from typing import Any

from parallel_agents.core.outcome import MemoryExceeded
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers import frames, memory
from parallel_agents.workers.attempting import measured
from parallel_agents.workers.channel import ChannelBrokenError, DescriptorChannel
from parallel_agents.workers.context import WorkerContext
from parallel_agents.workers.family import (
    adopt_orphans,
    bound_arenas,
    descendants,
    die_with_the_parent,
)
from parallel_agents.workers.leftovers import Leftovers
from parallel_agents.workers.voice import Voice

BEAT_S = 1.0
OUT_OF_MEMORY = 197
"""Exit code of a worker whose agent left it no memory for a word with the engine."""
# The standard library has no public names for the fork server that a process came from.
_FORK_SERVER, _ALIVE = "_forkserver", "_forkserver_alive_fd"
_STACK_BYTES = 1024 * 1024


async def serve(sock: socket.socket, beat_s: float = BEAT_S) -> None:
    """Serve the engine over `sock`; never returns: the process ends with its group when the engine is gone."""
    _be_a_worker()
    channel = DescriptorChannel(sock.fileno(), sock.fileno())
    worker = Worker(channel, asyncio.get_running_loop(), beat_s)
    threading.Thread(target=worker.listen, name="engine", daemon=True).start()
    await worker.run()


class Worker:
    """The inside of a worker: a thread that listens to the engine, and the loop that runs agents."""

    def __init__(self, channel: DescriptorChannel, loop: asyncio.AbstractEventLoop, beat_s: float) -> None:
        self._channel = channel
        self._loop = loop
        self._beat_s = beat_s
        self._thread_id = str(threading.get_native_id())
        self._work: asyncio.Queue[Assignment] = asyncio.Queue()
        self._call_numbers = itertools.count(1)
        self._voice: Voice | None = None

    async def run(self) -> None:
        """Run the attempts that come, one after the other."""
        left = Leftovers(self._loop)
        self._send(
            frames.Hello(
                pid=os.getpid(),
                thread_id=self._thread_id,
                baseline_mb=memory.resident_mb(os.getpid()),
                effective=effective_guarantees(),
            )
        )
        while True:
            await self._attempt(await self._work.get(), left)

    async def _attempt(self, assignment: Assignment, left: Leftovers) -> None:
        self._voice = voice = Voice(self._loop, self._send, self._call_numbers.__next__)
        context = WorkerContext(assignment, voice.ask, voice.tell)
        outcome, usage = await measured(assignment, context, self._thread_id)
        voice.close()
        is_clear = await left.clear()
        reusable = is_clear and not isinstance(outcome, MemoryExceeded)
        self._send(frames.Finished(outcome, usage, reusable=reusable))

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
        while not self._channel.has_frame() and not select.select([self._channel.read_fd], [], [], self._beat_s)[0]:
            self._channel.send(frames.encode(frames.Beat()))

    def _take(self, frame: frames.ToWorker) -> None:
        try:
            match frame:
                case frames.Run(assignment):
                    self._work.put_nowait(assignment)
                case frames.CallAnswered(call_id, response, fault):
                    if self._voice is not None:
                        self._voice.answer(call_id, response, fault)
        except MemoryError:
            os._exit(OUT_OF_MEMORY)

    def _send(self, frame: frames.FromWorker) -> None:
        try:
            self._channel.send(frames.encode(frame))
        except ChannelBrokenError:
            end_the_group()


def effective_guarantees() -> dict[str, str]:
    """What this worker really has; files and network are open until the sandbox closes them."""
    guarded = "rss_guard" if sys.platform == "linux" else "none"
    return {
        "memory": f"rlimit_data+{guarded}" if memory.is_limited_by_data_budget() else guarded,
        "files": "none",
        "network": "none",
        "kill": "process_group",
    }


def end_the_group() -> None:
    """End this process and every process of its group, at once."""
    for process in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            if os.getpgid(process) != os.getpgid(0):
                os.kill(process, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


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
