"""When a lane stops because its provider fails, and when a stopped lane looks again.

Times are seconds of one clock that never goes back, and come from the caller.
"""

from __future__ import annotations

from enum import Enum

LONGEST_PROBE_PAUSE_S = 900.0
_FAILURES = 10
_WAVES = 3


class Breaker:
    """Opens after `_FAILURES` failures in a row, in at least `_WAVES` waves: what was on its way together is one."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The provider answers."""
        self._failures = self._waves = 0
        self._wave_at = float("-inf")

    def failed(self, *, sent_at: float, at: float) -> bool:
        """Note a failure of the provider; tell whether it is one too many."""
        self._failures += 1
        if sent_at >= self._wave_at:
            self._waves += 1
            self._wave_at = at
        return self._failures >= _FAILURES and self._waves >= _WAVES


class GateState(Enum):
    """Whether calls go through: all, one to see whether the provider answers again, or none."""

    OPEN = "open"
    HALF_OPEN = "half_open"
    SHUT = "shut"


class Gate:
    """Shuts, looks again after a pause that doubles each time in vain, and opens when a call was answered."""

    def __init__(self) -> None:
        self.state = GateState.OPEN
        self._shut_at = float("-inf")
        self._again_at = float("-inf")
        self._pause_s = 0.0

    def shut(self, *, sent_at: float, at: float, first_pause_s: float, pause_s: float | None) -> None:
        """Shut after what a call sent at `sent_at` met. `pause_s` is how long the provider said, if it did.

        What left before the gate was shut tells the same once more, and does not make the pause longer.
        """
        if sent_at < self._shut_at:
            if pause_s is not None:
                self._again_at = max(self._again_at, at + pause_s)
            return
        if pause_s is None:
            is_in_vain = self.state is GateState.HALF_OPEN and self._pause_s > 0
            self._pause_s = min(LONGEST_PROBE_PAUSE_S, 2 * self._pause_s) if is_in_vain else first_pause_s
        self.state = GateState.SHUT
        self._shut_at = at
        self._again_at = at + (self._pause_s if pause_s is None else pause_s)

    def left_s(self, at: float) -> float:
        """How long it stays shut; 0 where it is not."""
        return max(0.0, self._again_at - at) if self.state is GateState.SHUT else 0.0

    def look(self) -> None:
        """Let one call through."""
        self.state = GateState.HALF_OPEN

    def open(self) -> None:
        """Let all through."""
        self.state = GateState.OPEN
        self._pause_s = 0.0
