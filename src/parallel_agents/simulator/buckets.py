"""A token bucket that says how long to wait, on times that the caller gives."""

from __future__ import annotations


class Bucket:
    """Holds up to `capacity`, fills by `per_minute` a minute, and starts full at `at` (seconds on any one clock).

    Times never go back; an earlier one counts as the last.
    """

    def __init__(self, per_minute: float, capacity: float, at: float) -> None:
        self.per_minute = per_minute
        self.capacity = capacity
        self._level = capacity
        self._at = at

    def level(self, at: float) -> float:
        """Return what it holds."""
        self._fill(at)
        return self._level

    def wait_s(self, amount: float, at: float) -> float | None:
        """Return the seconds until it holds `amount`: 0 when it does, None when it never can."""
        if amount > self.capacity:
            return None
        missing = amount - self.level(at)
        # Less than a millionth is rounding: who waited for as long as it was told finds enough.
        return 0.0 if missing <= 1e-6 else missing * 60 / self.per_minute

    def take(self, amount: float, at: float) -> None:
        """Take `amount`, whether it holds that or not."""
        self._fill(at)
        self._level -= amount

    def full_in_s(self, at: float) -> float:
        """Return the seconds until it is full."""
        return (self.capacity - self.level(at)) * 60 / self.per_minute

    def _fill(self, at: float) -> None:
        if at > self._at:
            self._level = min(self.capacity, self._level + (at - self._at) * self.per_minute / 60)
            self._at = at
