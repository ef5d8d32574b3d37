"""What an undo takes off a canvas, and what it leaves: everything that somebody has changed since, or built on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

import msgspec

from parallel_agents.canvas.document import Document, document_of
from parallel_agents.canvas.editing import REMOVED, Edit, ListEdit, edit_document
from parallel_agents.canvas.items import Item
from parallel_agents.canvas.reversal import Reversal, reverse

Kind: TypeAlias = Literal["node", "edge", "colour", "file"]
_PLACES = frozenset({"x", "y", "width", "height"})


class Recoloured(msgspec.Struct, frozen=True):
    """The colour of a node before and after; None: it had none."""

    before: str | None
    after: str


class AddedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A note that a landing made, with its SHA-256. `path` counts from the vault's root."""

    path: str
    digest: str
    task_id: str


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What a landing put on a canvas and beside it. Nodes and edges are as they were written."""

    tasks: tuple[str, ...] = ()
    nodes: tuple[dict[str, Any], ...] = ()
    edges: tuple[dict[str, Any], ...] = ()
    files: tuple[AddedFile, ...] = ()
    recoloured: dict[str, Recoloured] = {}


class Landed(msgspec.Struct, frozen=True, kw_only=True):
    """One landing. One that is not `is_done` may never have reached the canvas."""

    added: Added
    reversal: Reversal
    is_done: bool = True


class Kept(msgspec.Struct, frozen=True, order=True):
    """What an undo leaves, and why."""

    kind: Kind
    name: str
    reason: str


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """The canvas after an undo. `is_exact`: the bytes are those from before the first of the landings.

    `files` are the notes that nothing on it shows any more.
    """

    raw: bytes
    is_exact: bool
    nodes: int = 0
    edges: int = 0
    colours: int = 0
    kept: tuple[Kept, ...] = ()
    files: tuple[AddedFile, ...] = ()


def undo(document: Document, landings: Sequence[Landed]) -> Undone:
    """Take landings of one execution, in the order in which they were made, off a canvas.

    As long as the file is what a landing left, it becomes what it was before, to the byte. From there on, nodes and
    edges go by their ids: those that are as they were written, wherever they lie by now. What was changed stays, and so
    does what leads to it, and what an edge of somebody else hangs on. A colour returns where it is still the one given.

    Raises:
        CanvasError: an item that is to go shares its id with another one.
    """
    raw, left = _reversed(document, landings)
    reached = document_of(document.path, raw)
    if not left:
        return _told(document, reached, landings, is_exact=True)
    coloured, kept = _with_colours_back(reached, left)
    undoing = _Undoing(coloured, left)
    removed = edit_document(coloured, undoing.edit())
    return _told(document, document_of(document.path, removed.raw), landings, (*kept, *undoing.kept()), is_exact=False)


def _reversed(document: Document, landings: Sequence[Landed]) -> tuple[bytes, Sequence[Landed]]:
    raw = document.raw
    for position in range(len(landings) - 1, -1, -1):
        if landings[position].reversal.fits(raw):
            raw = reverse(document.path, raw, landings[position].reversal)
        elif landings[position].is_done or _traces(raw, document, landings[position]):
            return raw, landings[: position + 1]
    return raw, ()


def _traces(raw: bytes, document: Document, landing: Landed) -> bool:
    data = document_of(document.path, raw).data
    ids = {item.get("id") for name in ("nodes", "edges") for item in _items(data, name)}
    ours = {item["id"] for item in (*landing.added.nodes, *landing.added.edges)} | landing.added.recoloured.keys()
    return bool(ids & ours)


def _with_colours_back(document: Document, landings: Sequence[Landed]) -> tuple[Document, list[Kept]]:
    colours = {item["id"]: item.get("color") for item in _items(document.data, "nodes")}
    before, kept = dict(colours), list[Kept]()
    for landing in reversed(landings):
        for node_id, change in landing.added.recoloured.items():
            if node_id in colours and colours[node_id] == change.after:
                colours[node_id] = change.before
            elif node_id in colours and landing.is_done:
                kept.append(Kept("colour", node_id, "its colour was changed since"))
    keys = {
        node_id: {"color": REMOVED if colour is None else colour}
        for node_id, colour in colours.items()
        if colour != before[node_id]
    }
    edited = edit_document(document, Edit(nodes=ListEdit(keys=keys)))
    return document_of(document.path, edited.raw), kept


class _Undoing:
    """One canvas, its colours as they were, and the items that are to go."""

    def __init__(self, document: Document, landings: Sequence[Landed]) -> None:
        self._nodes = _by_id(document.data, "nodes")
        self._edges = _by_id(document.data, "edges")
        written_nodes = {node["id"]: node for landing in landings for node in landing.added.nodes}
        written_edges = {edge["id"]: edge for landing in landings for edge in landing.added.edges}
        self._own_nodes = [one for one in written_nodes if one in self._nodes]
        self._own_edges = [one for one in written_edges if one in self._edges]
        self._kept: dict[tuple[Kind, str], str] = {}
        for one in self._own_nodes:
            if _is_changed(self._nodes[one], written_nodes[one]):
                self._kept["node", one] = "it was changed since"
        for one in self._own_edges:
            if _is_changed(self._edges[one], written_edges[one]):
                self._kept["edge", one] = "it was changed since"
        self._keep_what_others_hang_on(_items(document.data, "edges"), set(written_edges))
        self._keep_what_leads_there()

    def edit(self) -> Edit:
        """Everything that goes."""
        return Edit(
            nodes=ListEdit(removed=[one for one in self._own_nodes if ("node", one) not in self._kept]),
            edges=ListEdit(removed=[one for one in self._own_edges if ("edge", one) not in self._kept]),
        )

    def kept(self) -> list[Kept]:
        """Everything that stays although it was added."""
        return [Kept(kind, name, reason) for (kind, name), reason in self._kept.items()]

    def _keep_what_others_hang_on(self, edges: Iterable[Item], written: set[str]) -> None:
        own = set(self._own_nodes)
        for edge in edges:
            edge_id = edge.get("id")
            if edge_id in written and ("edge", str(edge_id)) not in self._kept:
                continue
            for end in (edge.get("fromNode"), edge.get("toNode")):
                if isinstance(end, str) and end in own:
                    self._kept.setdefault(("node", end), "an edge that is not ours hangs on it")

    def _keep_what_leads_there(self) -> None:
        """An answer that the learner wrote keeps its question, and the edges on the way to it."""
        leading: dict[str, list[str]] = {}
        for one in self._own_edges:
            leading.setdefault(str(self._edges[one].get("toNode")), []).append(one)
        own = set(self._own_nodes)
        open_ids = [name for kind, name in self._kept if kind == "node"]
        while open_ids:
            for edge_id in leading.get(open_ids.pop(), ()):
                self._kept.setdefault(("edge", edge_id), "it leads to a node that stays")
                start = str(self._edges[edge_id].get("fromNode"))
                if start in own and ("node", start) not in self._kept:
                    self._kept["node", start] = "it leads to a node that stays"
                    open_ids.append(start)


def _told(
    document: Document, after: Document, landings: Sequence[Landed], kept: Sequence[Kept] = (), *, is_exact: bool
) -> Undone:
    shown = {node.file for node in after.canvas.nodes if node.type == "file"}
    files = {file.path: file for landing in landings for file in landing.added.files}
    still = [Kept("file", path, "a node that stays shows it") for path in files if path in shown]
    nodes, edges = (_by_id(document.data, name).keys() - _by_id(after.data, name).keys() for name in ("nodes", "edges"))
    return Undone(
        raw=after.raw,
        is_exact=is_exact,
        nodes=len(nodes),
        edges=len(edges),
        colours=_changed_colours(document, after),
        kept=(*kept, *still),
        files=tuple(file for path, file in files.items() if path not in shown),
    )


def _changed_colours(document: Document, after: Document) -> int:
    before = {node.node_id: node.color for node in document.canvas.nodes}
    return sum(node.node_id in before and before[node.node_id] != node.color for node in after.canvas.nodes)


def _is_changed(item: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    now, then = ({key: value for key, value in one.items() if key not in _PLACES} for one in (item, written))
    return json.dumps(now, sort_keys=True) != json.dumps(then, sort_keys=True)


def _by_id(data: Item, name: str) -> dict[str, Item]:
    return {item["id"]: item for item in _items(data, name) if isinstance(item.get("id"), str)}


def _items(data: Item, name: str) -> Sequence[Item]:
    return cast("Sequence[Item]", data.get(name, []))
