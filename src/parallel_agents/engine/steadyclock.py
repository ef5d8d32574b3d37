"""When waiting tasks are due, told by a clock that does not jump."""

from __future__ import annotations

from parallel_agents.core.retry import MAX_DELAY_S
from parallel_agents.ports.clock import Clock


class SteadyClock:
    """Seconds since the epoch as the wall clock told them at the start, and from then on without its jumps.

    Pauses are planned and waited for by it. By the wall clock they would all last two hours longer where that is set
    back by two hours.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now() - clock.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, steadily."""
        return self._clock.monotonic() + self._offset

    def catch_up(self, due_at: float | None) -> None:
        """Go on from where another engine's clock was: no pause is longer than the longest.

        A task that is due later than that was made to wait before the wall clock was set back.
        """
        if due_at is not None:
            self._offset += max(0.0, due_at - MAX_DELAY_S - self.now())
