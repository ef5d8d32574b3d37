"""Samples what the engine and its workers use while an execution runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Collection, Iterable

import msgspec
import psutil

from parallel_agents.core.metrics import Resources

INTERVAL_S = 0.5
_MB = 1024 * 1024


class _Reading(msgspec.Struct, frozen=True):
    """Totals over the processes seen at one moment; CPU seconds and I/O operations only ever grow per process."""

    memory_mb: float
    cpu_s: dict[int, float]
    io_operations: dict[int, int]


class _Tally:
    """What has been sampled for one execution."""

    def __init__(self) -> None:
        self.samples = 0
        self.memory_sum = 0.0
        self.memory_peak = 0.0
        self.cpu_peak: float | None = None
        self.cpu_s = 0.0
        self.cpu_wall_s = 0.0
        self.io_operations: int | None = None

    def add(self, memory_mb: float) -> None:
        self.samples += 1
        self.memory_sum += memory_mb
        self.memory_peak = max(self.memory_peak, memory_mb)

    def spend(self, cpu_s: float, io_operations: int, elapsed_s: float, cores: int) -> None:
        self.cpu_s += cpu_s
        self.cpu_wall_s += elapsed_s
        self.cpu_peak = max(self.cpu_peak or 0.0, 100 * cpu_s / (elapsed_s * cores))
        self.io_operations = (self.io_operations or 0) + io_operations

    def resources(self, cores: int) -> Resources | None:
        if not self.samples:
            return None
        average_cpu = 100 * self.cpu_s / (self.cpu_wall_s * cores) if self.cpu_wall_s else None
        return Resources(
            samples=self.samples,
            interval_s=INTERVAL_S,
            peak_memory_mb=round(self.memory_peak, 1),
            average_memory_mb=round(self.memory_sum / self.samples, 1),
            peak_cpu_percent=None if self.cpu_peak is None else round(self.cpu_peak, 1),
            average_cpu_percent=None if average_cpu is None else round(average_cpu, 1),
            io_operations=self.io_operations,
        )


class PerformanceMonitor:
    """Keeps peaks and averages per execution, in memory that does not grow with its length.

    `pids` lists the workers that live now; the engine's own process is added. Disabled, it samples nothing and every
    figure stays None.
    """

    def __init__(self, *, enabled: bool, pids: Callable[[], Iterable[int]], monotonic: Callable[[], float]) -> None:
        self.enabled = enabled
        self._pids = pids
        self._monotonic = monotonic
        self._cores = os.cpu_count() or 1
        self._tallies: dict[str, _Tally] = {}
        self._last: tuple[float, _Reading] | None = None

    async def run(self, live: Callable[[], Collection[str]]) -> None:
        """Sample while anything runs, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            if live():
                self.sample()

    def begin(self, execution_id: str) -> None:
        """An execution begins."""
        if not self._tallies:
            self._last = None
        self._tallies[execution_id] = _Tally()
        self.sample()

    def end(self, execution_id: str) -> bytes | None:
        """An execution has ended: its figures as a msgpack map, None when nothing was sampled."""
        self.sample()
        resources = self.resources(execution_id)
        self._tallies.pop(execution_id, None)
        return None if resources is None else msgspec.msgpack.encode(resources)

    def resources(self, execution_id: str) -> Resources | None:
        """The figures of a running execution so far; None when nothing was sampled."""
        tally = self._tallies.get(execution_id)
        return None if tally is None else tally.resources(self._cores)

    def sample(self) -> None:
        """Take one sample for every execution that runs."""
        if not self.enabled or not self._tallies:
            return
        now, reading = self._monotonic(), _read({os.getpid(), *self._pids()})
        for tally in self._tallies.values():
            tally.add(reading.memory_mb)
        if self._last is not None and now - self._last[0] > 0.05:
            elapsed, before = now - self._last[0], self._last[1]
            cpu_s = _growth(before.cpu_s, reading.cpu_s)
            io_operations = _growth(before.io_operations, reading.io_operations)
            for tally in self._tallies.values():
                tally.spend(cpu_s, int(io_operations), elapsed, self._cores)
        if self._last is None or now - self._last[0] > 0.05:
            self._last = (now, reading)


def _read(pids: Iterable[int]) -> _Reading:
    memory, cpu, operations = 0.0, dict[int, float](), dict[int, int]()
    for pid in pids:
        # A worker may end between being listed and being read.
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process = psutil.Process(pid)
            with process.oneshot():
                memory += process.memory_info().rss / _MB
                times = process.cpu_times()
                cpu[pid] = times.user + times.system
                counters = process.io_counters() if hasattr(process, "io_counters") else None
                operations[pid] = counters.read_count + counters.write_count if counters else 0
    return _Reading(memory, cpu, operations)


def _growth(before: dict[int, float] | dict[int, int], after: dict[int, float] | dict[int, int]) -> float:
    return sum(max(0.0, value - before.get(pid, 0.0)) for pid, value in after.items())
