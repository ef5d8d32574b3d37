from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.landing.scene import EXECUTION, Given, finish, landings_on, nodes_of, questions, submit

from parallel_agents.canvas.writing import Manner, Point
from parallel_agents.core.events import Event, EventType
from parallel_agents.journal import SqliteJournal
from parallel_agents.landing import Applied, Incremental, Outcome
from parallel_agents.landing.incremental import together

LIMIT_S = 30.0


def ended(execution_id: str = EXECUTION) -> Event:
    return Event(type=EventType.TASK_COMPLETED, execution_id=execution_id, at=1.0, task_id="task-1")


@asynccontextmanager
async def running(incremental: Incremental) -> AsyncGenerator[None]:
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        group.create_task(incremental.run())
        try:
            yield
        finally:
            incremental.stop()


class Signal:
    """Set, on the event loop, when an apply has come to its end."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def reach(self, point: Point) -> None:
        if point is Point.DONE:
            self._loop.call_soon_threadsafe(self.event.set)

    async def comes(self) -> None:
        await self.event.wait()
        self.event.clear()


async def test_results_land_as_they_come_in_and_the_rest_at_the_end(
    journal: SqliteJournal, canvas: Path, tmp_path: Path
) -> None:
    given = [Given("basic-decomposition", node, None, canvas) for node in "甲乙丙"]
    keys = await submit(journal, given)
    signal = Signal()
    landings = landings_on(journal, tmp_path, Manner(on_point=signal.reach))
    incremental = Incremental(landings, EXECUTION, pause_s=0.0)
    async with running(incremental):
        for number, key in enumerate(keys[:2], start=1):
            await finish(journal, key, questions(3))
            incremental.hear(ended())
            await signal.comes()
            assert len(nodes_of(canvas)) == 3 + 6 * number
        await finish(journal, keys[2], questions(4))
    outcome = await incremental.finish()

    (applied,) = outcome.canvases
    assert len(nodes_of(canvas)) == 3 + 6 + 6 + 8
    assert (applied.nodes_before, applied.nodes_after, applied.nodes_added) == (3, 23, 20)
    assert applied.checked is not None
    assert applied.checked.colours_before == {"none": 3}
    assert applied.backup is not None
    assert len(nodes_of(Path(applied.backup))) == 3


async def test_events_of_others_and_of_starts_wake_nobody(journal: SqliteJournal, canvas: Path, tmp_path: Path) -> None:
    await submit(journal, [Given("basic-decomposition", "甲", questions(3), canvas)])
    incremental = Incremental(landings_on(journal, tmp_path), EXECUTION)
    async with running(incremental):
        incremental.hear(ended("exec-00000000000000b2"))
        incremental.hear(Event(type=EventType.TASK_STARTED, execution_id=EXECUTION, at=1.0))
        await asyncio.sleep(0)

    assert len(nodes_of(canvas)) == 3


def test_two_applies_are_told_as_one() -> None:
    first = Applied(canvas="a", nodes_before=1, nodes_after=3, nodes_added=2, files=("n.md",), backup="first")
    second = Applied(canvas="a", nodes_before=3, nodes_after=3, is_sound=None)
    later = Applied(canvas="b", problem="it is read-only")

    told = together(Outcome(execution_id="e", canvases=(first,)), Outcome(execution_id="e", canvases=(second, later)))

    assert told.canvases[0] == Applied(
        canvas="a", nodes_before=1, nodes_after=3, nodes_added=2, files=("n.md",), backup="first"
    )
    assert told.canvases[1] == later
