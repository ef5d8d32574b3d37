"""A canvas read back after something was put on it: is all of it there, does it open, does nothing overlap?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from parallel_agents.canvas.curves import Box
from parallel_agents.canvas.document import Document
from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.opening import Unopened, unopened_files
from parallel_agents.canvas.survey import colour_codes
from parallel_agents.canvas.vault import Vault

_CELL = 512.0
_CELLS_OF_ONE = 4096
_FARTHEST = 1.5e308


class Overlap(msgspec.Struct, frozen=True, order=True):
    """A new node that lies on another one, or across the border of a group."""

    node_id: str
    other_id: str


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a canvas found, in plain values. What stood there before is None where nobody had looked.

    Colours are counted by code, `none` for nodes without one: what a code means is not the canvas's to say. `missing`
    are new nodes and edges that are not there; `dangling` new edges without one of their ends. `unopened` are all file
    nodes of the canvas that do not open.
    """

    nodes_before: int | None
    nodes_after: int
    edges_before: int | None
    edges_after: int
    colours_before: dict[str, int] | None
    colours_after: dict[str, int]
    missing: tuple[str, ...] = ()
    dangling: tuple[str, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    unopened: tuple[Unopened, ...] = ()

    def is_sound(self, new_ids: Collection[str]) -> bool:
        """Whether nothing is wrong with what is new; a file of somebody else's node may be gone all the same."""
        ours = any(one.node_id in new_ids for one in self.unopened)
        return not (self.missing or self.dangling or self.overlaps or ours)


def check_canvas(after: Document, vault: Vault, new_ids: Collection[str], *, before: Document | None = None) -> Checked:
    """Look at a canvas as it is now. `new_ids` are the nodes and edges that were put there, `before` what was there.

    Nothing outside the vault is looked at.
    """
    canvas, new = after.canvas, frozenset(new_ids)
    drawn = {edge.edge_id for edge in canvas.edges}
    # The graph leaves out edges that lead nowhere, so they are found in the file's own list.
    listed = {item["id"] for item in after.data.get("edges", []) if isinstance(item.get("id"), str)}
    there = {node.node_id for node in canvas.nodes} | listed
    return Checked(
        nodes_before=None if before is None else len(before.canvas.nodes),
        nodes_after=len(canvas.nodes),
        edges_before=None if before is None else _edges(before),
        edges_after=_edges(after),
        colours_before=None if before is None else colour_codes(before.canvas.nodes),
        colours_after=colour_codes(canvas.nodes),
        missing=tuple(sorted(new - there)),
        dangling=tuple(sorted(new & (listed - drawn))),
        overlaps=tuple(sorted(_overlaps(canvas, new))),
        unopened=tuple(unopened_files(canvas, vault)),
    )


def _edges(document: Document) -> int:
    return len(document.data.get("edges", []))


def _overlaps(canvas: Canvas, new: Collection[str]) -> Iterator[Overlap]:
    grid = _Grid(node for node in canvas.nodes if node.node_id in new)
    seen: set[tuple[str, str]] = set()
    for other in canvas.nodes:
        for node in grid.near(other):
            pair = (min(node.node_id, other.node_id), max(node.node_id, other.node_id))
            if node is not other and pair not in seen and _clash(node, other):
                seen.add(pair)
                yield Overlap(node.node_id, other.node_id)


def _clash(node: Node, other: Node) -> bool:
    one, two = _box(node), _box(other)
    is_apart = one.x >= two.right or two.x >= one.right or one.y >= two.bottom or two.y >= one.bottom
    if is_apart:
        return False
    return not (other.type == "group" and _encloses(two, one)) and not (node.type == "group" and _encloses(one, two))


def _encloses(outer: Box, inner: Box) -> bool:
    across = outer.x <= inner.x and inner.right <= outer.right
    return across and outer.y <= inner.y and inner.bottom <= outer.bottom


class _Grid:
    """Finds the nodes that may touch another one, without comparing all of them."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._cells: dict[tuple[int, int], list[Node]] = {}
        self._large: list[Node] = []
        self._all: list[Node] = []
        for node in nodes:
            self._all.append(node)
            cells = _cells(_box(node))
            if cells is None:
                self._large.append(node)
            for cell in cells or ():
                self._cells.setdefault(cell, []).append(node)

    def near(self, other: Node) -> list[Node]:
        """Nodes of the grid that may touch a node; all of them where it is very large."""
        cells = _cells(_box(other))
        if cells is None:
            return self._all
        found = {node.node_id: node for cell in cells for node in self._cells.get(cell, ())}
        return [*found.values(), *self._large]


def _cells(box: Box) -> list[tuple[int, int]] | None:
    """The cells that a box lies in; None where they are too many to list."""
    columns = int(box.right // _CELL) - int(box.x // _CELL) + 1
    rows = int(box.bottom // _CELL) - int(box.y // _CELL) + 1
    if columns * rows > _CELLS_OF_ONE:
        return None
    left, top = int(box.x // _CELL), int(box.y // _CELL)
    return [(column, row) for column in range(left, left + columns) for row in range(top, top + rows)]


def _box(node: Node) -> Box:
    # The sum of two places may be beyond all numbers.
    left, right = sorted((node.x, min(max(node.x + node.width, -_FARTHEST), _FARTHEST)))
    top, bottom = sorted((node.y, min(max(node.y + node.height, -_FARTHEST), _FARTHEST)))
    return Box(left, top, right - left, bottom - top)
