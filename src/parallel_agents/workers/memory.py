"""Memory of a process: what it has, the most it had, and a budget for the next attempt. Linux; elsewhere None."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from pathlib import Path

_KB = 1024
_MB = 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident_mb(pid: int) -> float | None:
    """Resident memory of a process; None when it is gone or the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE / _MB
    except (OSError, IndexError, ValueError):
        return None


def tree_resident_mb(pid: int) -> float | None:
    """Resident memory of a process and everything below it."""
    own = resident_mb(pid)
    if own is None:
        return None
    return own + sum(tree_resident_mb(child) or 0.0 for child in _children(pid))


def peak_mb() -> float | None:
    """The most resident memory that this process had since `forget_peak`."""
    return _status_mb("VmHWM")


def forget_peak() -> bool:
    """Start measuring the peak anew. False where the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


@contextlib.contextmanager
def data_budget(budget_mb: float) -> Generator[None]:
    """Let this process take at most `budget_mb` more private memory; beyond it Python raises MemoryError.

    The hard limit stays as it is, so that the next attempt can have another budget.
    """
    used = _status_mb("VmData")
    if used is None or sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit = int((used + budget_mb) * _MB)
    if before[1] != resource.RLIM_INFINITY:
        limit = min(limit, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []


def _status_mb(field: str) -> float | None:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * _KB / _MB
    return None
