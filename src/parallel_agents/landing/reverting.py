"""Takes what an execution put on one canvas off again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parallel_agents.canvas.document import Document
from parallel_agents.canvas.newfiles import move_away
from parallel_agents.canvas.statefolder import StateFolder
from parallel_agents.canvas.undoing import AddedFile, Kept, Undone, undo
from parallel_agents.canvas.writing import Manner, Written, write_canvas
from parallel_agents.core.errors import CanvasWriteError
from parallel_agents.landing.ledger import Ledger, landed_of
from parallel_agents.landing.places import Surroundings
from parallel_agents.landing.reports import Reverted
from parallel_agents.ports.entries import CanvasLanding


class Reverting:
    """One undo on one canvas. To be used once, in a thread of its own. `landings` are those that stand on it, in order.

    Killed at any point, it can be done again: what is gone already is not missed.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        landings: Sequence[CanvasLanding],
        *,
        ledger: Ledger,
        state: StateFolder,
        manner: Manner,
    ) -> None:
        self._surroundings = surroundings
        self._landings = landings
        self._ledger = ledger
        self._state = state
        self._manner = manner
        self._undone: Undone | None = None

    def to_the_end(self) -> Reverted:
        """Write the canvas, move its notes away, and note that it is undone.

        Raises:
            InputError, CanvasWriteError: as `write_canvas`. Nothing was changed.
            JournalError: the journal cannot be written.
        """
        written = write_canvas(self._surroundings.path, self._revise, state=self._state, manner=self._manner)
        undone = self._undone
        if undone is None:
            raise CanvasWriteError(self._surroundings.path, "nothing was read of it")
        trash = self._state.trash_of(self._landings[0].execution_id)
        moved, kept = self._move_files(undone.files, trash)
        for landing in self._landings:
            self._ledger.move(landing.landing_id, "undone")
        return self._told(written, undone, moved, [*undone.kept, *kept])

    def _revise(self, document: Document) -> bytes:
        self._undone = undo(document, [landed_of(landing) for landing in self._landings])
        return self._undone.raw

    def _move_files(self, files: Sequence[AddedFile], trash: Path) -> tuple[list[Path], list[Kept]]:
        moved: list[Path] = []
        kept: list[Kept] = []
        for file in files:
            try:
                target = move_away(self._surroundings.root, file.path, file.digest, trash)
            except CanvasWriteError as error:
                kept.append(Kept("file", file.path, error.problem))
                continue
            if target is not None:
                moved.append(target)
        return moved, kept

    def _told(self, written: Written, undone: Undone, moved: Sequence[Path], kept: Sequence[Kept]) -> Reverted:
        trash = self._state.trash_of(self._landings[0].execution_id)
        return Reverted(
            canvas=str(self._surroundings.path),
            nodes_removed=undone.nodes,
            edges_removed=undone.edges,
            recoloured=undone.colours,
            files=tuple(path.relative_to(trash).as_posix() for path in moved),
            trash=str(trash) if moved else None,
            kept=tuple(sorted(kept)),
            is_exact=undone.is_exact,
            backup=None if written.backup is None else str(written.backup),
        )
