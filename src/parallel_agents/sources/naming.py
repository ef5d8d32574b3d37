"""Nodes that are named where there are several canvases: by an id that only one has, or as `CANVAS#ID`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from parallel_agents.canvas.graph import Canvas
from parallel_agents.core.errors import SourceError

_MOST_NAMED = 5


def nodes_by_canvas(folder: Path, canvases: Sequence[Canvas], names: Sequence[str]) -> Mapping[Path, list[str]]:
    """Find the canvas of every named node; returns ids by the path of their canvas, in the order of the names.

    `CANVAS` is a path, from the folder or as it would be given, or the name of the file where only one has it; its
    ending may be left out.

    Raises:
        SourceError: no canvas has the node, or several have it.
    """
    found: dict[Path, list[str]] = {}
    known = _Names(folder, canvases)
    for name in names:
        canvas, node_id = known.only(name)
        found.setdefault(canvas.path, []).append(node_id)
    return found


class _Names:
    def __init__(self, folder: Path, canvases: Sequence[Canvas]) -> None:
        self._folder = folder
        self._by_path: dict[str, list[Canvas]] = {}
        self._by_name: dict[str, list[Canvas]] = {}
        self._by_id: dict[str, list[Canvas]] = {}
        for canvas in canvases:
            inner = canvas.path.relative_to(folder)
            for path in (inner, inner.with_suffix(""), canvas.path, canvas.path.with_suffix("")):
                _enter(self._by_path, path.as_posix(), canvas)
            _enter(self._by_name, inner.name, canvas)
            _enter(self._by_name, inner.stem, canvas)
            for node in canvas.nodes:
                _enter(self._by_id, node.node_id, canvas)

    def only(self, name: str) -> tuple[Canvas, str]:
        places: list[tuple[Canvas, str]] = []
        for reading in self._readings(name):
            places = places or list(reading)
        if not places:
            hint = "A node of a folder is named by its id, or as CANVAS#ID."
            raise SourceError(self._folder, f"no canvas in it has a node {name!r}", hint=hint)
        if len(places) > 1:
            full = [f"{canvas.path.relative_to(self._folder).as_posix()}#{node_id}" for canvas, node_id in places]
            shown = ", ".join(map(repr, full[:_MOST_NAMED])) + (", …" if len(full) > _MOST_NAMED else "")
            problem = f"{len(places)} canvases have a node {name!r}"
            raise SourceError(self._folder, problem, hint=f"Say which one: {shown}.")
        return places[0]

    def _readings(self, name: str) -> Iterator[Iterator[tuple[Canvas, str]]]:
        """Whatever a name may mean, the most exact reading first; ids and paths may hold the sign too."""
        yield ((canvas, name) for canvas in self._by_id.get(name, ()))
        splits = [(name[:at], name[at + 1 :]) for at, sign in enumerate(name) if sign == "#"]
        for by in (self._by_path, self._by_name):
            yield (
                (canvas, node_id)
                for before, node_id in splits
                for canvas in by.get(before, ())
                if canvas in self._by_id.get(node_id, ())
            )


def _enter(names: dict[str, list[Canvas]], name: str, canvas: Canvas) -> None:
    there = names.setdefault(name, [])
    if canvas not in there:
        there.append(canvas)
