"""An event loop whose clock jumps to the next thing that is due: hours of waiting take no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
STARTS_AT = 1_000.0
EPOCH = 1_800_000_000.0
_THREAD_S = 10.0


def simulated(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a simulated clock. When nothing can ever happen any more, that is an error."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(work)


def epoch() -> float:
    """Seconds since the epoch, on the same clock."""
    return EPOCH + asyncio.get_running_loop().time() - STARTS_AT


class SimulatedLoop(asyncio.SelectorEventLoop):
    """`time` is simulated; threads and sockets are real."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.at


class _Jumping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.at = STARTS_AT

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(_THREAD_S if timeout is None else 0)
        if not found and timeout is None:
            raise RuntimeError("everything waits, and nothing is due")
        if not found and timeout is not None and timeout > 0:
            self.at += timeout
        return found
