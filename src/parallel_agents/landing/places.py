"""Where the canvases of an execution are, and what lies around them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from parallel_agents.canvas.landing import Place
from parallel_agents.canvas.vault import find_vault_root, places_of
from parallel_agents.canvas.writing import real_canvas
from parallel_agents.core.errors import CanvasError, SourceError
from parallel_agents.core.execution import ExecutionRecord


def canvas_of(record: ExecutionRecord, named: str) -> Path:
    """The file of a canvas that a task names, every link followed.

    A path that is not absolute counted from where the execution was started; it is looked for here, then in the vault
    that it was in.

    Raises:
        InputError: it is not there, is not in that vault any more, or is a link that leaves it.
    """
    root = None if record.vault_root is None else Path(record.vault_root)
    found = next((path for path in places_of(Path(named), root) if path.is_file()), None)
    if found is None:
        hint = f"Go to the folder in which {record.execution_id} was started." if not Path(named).is_absolute() else ""
        raise SourceError(named, "there is no such file", hint=hint)
    real = real_canvas(found)
    if root is not None and root.is_absolute() and not real.is_relative_to(root.resolve()):
        raise CanvasError(found, f"is not in the vault {root}, in which {record.execution_id} was made")
    return real


def refuse_unwritable(canvases: Iterable[str]) -> None:
    """Make sure that canvases can be written, before anything is paid for. Nothing is changed.

    Raises:
        InputError: one is not there, is a link that leaves its vault, or it or its folder is read-only.
    """
    for named in dict.fromkeys(canvases):
        path = real_canvas(Path(named))
        for place in (path, path.parent):
            if not os.access(place, os.W_OK):
                problem = f"{place} is read-only, so results could not be applied"
                raise CanvasError(named, problem, hint="Make it writable, or run without --apply.")


_MADE = {".md", ".canvas"}


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """A canvas in its vault. Paths of file nodes count from `root`, which is the canvas's folder without a vault."""

    path: Path
    root: Path
    has_vault: bool

    def place(self, own: Collection[str]) -> Place:
        """Where notes go. The names in the canvas's folder are taken, except `own`, paths from the root on."""
        folder = self.path.parent
        names = (one.relative_to(self.root).as_posix() for one in folder.iterdir() if one.suffix.lower() in _MADE)
        return Place(
            vault_root=self.root,
            canvas=self.path.relative_to(self.root).as_posix(),
            taken=[name for name in names if name not in own],
        )


def surroundings_of(path: Path) -> Surroundings:
    """Find what a canvas lies in; `path` is resolved."""
    root = find_vault_root(path)
    return Surroundings(path=path, root=root or path.parent, has_vault=root is not None)
