"""What a review, an apply and an undo tell."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from parallel_agents.canvas.checking import Checked
from parallel_agents.canvas.landing import Proposal
from parallel_agents.canvas.undoing import Kept


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A result that cannot land, and why. `node_id` is None where the task was about none."""

    task_id: str
    node_id: str | None
    reason: str


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What an apply would do to one canvas; `problem` says why nothing can be told of it, None where it can."""

    canvas: str
    proposals: tuple[Proposal, ...] = ()
    refused: tuple[Refused, ...] = ()
    problem: str | None = None


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What an apply did to one canvas. Counts of nodes and edges are of the whole canvas, before and after.

    `files` count from the vault's root. `backup` is the version from before, None where nothing was written. `merged`
    counts versions of others that were joined in. `problem` says why the canvas could not be written, None where it
    could; then nothing of it was changed, and what is counted is None. `checked` is what was found on reading it back
    after a write, and `is_sound` whether nothing is wrong with what is new; both None where nothing was written.
    """

    canvas: str
    nodes_before: int | None = None
    nodes_after: int | None = None
    edges_before: int | None = None
    edges_after: int | None = None
    nodes_added: int = 0
    edges_added: int = 0
    files: tuple[str, ...] = ()
    recoloured: int = 0
    refused: tuple[Refused, ...] = ()
    backup: str | None = None
    merged: int = 0
    problem: str | None = None
    checked: Checked | None = None
    is_sound: bool | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an apply did.

    `waiting` counts results that wait for tasks before them, so that places never depend on which was faster; `refused`
    has results that are for no canvas.
    """

    execution_id: str
    canvases: tuple[Applied, ...] = ()
    refused: tuple[Refused, ...] = ()
    waiting: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every result for a canvas is on it, as far as tasks have ended, and nothing is wrong there."""
        return not any(applied.problem or applied.refused or applied.is_sound is False for applied in self.canvases)


class Reverted(msgspec.Struct, frozen=True, kw_only=True):
    """What an undo did to one canvas. `is_exact`: the file is byte for byte what it was before.

    `files` went to `trash`, a folder outside the vault; `kept` stays, each with its reason. `problem` as in `Applied`.
    """

    canvas: str
    is_exact: bool = False
    nodes_removed: int = 0
    edges_removed: int = 0
    recoloured: int = 0
    files: tuple[str, ...] = ()
    trash: str | None = None
    kept: tuple[Kept, ...] = ()
    backup: str | None = None
    problem: str | None = None


def from_first_to_last(told: Sequence[Checked]) -> Checked:
    """What stood there before the first of several writes, and what was found after the last."""
    first, last = told[0], told[-1]
    return msgspec.structs.replace(
        last,
        nodes_before=first.nodes_before,
        edges_before=first.edges_before,
        colours_before=first.colours_before,
    )
