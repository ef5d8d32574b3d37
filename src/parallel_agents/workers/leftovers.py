"""Clears away what an attempt left in its worker, so that the next one finds the worker as it was."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from parallel_agents.processes.family import children, is_running

PATIENCE_S = 0.5
P = ParamSpec("P")
T = TypeVar("T")


class Helpers(ThreadPoolExecutor):
    """The threads of `asyncio.to_thread`, for one attempt."""

    are_used = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function in a thread."""
        self.are_used = True
        return super().submit(fn, *args, **kwargs)


class Leftovers:
    """What a worker looks like before an attempt. Made once; `clear` follows every attempt."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._threads = set(threading.enumerate())
        self._directory = Path.cwd()
        self._environment = dict(os.environb)
        self._helpers = Helpers()
        loop.set_default_executor(self._helpers)

    async def clear(self) -> bool:
        """Stop tasks and threads, put directory and environment back. False when something could not be cleared away.

        Processes are not ended here: whoever kills the worker ends them with it.
        """
        no_tasks = await without(asyncio.all_tasks() - {asyncio.current_task()})
        return self.put_back() and no_tasks

    def put_back(self) -> bool:
        """Do the same for everything but tasks, while no attempt runs here."""
        if self._helpers.are_used:
            self._helpers.shutdown(wait=False, cancel_futures=True)
            self._helpers = Helpers()
            self._loop.set_default_executor(self._helpers)
        self._restore()
        return self._no_threads() and _no_processes()

    def _no_threads(self) -> bool:
        deadline = time.monotonic() + PATIENCE_S
        if threading.active_count() > len(self._threads):
            for thread in set(threading.enumerate()) - self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        return threading.active_count() <= len(self._threads)

    def _restore(self) -> None:
        os.chdir(self._directory)
        if dict(os.environb) != self._environment:
            os.environb.clear()
            os.environb.update(self._environment)


async def without(tasks: Collection[asyncio.Task[Any] | None]) -> bool:
    """Cancel tasks and wait a moment for their end. False when one goes on all the same."""
    left = [task for task in tasks if task is not None]
    if not left:
        return True
    for task in left:
        task.cancel()
    _, running = await asyncio.wait(left, timeout=PATIENCE_S)
    return not running


def _no_processes() -> bool:
    # Children that have ended and that the agent never waited for are no reason to give the worker up.
    return not any(is_running(child) for child in children(os.getpid()))
