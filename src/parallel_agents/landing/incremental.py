"""Results land while the execution runs: one apply at a time, after tasks have ended, and never on the engine's way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from parallel_agents.core.events import Event, EventType
from parallel_agents.landing.reports import Applied, Outcome, from_first_to_last
from parallel_agents.landing.service import CanvasLandings

ENDED = frozenset(
    {
        EventType.TASK_COMPLETED,
        EventType.TASK_REUSED,
        EventType.TASK_FAILED,
        EventType.TASK_SKIPPED,
        EventType.TASK_CANCELLED,
    }
)
PAUSE_S = 1.0
_REST = 9.0
"""How many times as long as an apply took it rests: so applies take a tenth of the time at most."""


class Incremental:
    """Applies what has ended of one execution, again and again.

    `hear` is to be subscribed to the executor's events and `run` to be run beside it; then `stop`, and `finish`.
    """

    def __init__(
        self,
        landings: CanvasLandings,
        execution_id: str,
        *,
        recolour: bool = False,
        palette: str | None = None,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._landings = landings
        self._execution_id = execution_id
        self._recolour = recolour
        self._palette = palette
        self._pause_s = pause_s
        self._wake = asyncio.Event()
        self._stopped = asyncio.Event()
        self._so_far: Outcome | None = None

    def hear(self, event: Event) -> None:
        """Take in one event, on the event loop."""
        if event.execution_id == self._execution_id and event.type in ENDED:
            self._wake.set()

    async def run(self) -> None:
        """Apply after tasks have ended, until `stop`; an apply under way is brought to its end. Raises as `apply`."""
        now: Callable[[], float] = asyncio.get_running_loop().time
        while True:
            await self._wake.wait()
            if self._stopped.is_set():
                return
            self._wake.clear()
            began = now()
            await self._apply()
            await self._rest(max(self._pause_s, _REST * (now() - began)))

    def stop(self) -> None:
        """Begin no other apply."""
        self._stopped.set()
        self._wake.set()

    async def finish(self) -> Outcome:
        """Apply what is left and tell what all applies did together. Raises as `apply`."""
        return await self._apply()

    async def _apply(self) -> Outcome:
        outcome = await self._landings.apply(self._execution_id, recolour=self._recolour, palette=self._palette)
        self._so_far = outcome if self._so_far is None else together(self._so_far, outcome)
        return self._so_far

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()


def together(earlier: Outcome, later: Outcome) -> Outcome:
    """What two applies of one execution did, one after the other."""
    before = {applied.canvas: applied for applied in earlier.canvases}
    canvases = [_both(before.pop(applied.canvas, None), applied) for applied in later.canvases]
    return msgspec.structs.replace(later, canvases=(*before.values(), *canvases))


def _both(earlier: Applied | None, later: Applied) -> Applied:
    if earlier is None:
        return later
    checks = [one.checked for one in (earlier, later) if one.checked is not None]
    return msgspec.structs.replace(
        later,
        nodes_before=_first(earlier.nodes_before, later.nodes_before),
        edges_before=_first(earlier.edges_before, later.edges_before),
        nodes_added=earlier.nodes_added + later.nodes_added,
        edges_added=earlier.edges_added + later.edges_added,
        files=tuple(dict.fromkeys((*earlier.files, *later.files))),
        recoloured=earlier.recoloured + later.recoloured,
        backup=earlier.backup or later.backup,
        merged=earlier.merged + later.merged,
        checked=from_first_to_last(checks) if checks else None,
        is_sound=earlier.is_sound if later.is_sound is None else later.is_sound,
    )


def _first(earlier: int | None, later: int | None) -> int | None:
    return later if earlier is None else earlier
