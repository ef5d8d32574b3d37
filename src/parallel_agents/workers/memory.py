"""Memory and time of a process: what it has, the most it had, a budget for the next attempt. Linux; elsewhere None."""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import sys
import time
from collections.abc import Generator
from pathlib import Path

from parallel_agents.processes.family import descendants

_KB = 1024
_MB = 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_PROBE_MB = 64


def resident_mb(pid: int) -> float | None:
    """Resident memory of a process; None when it is gone or the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE / _MB
    except (OSError, IndexError, ValueError):
        return None


def tree_mb(pid: int) -> float | None:
    """Memory of a process and everything below it.

    Alone it is its resident memory. With children every page is counted by its share, so that what a fork has in common
    with its parent is not counted twice.
    """
    below = descendants(pid)
    if not below:
        return resident_mb(pid)
    own = _share_mb(pid)
    return None if own is None else own + sum(_share_mb(child) or 0.0 for child in below)


def peak_mb() -> float | None:
    """The most resident memory that this process had since `forget_peak`."""
    return _file_mb("/proc/self/status", "VmHWM")


def forget_peak() -> bool:
    """Start measuring the peak anew. False where the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def cpu_s() -> float:
    """Processor time of this process and of the children that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@contextlib.contextmanager
def data_budget(budget_mb: float) -> Generator[None]:
    """Let this process take at most `budget_mb` more private memory; beyond it Python raises MemoryError.

    The hard limit stays as it is, so that the next attempt can have another budget.
    """
    used = _file_mb("/proc/self/status", "VmData")
    if used is None or sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit = int((used + budget_mb) * _MB)
    if before[1] != resource.RLIM_INFINITY:
        limit = min(limit, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def is_limited_by_data_budget() -> bool:
    """Try whether a budget really stops an allocation here; nothing is touched, so nothing is used."""
    with data_budget(_PROBE_MB / 4):
        try:
            mmap.mmap(-1, _PROBE_MB * _MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        except (OSError, MemoryError):
            return True
    return False


def _share_mb(pid: int) -> float | None:
    return _file_mb(f"/proc/{pid}/smaps_rollup", "Pss")


def _file_mb(path: str, field: str) -> float | None:
    try:
        text = Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * _KB / _MB
    return None
