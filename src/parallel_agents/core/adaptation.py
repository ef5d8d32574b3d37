"""How many attempts at once serve best: a controller in pure steps.

It doubles while a round at the higher number settles more in a second, then adds one at a time; what brings less than
half of what it added is taken back, to what is really at work. It shrinks when the machine's CPU or memory runs short,
or when attempts take much longer than they did.
"""

from __future__ import annotations

import math

import msgspec

CPU_PERCENT = 80.0
"""The specification's own bound on the machine's CPU."""

MEMORY_PERCENT = 90.0
SLOWER = 2.0
GAIN = 1.05
_SHRINK = 0.75
_PATIENCE = 8
_SHORTEST_S = 0.001


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen since the number was last changed; `cpu_percent` and `memory_percent` are the machine's, just now.

    `was_full` tells that somebody waited for a slot all along: without that, more slots would bring nothing.
    """

    settled: int
    elapsed_s: float
    was_full: bool
    latency_s: float | None = None
    cpu_percent: float | None = None
    memory_percent: float | None = None


class Step(msgspec.Struct, frozen=True):
    """A new number of attempts at once, and why."""

    at_once: int
    reason: str


class Adaptation:
    """Between `least` and `most`, beginning with `least`. `look` is to be asked at regular moments."""

    def __init__(self, least: int, most: int) -> None:
        self.at_once = least
        self._least = least
        self._most = most
        self._doubles = True
        self._patience = 0
        self._raised_from: tuple[int, float] | None = None
        self._best_latency_s: float | None = None

    def bound(self, least: int, most: int) -> Step | None:
        """Keep within other bounds from now on."""
        self._least, self._most = least, most
        kept = min(max(self.at_once, least), most)
        return None if kept == self.at_once else self._to(kept, f"the bounds are {least} and {most} now")

    def look(self, seen: Seen) -> Step | None:
        """Decide on what was seen; None leaves the number as it is."""
        pressure = self._pressure(seen)
        if pressure is not None:
            return self._relieved(int(self.at_once * _SHRINK), pressure)
        if (slower := self._slower(seen)) is not None:
            at_work = self._at_work(seen.settled / seen.elapsed_s) if seen.elapsed_s > _SHORTEST_S else 0
            return self._relieved(max(at_work, self.at_once // 2), slower)
        # A number is judged by a whole round at it.
        if seen.settled < self.at_once or seen.elapsed_s <= _SHORTEST_S:
            return None
        self._note_latency(seen)
        return self._judged(seen.settled / seen.elapsed_s, was_full=seen.was_full)

    def _judged(self, rate: float, *, was_full: bool) -> Step | None:
        before, self._raised_from = self._raised_from, None
        if before is not None and rate < before[1] * self._worth(before[0]):
            self._doubles, self._patience = False, _PATIENCE
            reason = f"{rate:.1f} tasks a second at {self.at_once} at once, {before[1]:.1f} before"
            return self._to(min(self.at_once - 1, max(before[0], self._at_work(rate))), reason)
        if not was_full or self.at_once >= self._most:
            return None
        if self._patience:
            self._patience -= 1
            return None
        self._raised_from = (self.at_once, rate)
        higher = min(self._most, self.at_once * 2 if self._doubles else self.at_once + 1)
        return self._to(higher, f"every slot was taken, {rate:.1f} tasks a second")

    def _worth(self, before: int) -> float:
        """How much more a raise must bring: at least half of what it added."""
        return max(GAIN, 1 + (self.at_once / before - 1) / 2)

    def _at_work(self, rate: float) -> int:
        """How many are really at work, by Little's law: what is settled in a second times how long one takes."""
        return math.ceil(rate * (self._best_latency_s or 0.0))

    def _relieved(self, wanted: int, reason: str) -> Step | None:
        self._raised_from, self._doubles, self._patience = None, False, _PATIENCE
        lower = max(self._least, min(self.at_once - 1, wanted))
        return self._to(lower, reason) if lower < self.at_once else None

    def _pressure(self, seen: Seen) -> str | None:
        if seen.cpu_percent is not None and seen.cpu_percent > CPU_PERCENT:
            return f"the machine's CPU is at {seen.cpu_percent:.0f} %"
        if seen.memory_percent is not None and seen.memory_percent > MEMORY_PERCENT:
            return f"the machine's memory is at {seen.memory_percent:.0f} %"
        return None

    def _slower(self, seen: Seen) -> str | None:
        best, now = self._best_latency_s, seen.latency_s
        if best and now is not None and seen.settled >= self.at_once and now > best * SLOWER:
            return f"attempts take {now:.1f} s, {best:.1f} s at best"
        return None

    def _note_latency(self, seen: Seen) -> None:
        if seen.latency_s is not None:
            self._best_latency_s = min(seen.latency_s, self._best_latency_s or seen.latency_s)

    def _to(self, at_once: int, reason: str) -> Step:
        self.at_once = at_once
        return Step(at_once, reason)
