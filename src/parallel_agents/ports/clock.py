"""Time and chance, handed in so that tests can rule them."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Two clocks: one for people, one for durations."""

    def now(self) -> float:
        """Seconds since the epoch (UTC); may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back; only differences mean anything."""
        ...


class Chance(Protocol):
    """A source of randomness."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def randbytes(self, n: int) -> bytes:
        """`n` random bytes."""
        ...
