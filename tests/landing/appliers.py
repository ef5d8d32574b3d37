"""Programs that land results, and that tests kill: `python -m tests.landing.appliers NAME ARGUMENT…`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.landing.scene import EXECUTION, landings_on

from parallel_agents.canvas.writing import Manner, Point
from parallel_agents.journal import SqliteJournal
from parallel_agents.landing import CanvasLandings


async def die_at(work: str, point: str, folder: str) -> None:
    """Apply or undo; be killed at one point of it."""

    def reach(reached: Point) -> None:
        if reached == int(point):
            os.kill(os.getpid(), signal.SIGKILL)

    journal = SqliteJournal(Path(folder, "journal.sqlite3"))
    journal.start()
    landings: CanvasLandings = landings_on(journal, Path(folder), Manner(on_point=reach))
    await (landings.apply(EXECUTION) if work == "apply" else landings.undo(EXECUTION))


if __name__ == "__main__":
    asyncio.run(die_at(*sys.argv[1:]))
