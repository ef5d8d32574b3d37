"""Runs a program to its end: what it is given, what it may write, and nothing of it left afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

import msgspec

from parallel_agents.processes import fence
from parallel_agents.processes.achieved import note
from parallel_agents.processes.family import children, end_all_below

TAIL_BYTES = 2000
_CHUNK = 65536
_MEMORY = "rss_guard" if sys.platform == "linux" else "none"

Network = Literal["open", "closed"]


class CannotStartError(Exception):
    """The program could not be started. `part` is what was in its way: `network`, `program`, or the `fence` itself."""

    def __init__(self, part: str, why: str) -> None:
        self.part = part
        super().__init__(why)


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended.

    `exit_code` is negative for a signal. `stdout` is what it wrote, one byte beyond the limit where it wrote more and
    was ended for that. `stderr_tail` is the last of what it said there. `network` says how that was closed, or `open`.
    """

    exit_code: int
    stdout: bytes
    stderr_tail: str
    network: str


async def run_program(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    directory: Path,
    given: bytes,
    most_bytes: int,
    network: Network,
) -> Ended:
    """Run a program with `given` on its stdin, in a session of its own, and wait for its end.

    When it has ended, was ended for writing more than `most_bytes`, or the caller is cancelled, every process below
    this one that was not there before is ended too: a process that calls this does nothing else meanwhile.

    Raises:
        CannotStartError: it could not be started; nothing of it ran.
        OSError: this system has no room for another process.
    """
    before = children(os.getpid())
    status, told = os.pipe()
    try:
        process = _started(arguments, environ, directory, told, network)
    except BaseException:
        os.close(status)
        raise
    finally:
        os.close(told)
    try:
        out, tail = await _served(process, given, most_bytes, before)
        network_was = _network_in(_read_to_end(status))
        # Its memory has no limit of its own: the fence lifts the worker's, and the engine's watch counts the tree.
        note(network="none" if network_was == "open" else network_was, memory=_MEMORY)
    finally:
        _end(process, before)
        process.wait()
        os.close(status)
        for pipe in (process.stdin, process.stdout, process.stderr):
            _close(pipe)
    return Ended(exit_code=process.returncode, stdout=out, stderr_tail=tail, network=network_was)


def _started(
    arguments: Sequence[str], environ: Mapping[str, str], directory: Path, told: int, network: Network
) -> subprocess.Popen[bytes]:
    # Isolated and without site packages: nothing that the environment or the directory holds changes the fence.
    fenced = (sys.executable, "-IS", fence.__file__, str(told), str(os.getpid()), network, *arguments)
    return subprocess.Popen(
        fenced,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=directory,
        env=dict(environ),
        pass_fds=(told,),
        # Without the user's terminal, and with a group of its own: `kill 0` in a script must not end the worker.
        start_new_session=True,
    )


async def _served(
    process: subprocess.Popen[bytes], given: bytes, most_bytes: int, before: Collection[int]
) -> tuple[bytes, str]:
    """Feed it and read it until it has ended; threads, because all of them end with the pipes."""

    def read() -> bytes:
        out = _read_at_most(process.stdout, most_bytes)
        if len(out) > most_bytes:
            _end(process, before)
        return out

    def wait() -> None:
        process.wait()
        # Whoever it left running may hold its pipes open for ever.
        _end(process, before)

    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(_feed, process.stdin, given))
        out = group.create_task(asyncio.to_thread(read))
        tail = group.create_task(asyncio.to_thread(_read_tail, process.stderr))
        group.create_task(asyncio.to_thread(wait))
    return out.result(), tail.result()


def _feed(pipe: IO[bytes] | None, given: bytes) -> None:
    assert pipe is not None
    left = memoryview(given)
    # A program need not read what it is given.
    with contextlib.suppress(BrokenPipeError):
        while left:
            left = left[pipe.write(left) :]
    _close(pipe)


def _read_at_most(pipe: IO[bytes] | None, most: int) -> bytes:
    assert pipe is not None
    out = bytearray()
    while len(out) <= most and (chunk := pipe.read(min(_CHUNK, most + 1 - len(out)))):
        out += chunk
    return bytes(out)


def _read_tail(pipe: IO[bytes] | None) -> str:
    assert pipe is not None
    last: deque[bytes] = deque(maxlen=2)
    while chunk := pipe.read(_CHUNK):
        last.append(chunk)
    return b"".join(last)[-TAIL_BYTES:].decode("utf-8", "replace").strip()


def _end(process: subprocess.Popen[bytes], before: Collection[int]) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    end_all_below(os.getpid(), keep=before)


def _read_to_end(descriptor: int) -> str:
    said = bytearray()
    while chunk := os.read(descriptor, _CHUNK):
        said += chunk
    return said.decode("utf-8", "replace")


def _network_in(said: str) -> str:
    first, _, rest = said.partition("\n")
    part, _, how = (rest or first).partition(" ")
    if not part:
        raise CannotStartError("fence", "it ended before the program began")
    if part.endswith(":"):
        raise CannotStartError(part.removesuffix(":"), how)
    return how


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        # What was not written to a program that has ended has no reader.
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
