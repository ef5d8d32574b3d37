"""The public Python API of landing: review, apply, undo."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from parallel_agents.assembly import SystemClock
from parallel_agents.canvas.checking import Checked
from parallel_agents.canvas.document import load_document
from parallel_agents.canvas.landing import Accepted
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.palettefile import palette_named
from parallel_agents.canvas.statefolder import StateFolder
from parallel_agents.canvas.writing import Manner
from parallel_agents.core.errors import CanvasWriteError, InputError
from parallel_agents.journal import default_path
from parallel_agents.landing.applying import Applying, Proposing, Wish, refused_of
from parallel_agents.landing.harvest import Harvest, harvest
from parallel_agents.landing.ledger import Ledger, landed_of, stands
from parallel_agents.landing.places import canvas_of, surroundings_of
from parallel_agents.landing.reports import Applied, Outcome, Reverted, Review, from_first_to_last
from parallel_agents.landing.reverting import Reverting
from parallel_agents.ports.entries import CanvasLanding
from parallel_agents.ports.journal import Journal

T = TypeVar("T")


class _Canvas(msgspec.Struct, frozen=True, kw_only=True):
    """One canvas of an execution: its file, or why it cannot be used."""

    named: str
    path: Path | None = None
    problem: str | None = None
    results: Sequence[Accepted] = ()


class CanvasLandings:
    """Puts the results of executions on their canvases.

    Backups, locks and what an undo takes away are kept in `state`, by default in the user's state directory. Nothing
    here runs on the event loop but short waits; a canvas is written in a thread.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        state: Path | None = None,
        environ: Mapping[str, str] | None = None,
        manner: Manner | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._journal = journal
        self._now = now or SystemClock().now
        root = state or default_path(os.environ if environ is None else environ).parent / "canvases"
        self._state = StateFolder(root, self._now)
        self._manner = manner or Manner()

    async def review(
        self,
        execution_id: str,
        only: Collection[str] | None = None,
        *,
        recolour: bool = False,
        palette: str | None = None,
    ) -> tuple[Outcome, tuple[Review, ...]]:
        """Say what `apply` would do now; nothing is written. The outcome has what belongs to no canvas.

        Raises: as `apply`.
        """
        chosen = palette_named(palette)
        harvested = await harvest(self._journal, execution_id, only)

        def look(canvas: _Canvas, path: Path) -> Review:
            proposing = Proposing(surroundings_of(path), _wish(harvested, canvas, path, chosen, recolour=recolour))
            proposals = proposing.proposals(load_document(path))
            return Review(canvas=str(path), proposals=tuple(proposals), refused=tuple(refused_of(proposals)))

        reviews: list[Review] = []
        for canvas in _canvases(harvested):
            found = await self._guarded(canvas, look)
            if isinstance(found, str):
                found = Review(canvas=canvas.named, problem=found)
            reviews.append(found)
        return _outcome(harvested, ()), tuple(reviews)

    async def apply(
        self,
        execution_id: str,
        only: Collection[str] | None = None,
        *,
        recolour: bool = False,
        palette: str | None = None,
    ) -> Outcome:
        """Put accepted results on their canvases, as far as every task before them has ended.

        `only` names tasks or nodes, and takes them whatever runs before them. `recolour` gives questions the colour of
        their score. What stands on a canvas already is left alone, so applying again adds only what is missing. A
        canvas that cannot be written has a `problem` in the outcome, and nothing of it was changed.

        Raises:
            UnknownExecutionError: the journal has none with this id.
            InputError: `only` or the palette names what there is not.
            JournalError: the journal cannot be read or written.
        """
        chosen = palette_named(palette)
        harvested = await harvest(self._journal, execution_id, only)
        ledger = Ledger(self._journal, self._now)

        def put(canvas: _Canvas, path: Path) -> Applied:
            wish = _wish(harvested, canvas, path, chosen, recolour=recolour)
            surroundings = surroundings_of(path)
            return Applying(surroundings, wish, ledger=ledger, state=self._state, manner=self._manner).to_the_end()

        done: list[Applied] = []
        for canvas in _canvases(harvested):
            found = await self._guarded(canvas, put)
            if isinstance(found, str):
                found = Applied(canvas=canvas.named, problem=found)
            done.append(found)
        return _outcome(harvested, done)

    async def undo(self, execution_id: str) -> tuple[Reverted, ...]:
        """Take off every canvas what an execution put there, except what was changed since.

        Raises:
            UnknownExecutionError: the journal has none with this id.
            JournalError: the journal cannot be read or written.
        """
        harvested = await harvest(self._journal, execution_id, only=())
        ledger = Ledger(self._journal, self._now)
        by_canvas: dict[str, list[CanvasLanding]] = {}
        for landing in filter(stands, harvested.landings):
            by_canvas.setdefault(landing.canvas_path, []).append(landing)

        def take_off(canvas: _Canvas, path: Path) -> Reverted:
            landings = by_canvas[canvas.named]
            reverting = Reverting(
                surroundings_of(path), landings, ledger=ledger, state=self._state, manner=self._manner
            )
            return reverting.to_the_end()

        done: list[Reverted] = []
        for named in by_canvas:
            found = await self._guarded(_found(harvested, named), take_off)
            done.append(Reverted(canvas=named, problem=found) if isinstance(found, str) else found)
        return tuple(done)

    async def checks(self, execution_id: str) -> dict[str, Checked]:
        """What was found on canvases after landings that stand: before the first of them, and after the last.

        By the paths that tasks name. A canvas that was not looked at, or is gone, has none.

        Raises:
            UnknownExecutionError: the journal has none with this id.
        """
        harvested = await harvest(self._journal, execution_id, only=())
        found: dict[str, Checked] = {}
        for named in harvested.canvases:
            canvas = _found(harvested, named)
            told = [
                msgspec.msgpack.decode(landing.checked, type=Checked)
                for landing in harvested.landings
                if landing.canvas_path == str(canvas.path) and stands(landing) and landing.checked is not None
            ]
            if told:
                found[named] = from_first_to_last(told)
        return found

    async def _guarded(self, canvas: _Canvas, work: Callable[[_Canvas, Path], T]) -> T | str:
        """Do something to one canvas in a thread; returns the problem where it cannot be done, so that others are."""
        if canvas.path is None:
            return canvas.problem or ""
        try:
            return await asyncio.to_thread(work, canvas, canvas.path)
        except (InputError, CanvasWriteError) as error:
            return str(error)


