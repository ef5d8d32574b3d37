"""A canvas read back after something was put on it: is all of it there, does it open, does nothing overlap?"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from parallel_agents.canvas.boxes import Box, BoxIndex, box_of
from parallel_agents.canvas.document import Document
from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.opening import Unopened, unopened_files
from parallel_agents.canvas.survey import colour_codes
from parallel_agents.canvas.vault import Vault


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
    index: BoxIndex[Node] = BoxIndex()
    for node in canvas.nodes:
        if node.node_id in new:
            index.add(box_of(node), node)
    seen: set[frozenset[str]] = set()
    for other in canvas.nodes:
        place = box_of(other)
        for box, node in index.meeting(place):
            pair = frozenset((node.node_id, other.node_id))
            if node is not other and pair not in seen and not _is_inside(node, box, other, place):
                seen.add(pair)
                yield Overlap(node.node_id, other.node_id)


def _is_inside(node: Node, box: Box, other: Node, place: Box) -> bool:
    """Whether one of the two is a group that holds the other one whole."""
    return (other.type == "group" and place.encloses(box)) or (node.type == "group" and box.encloses(place))
