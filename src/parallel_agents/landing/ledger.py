"""The journal's notes of landings, for whoever writes a canvas in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec

from parallel_agents.canvas.reversal import Reversal
from parallel_agents.canvas.undoing import Added, Landed
from parallel_agents.ports.entries import CanvasLanding, LandingState
from parallel_agents.ports.journal import Journal

T = TypeVar("T")


class Ledger:
    """Writes to the journal and waits until that is durable. Made on the event loop, used in other threads."""

    def __init__(self, journal: Journal, now: Callable[[], float]) -> None:
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self.now = now

    def begin(self, landing: CanvasLanding) -> int:
        """Note what is about to be put on a canvas; returns its id. Raises `JournalError`."""
        return self._done(lambda: self._journal.begin_landing(landing))

    def move(self, landing_id: int, state: LandingState) -> None:
        """Note what became of a landing. Raises `JournalError`."""
        self._done(lambda: self._journal.move_landing(landing_id, state, self.now()))

    def note_check(self, landing_id: int, checked: bytes) -> None:
        """Keep what was found when the canvas was read back. Raises `JournalError`."""
        self._done(lambda: self._journal.note_check(landing_id, checked))

    def _done(self, write: Callable[[], asyncio.Future[T]]) -> T:
        async def written() -> T:
            return await write()

        return asyncio.run_coroutine_threadsafe(written(), self._loop).result()


def landed_of(landing: CanvasLanding) -> Landed:
    """A landing as an undo needs it."""
    return Landed(
        added=msgspec.msgpack.decode(landing.added, type=Added),
        reversal=msgspec.msgpack.decode(landing.reversal, type=Reversal),
        is_done=landing.state == "done",
    )


def stands(landing: CanvasLanding) -> bool:
    """Whether a landing is on its canvas as far as the journal knows; one that was begun may be."""
    return landing.state in {"begun", "done"}