def _canvases(harvested: Harvest) -> list[_Canvas]:
    """The canvases of an execution, each once however its tasks name it, with its results in the order of the tasks."""
    found: dict[Path | str, list[_Canvas]] = {}
    for named in harvested.results:
        canvas = _found(harvested, named)
        found.setdefault(canvas.path or named, []).append(canvas)
    return [_joined(same) for same in found.values()]


def _found(harvested: Harvest, named: str) -> _Canvas:
    results = harvested.results.get(named, ())
    try:
        return _Canvas(named=named, path=canvas_of(harvested.record, named), results=results)
    except InputError as error:
        return _Canvas(named=named, problem=str(error), results=results)


def _joined(same: Sequence[_Canvas]) -> _Canvas:
    results = sorted((result for canvas in same for result in canvas.results), key=lambda result: result.position)
    return msgspec.structs.replace(same[0], results=results)


def _wish(harvested: Harvest, canvas: _Canvas, path: Path, palette: Palette, *, recolour: bool) -> Wish:
    earlier = [landing for landing in harvested.landings if landing.canvas_path == str(path) and stands(landing)]
    return Wish(
        execution_id=harvested.record.execution_id,
        results=canvas.results,
        palette=palette,
        recolour=recolour,
        earlier=[landed_of(landing) for landing in earlier],
    )


def _outcome(harvested: Harvest, done: Sequence[Applied]) -> Outcome:
    return Outcome(
        execution_id=harvested.record.execution_id,
        canvases=tuple(done),
        refused=tuple(harvested.elsewhere),
        waiting=harvested.waiting,
    )
