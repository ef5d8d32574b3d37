"""What holds for every test: nothing is left behind, and Hypothesis is as strict and as patient everywhere.

A test fails when, a moment after its last fixture is gone, an asyncio task, a thread, a child process or a file
descriptor is there that was not there before.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

GRACE_S = 2.0
"""How long something that is on its way out may take; it is waited for, not slept through."""

POLL_S = 0.01
FD_DIRECTORY = Path("/proc/self/fd")
KEPT_PROCESSES = {
    "multiprocessing.forkserver": "the server that workers are forked from; one per process, kept for the next pool",
    "multiprocessing.resource_tracker": "multiprocessing's own; one per process, ends with it",
}
"""Direct children that multiprocessing starts once and never stops, by the module in their command line."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background deaf to Ctrl-C, and so every program that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Whatever language the reader of the tests speaks: they look for English words.
os.environ["PARALLEL_AGENTS_LANG"] = "en"

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_report_header() -> str:
    """Say what the tests of completions ran in: a shell that is not installed has no tests."""
    there = {shell: shutil.which(shell) is not None for shell in ("bash", "zsh", "fish")}
    return "completions: " + ", ".join(
        f"{shell} {'tried' if found else 'NOT INSTALLED'}" for shell, found in there.items()
    )


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Check threads, child processes and file descriptors, after the event loop is closed."""
    threads, children, descriptors = set(threading.enumerate()), set(_children()), _descriptors()
    yield
    deadline = time.monotonic() + GRACE_S
    left = _left_threads(threads, deadline) + _left_children(children, deadline)
    left += _left_descriptors(descriptors, deadline)
    if left:
        pytest.fail("left behind:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def _tasks_are_checked(request: pytest.FixtureRequest, nothing_left_behind: None) -> None:
    # Only an async test has an event loop to look at.
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("no_task_left_behind")


@pytest.fixture
async def no_task_left_behind() -> AsyncIterator[None]:
    """Check the tasks of the test's event loop, after its other fixtures and before the loop is closed."""
    before = asyncio.all_tasks()
    yield
    stray = asyncio.all_tasks() - before - {asyncio.current_task()}
    if stray:
        _, stray = await asyncio.wait(stray, timeout=GRACE_S)
    if stray:
        left = [f"task {task!r}" for task in stray]
        for task in stray:
            task.cancel()
        await asyncio.wait(stray, timeout=GRACE_S)
        pytest.fail("left behind:\n  " + "\n  ".join(left), pytrace=False)


def _left_threads(before: set[threading.Thread], deadline: float) -> list[str]:
    new = [thread for thread in threading.enumerate() if thread not in before]
    for thread in new:
        thread.join(_until(deadline))
    return [f"thread {thread.name!r}" for thread in new if thread.is_alive()]


def _left_children(before: set[psutil.Process], deadline: float) -> list[str]:
    multiprocessing.active_children()  # reaps those that have ended
    new = [child for child in _children() if child not in before and not _is_kept(child)]
    _, alive = psutil.wait_procs(new, timeout=_until(deadline))
    return [f"process {_described(child)}" for child in alive]


def _left_descriptors(before: dict[int, str], deadline: float) -> list[str]:
    if _new_descriptors(before):
        gc.collect()  # an object in a cycle closes its descriptor late; if that is a fault, its own warning says so
    while (left := _new_descriptors(before)) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return [f"file descriptor {number}: {target}" for number, target in left.items()]


def _until(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _new_descriptors(before: dict[int, str]) -> dict[int, str]:
    kept = _kept_descriptors()
    return {
        number: target
        for number, target in _descriptors().items()
        if before.get(number) != target and number not in kept
    }


def _kept_descriptors() -> set[object]:
    # The pipes that keep the two processes of KEPT_PROCESSES alive.
    server, tracker = vars(forkserver)["_forkserver"], vars(resource_tracker)["_resource_tracker"]
    return {getattr(server, "_forkserver_alive_fd", None), getattr(tracker, "_fd", None)}


def _descriptors() -> dict[int, str]:
    found: dict[int, str] = {}
    if FD_DIRECTORY.is_dir():  # only Linux lists them
        for entry in FD_DIRECTORY.iterdir():
            try:
                found[int(entry.name)] = str(entry.readlink())
            except FileNotFoundError:  # the descriptor of the listing itself
                continue
    return found


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _is_kept(child: psutil.Process) -> bool:
    # Workers have the forkserver's command line too; only the server is our own child.
    try:
        own = child.ppid() == os.getpid()
        return own and any(module in " ".join(child.cmdline()) for module in KEPT_PROCESSES)
    except psutil.NoSuchProcess:
        return True


def _described(child: psutil.Process) -> str:
    try:
        return f"{child.pid} ({child.status()}): {' '.join(child.cmdline()) or child.name()}"
    except psutil.NoSuchProcess:
        return str(child.pid)
