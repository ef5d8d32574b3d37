"""A quota of answers that ends, and may come back."""

from __future__ import annotations


class Quota:
    """Counts answers on times that the caller gives (seconds on any one clock)."""

    def __init__(self) -> None:
        self._answers = 0
        self._gone_at: float | None = None

    def ends_in_s(self, after: int, returns_s: float, at: float) -> float | None:
        """Return None while an answer may be made; else the seconds until one may, infinite where nobody knows.

        It is gone once `after` answers were made (0: never), and comes back whole `returns_s` later (0: never).
        """
        if not after or self._answers < after:
            return None
        if self._gone_at is None:
            self._gone_at = at
        if not returns_s:
            return float("inf")
        left_s = self._gone_at + returns_s - at
        if left_s > 0:
            return left_s
        self.renew()
        return None

    def answered(self, after: int, at: float) -> None:
        """Count an answer; the last one of the quota ends it there and then."""
        self._answers += 1
        if after and self._answers == after:
            self._gone_at = at

    def renew(self) -> None:
        """Count from 0 again."""
        self._answers = 0
        self._gone_at = None
