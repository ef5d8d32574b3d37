"""What a canvas holds, as typed values: nodes, the edges between them, and where they lie."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from parallel_agents.core.errors import CanvasError

MARKDOWN_SUFFIX = ".md"
Side: TypeAlias = Literal["top", "right", "bottom", "left"]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One node. Places and sizes are pixels; `text`, `file`, `url` and `label` are "" where the type has none.

    `type` is `text`, `file`, `link`, `group`, or whatever else the file says ("" where it says nothing). `color` is a
    preset code or a hex value and means only what the user's palette says.
    """

    node_id: str
    type: str
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    text: str = ""
    file: str = ""
    subpath: str = ""
    url: str = ""
    label: str = ""
    color: str | None = None

    @property
    def is_markdown_file(self) -> bool:
        """Whether this is a file node for a Markdown note."""
        return self.type == "file" and self.file.casefold().endswith(MARKDOWN_SUFFIX)

    def holds(self, other: Node) -> bool:
        """Whether the centre of another node lies on this one."""
        across = other.x + other.width / 2 - self.x
        down = other.y + other.height / 2 - self.y
        return 0 <= across <= self.width and 0 <= down <= self.height


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """An edge between two nodes that are both there. `edge_id` is "" where the file gives none.

    A side is None where the file names none that there is; an end without an arrow is False.
    """

    edge_id: str
    from_node: str
    to_node: str
    label: str = ""
    color: str | None = None
    from_side: Side | None = None
    to_side: Side | None = None
    from_arrow: bool = False
    to_arrow: bool = True


class Canvas:
    """A canvas as a graph. Nodes and edges keep the order of the file.

    `edges` leaves out those that lead nowhere; `warnings` says in words what is odd about the file.
    """

    def __init__(self, path: Path, nodes: Sequence[Node], edges: Iterable[Edge], warnings: Sequence[str] = ()) -> None:
        self.path = path
        self.nodes = tuple(nodes)
        self.warnings = tuple(warnings)
        self._by_id = {node.node_id: node for node in self.nodes}
        self._incoming: dict[str, list[Edge]] = {}
        self._outgoing: dict[str, list[Edge]] = {}
        self.edges = tuple(edge for edge in edges if edge.from_node in self._by_id and edge.to_node in self._by_id)
        for edge in self.edges:
            self._incoming.setdefault(edge.to_node, []).append(edge)
            self._outgoing.setdefault(edge.from_node, []).append(edge)
        self._groups = tuple(node for node in self.nodes if node.type == "group")

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    def node(self, node_id: str) -> Node:
        """Return the node with this id.

        Raises:
            CanvasError: there is none; the message lists ids that come close.
        """
        found = self._by_id.get(node_id)
        if found is None:
            raise CanvasError(self.path, "there is no such node on this canvas", node=node_id, hint=self._near(node_id))
        return found

    def incoming(self, node_id: str) -> Sequence[Edge]:
        """Edges that lead to a node."""
        return self._incoming.get(node_id, ())

    def outgoing(self, node_id: str) -> Sequence[Edge]:
        """Edges that leave a node."""
        return self._outgoing.get(node_id, ())

    def parents(self, node_id: str) -> list[Node]:
        """Nodes with an edge to this one, each once; a node is not its own parent."""
        sources = dict.fromkeys(edge.from_node for edge in self.incoming(node_id))
        return [self._by_id[source] for source in sources if source != node_id]

    def group_of(self, node: Node) -> Node | None:
        """Return the smallest group that holds the centre of a node, None where no group does."""
        around = [group for group in self._groups if group is not node and group.holds(node)]
        return min(around, key=lambda group: group.width * group.height, default=None)

    def _near(self, node_id: str) -> str:
        near = difflib.get_close_matches(node_id, self._by_id, n=3, cutoff=0.6)
        if near:
            return "Did you mean " + " or ".join(repr(other) for other in near) + "?"
        some = ", ".join(repr(node.node_id) for node in self.nodes[:5])
        return f"It has {len(self.nodes)} nodes, the first being {some}." if some else "It has no nodes."
