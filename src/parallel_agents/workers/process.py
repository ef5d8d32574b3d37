"""A worker's process: started through aiomultiprocess, without its Manager and without re-running `__main__`."""

# The standard library's process internals and aiomultiprocess come without types.
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false, reportUntypedBaseClass=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
import multiprocessing
import multiprocessing.process
import os
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from multiprocessing import context, forkserver, popen_forkserver, reduction, resource_tracker, spawn, util
from typing import Any, Protocol

import aiomultiprocess
from aiomultiprocess.types import Unit

from parallel_agents.processes.family import end_all_below
from parallel_agents.workers.launching import handing_on

START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"


class _Launcher(popen_forkserver.Popen):
    """Starts a process from the fork server of one pool.

    A worker gets its agent by import string, so the program's own `__main__` is never imported again: the program may
    be a script without a guard, and its imports would cost every worker their time and memory. The steps are those of
    the standard library's class; the fork server and the prepared data are ours.
    """

    def _launch(self, process_obj: Any) -> None:
        prepared = spawn.get_preparation_data(process_obj.name)
        for key in ("init_main_from_name", "init_main_from_path"):
            prepared.pop(key, None)
        buffer = io.BytesIO()
        context.set_spawning_popen(self)
        try:
            reduction.dump(prepared, buffer)
            reduction.dump(process_obj, buffer)
        finally:
            context.set_spawning_popen(None)
        self.sentinel, write_end = process_obj.server.connect_to_new_process(self._fds)
        keep_alive = os.dup(write_end)
        self.finalizer = util.Finalize(self, util.close_fds, (keep_alive, self.sentinel))
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(buffer.getbuffer())
        self.pid = forkserver.read_signed(self.sentinel)


class _ForkedProcess(multiprocessing.context.ForkServerProcess):
    """A process of a fork server of our own."""

    server: forkserver.ForkServer

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - the name that multiprocessing calls
        return _Launcher(process_obj)

    def __getstate__(self) -> dict[str, Any]:
        # The server stays with the parent; it holds a lock and the worker has no use for it.
        return {name: value for name, value in self.__dict__.items() if name != "server"}


class Process(aiomultiprocess.Process):
    """`aiomultiprocess.Process` without the Manager: its namespace is for one-shot results, ours go over a socket."""

    def __init__(self, make: Callable[..., Any], target: Callable[..., Awaitable[None]], args: Sequence[Any]) -> None:
        self.unit = Unit(target=target, args=args, kwargs={}, namespace=None)
        self.aio_process = make(target=aiomultiprocess.Process.run_async, args=(self.unit,))


class Starter(Protocol):
    """Starts worker processes; used from one thread only."""

    def start(self, target: Callable[..., Awaitable[None]], args: Sequence[Any]) -> Any:
        """Start a process that runs `target(*args)`; returns an object with `pid`, `join` and `exitcode`."""
        ...

    def end_strays(self, keep: Collection[int]) -> None:
        """End what ended processes left behind; `keep` names those that have not ended."""
        ...

    def close(self) -> None:
        """Give back what starting needed. All processes have ended."""
        ...


class ForkServerStarter:
    """A fork server of our own, with modules loaded ahead: the next worker costs milliseconds.

    The fork server is a fresh interpreter with one thread; forking the engine itself would hand its sockets, locks and
    keys to every worker.
    """

    def __init__(
        self, preload: Sequence[str], *, use_aiomultiprocess: bool, environ: Mapping[str, str] | None = None
    ) -> None:
        self._environ = environ
        self._server = forkserver.ForkServer()
        # The module that freezes must be the last: what is loaded after it would not be shared.
        self._server.set_forkserver_preload([*preload, "parallel_agents.workers.freeze"])
        self._wrap = use_aiomultiprocess

    def start(self, target: Callable[..., Awaitable[None]], args: Sequence[Any]) -> Any:
        """Start a process."""
        process = self._process(target, args)
        with handing_on(self._environ):
            _start_unlisted(process)
        return process

    def end_strays(self, keep: Collection[int]) -> None:
        """End the fork server's children that are no workers: orphans of workers that died."""
        server = getattr(self._server, "_forkserver_pid", None)
        if server is not None:
            end_all_below(server, keep=keep)

    def close(self) -> None:
        """Stop the fork server."""
        if getattr(self._server, "_forkserver_pid", None) is not None:
            self._server._stop()  # noqa: SLF001 - the standard library has no public way to stop a fork server

    def _process(self, target: Callable[..., Awaitable[None]], args: Sequence[Any]) -> Any:
        if self._wrap:
            process = Process(_ForkedProcess, target, args)
            process.aio_process.server = self._server
            return process.aio_process
        process = _ForkedProcess(target=run_plain, args=(target, args))
        process.server = self._server
        return process


class SpawnStarter:
    """A fresh interpreter for every worker: slower, and the only way where there is no fork server."""

    def __init__(self, *, use_aiomultiprocess: bool, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ
        self._context = multiprocessing.get_context("spawn")
        self._wrap = use_aiomultiprocess

    def start(self, target: Callable[..., Awaitable[None]], args: Sequence[Any]) -> Any:
        """Start a process."""
        make = self._context.Process
        process = Process(make, target, args).aio_process if self._wrap else make(target=run_plain, args=(target, args))
        with handing_on(self._environ):
            _start_unlisted(process)
        return process

    def end_strays(self, keep: Collection[int]) -> None:
        """Nobody adopts the orphans here; a worker's group is all that can be ended."""

    def close(self) -> None:
        """Nothing to give back."""


def _start_unlisted(process: Any) -> None:
    # `multiprocessing` waits at a program's end for every process on its list; workers end only after the program. It
    # also polls that list from any thread, while exit codes must be read from one.
    process.start()
    vars(multiprocessing.process)["_children"].discard(process)


def run_plain(target: Callable[..., Awaitable[None]], args: Sequence[Any]) -> None:
    """Run a coroutine function in a plain `multiprocessing` process."""
    import asyncio

    asyncio.run(target(*args))  # pyright: ignore[reportArgumentType]


def make_starter(
    preload: Sequence[str], *, use_aiomultiprocess: bool, environ: Mapping[str, str] | None = None
) -> Starter:
    """Choose the way to start processes on this system. They get `environ`, or the program's own where it is None."""
    # Started here, once and from one thread, so that every worker shares it.
    with handing_on(environ):
        resource_tracker.ensure_running()
    if START_METHOD == "forkserver":
        return ForkServerStarter(preload, use_aiomultiprocess=use_aiomultiprocess, environ=environ)
    return SpawnStarter(use_aiomultiprocess=use_aiomultiprocess, environ=environ)
