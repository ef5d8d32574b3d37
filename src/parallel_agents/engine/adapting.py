"""Looks at regular moments whether more or fewer attempts at once would serve better (`adaptive_concurrency`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import psutil

from parallel_agents.core.adaptation import Adaptation, Seen, Step
from parallel_agents.core.settings import Settings
from parallel_agents.engine.limits import Limits, overall_of

INTERVAL_S = 1.0


class Load(Protocol):
    """How far a machine is used."""

    def cpu_percent(self) -> float:
        """CPU of all cores together since the last look, 0 to 100."""
        ...

    def memory_percent(self) -> float:
        """Memory that is taken, 0 to 100."""
        ...


class Machine:
    """The machine that this runs on."""

    def __init__(self) -> None:
        psutil.cpu_percent(None)  # its first answer means nothing

    def cpu_percent(self) -> float:
        """CPU of all cores together since the last look, 0 to 100."""
        return psutil.cpu_percent(None)

    def memory_percent(self) -> float:
        """Memory that is taken, 0 to 100."""
        return psutil.virtual_memory().percent


class Adapting:
    """Sets the limit of all attempts together between two bounds. None as bounds: it leaves the limit alone.

    Every change is told with its reason.
    """

    def __init__(
        self,
        limits: Limits,
        bounds: tuple[int, int] | None,
        *,
        monotonic: Callable[[], float],
        tell: Callable[[Step], None],
        machine: Load | None = None,
    ) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._tell = tell
        self._machine = Machine() if machine is None else machine
        self._adaptation: Adaptation | None = None
        self.change(bounds)

    def change(self, bounds: tuple[int, int] | None) -> None:
        """Go by other bounds from now on."""
        if bounds is None:
            self._adaptation = self._limits.adapted = None
        elif self._adaptation is None:
            self._adaptation = Adaptation(*bounds)
            self._limits.adapted = self._adaptation.at_once
        elif (step := self._adaptation.bound(*bounds)) is not None:
            self._take(step)
        self._begin()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            self.look()

    def settled(self, duration_ms: float | None) -> None:
        """An attempt has ended; None where it never began."""
        self._settled += 1
        if duration_ms is not None:
            self._durations_ms.append(duration_ms)

    def look(self) -> None:
        """Look once."""
        if self._adaptation is None or not self._limits.running:
            self._begin()
            return
        durations = self._durations_ms
        seen = Seen(
            settled=self._settled,
            elapsed_s=self._monotonic() - self._since,
            was_full=self._limits.was_full,
            latency_s=sum(durations) / len(durations) / 1000 if durations else None,
            cpu_percent=self._machine.cpu_percent(),
            memory_percent=self._machine.memory_percent(),
        )
        is_round = seen.settled >= self._adaptation.at_once
        step = self._adaptation.look(seen)
        if step is not None:
            self._take(step)
        if step is not None or is_round:
            self._begin()

    def _take(self, step: Step) -> None:
        self._limits.adapted = step.at_once
        self._tell(step)

    def _begin(self) -> None:
        self._since = self._monotonic()
        self._settled = 0
        self._durations_ms: list[float] = []
        self._limits.was_full = False


def bounds_of(settings: Settings) -> tuple[int, int] | None:
    """Between which numbers of attempts at once to adapt; None where that is not wanted."""
    processing = settings.parallel_processing
    if not (processing.enabled and processing.adaptive_concurrency):
        return None
    return processing.min_concurrent, max(processing.min_concurrent, overall_of(settings))
