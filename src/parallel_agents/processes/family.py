"""The processes below a process: finding them, keeping them findable, ending them. Linux; elsewhere there are none."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_M_ARENA_MAX = -8


def children(pid: int) -> list[int]:
    """The direct children of a process, whichever of its threads started them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - names are enough, and this is looked at often
            with contextlib.suppress(OSError, ValueError):
                found += _numbers(f"/proc/{pid}/task/{thread}/children")
    return found


def _numbers(path: str) -> list[int]:
    # Plain calls: this is read for every attempt, and `Path` costs ten times as much.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.read(descriptor, 65536)
    finally:
        os.close(descriptor)
    return [int(number) for number in found.split()]


def descendants(pid: int) -> list[int]:
    """Every process below a process."""
    found = children(pid)
    for child in found:
        found += children(child)
    return found


def adopt_orphans() -> None:
    """Become the parent of every orphan below this process, so that a program that detaches itself stays findable."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_the_parent() -> None:
    """Have the system kill this process when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def bound_arenas(count: int) -> None:
    """Let malloc keep at most `count` arenas; each thread's own would count 64 MB of address space."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, count)


def end_the_group() -> None:
    """End this process and every process of its group, at once."""
    for process in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            if os.getpgid(process) != os.getpgid(0):
                os.kill(process, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def end_all_below(pid: int, *, keep: Collection[int] = (), within_s: float = 1.0) -> bool:
    """Kill the processes below `pid` until none is left, but for the children named in `keep` and what is below them.

    Returns whether none is left. Those that have ended and that nobody has waited for do not count.
    """
    deadline = time.monotonic() + within_s
    while left := _below(pid, keep):
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        # The system has no event for the end of a process that is not our child.
        time.sleep(0.002)
    return True


def _below(pid: int, keep: Collection[int]) -> list[int]:
    strays = [child for child in children(pid) if child not in keep]
    return [process for stray in strays for process in (stray, *descendants(stray)) if is_running(process)]


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}
