"""One node or edge of a canvas file, read and checked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

from parallel_agents.canvas.graph import Edge, Node, Side
from parallel_agents.core.errors import CanvasError

Item = dict[str, Any]
_SIDES: dict[str, Side] = {"top": "top", "right": "right", "bottom": "bottom", "left": "left"}


def read_node(path: Path, position: int, value: object) -> Node:
    """Read one item of `nodes`. Raises `CanvasError`, naming the node and the field."""
    place = f"nodes[{position}]"
    if not isinstance(value, dict):
        raise CanvasError(path, "a node must be a JSON object", field=place)
    item = cast("Item", value)
    fields = _Fields(path, _node_id(path, place, item), item)
    node_type = fields.text("type")
    return Node(
        node_id=fields.node_id,
        type=node_type,
        x=fields.number("x"),
        y=fields.number("y"),
        width=fields.number("width"),
        height=fields.number("height"),
        text=fields.text("text" if "text" in item else "content") if node_type == "text" else "",
        file=fields.text("file") if node_type == "file" else "",
        subpath=fields.text("subpath") if node_type == "file" else "",
        url=fields.text("url") if node_type == "link" else "",
        label=fields.text("label") if node_type == "group" else "",
        color=fields.text("color") or None,
    )


def _node_id(path: Path, place: str, item: Item) -> str:
    node_id: object = item.get("id")
    if node_id is None:
        raise CanvasError(path, "a node must have an id", field=f"{place}.id")
    if not isinstance(node_id, str) or not node_id:
        raise CanvasError(path, f"an id must be a text that is not empty, not {node_id!r}", field=f"{place}.id")
    if readable(node_id) != node_id:
        raise CanvasError(path, "the id is not valid Unicode", field=f"{place}.id")
    return node_id


class _Fields:
    """Typed reads of one node's keys; a wrong type names the node and the key."""

    def __init__(self, path: Path, node_id: str, item: Item) -> None:
        self.path = path
        self.node_id = node_id
        self.item = item

    def text(self, key: str) -> str:
        """Read a text; a key that is not there, or null, gives ""."""
        value: object = self.item.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise CanvasError(self.path, f"must be a text, not {value!r:.60}", node=self.node_id, field=key)
        return readable(value)

    def number(self, key: str) -> float:
        """Read a number; a key that is not there gives 0."""
        value: object = self.item.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CanvasError(self.path, f"must be a number, not {value!r:.60}", node=self.node_id, field=key)
        if not math.isfinite(number := _float(value)):
            raise CanvasError(self.path, "is too large a number", node=self.node_id, field=key)
        return number


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def read_edge(path: Path, position: int, value: object) -> Edge:
    """Read one item of `edges`. Raises `CanvasError`, naming the place."""
    place = f"edges[{position}]"
    if not isinstance(value, dict):
        raise CanvasError(path, "an edge must be a JSON object", field=place)
    item = cast("Item", value)
    return Edge(
        edge_id=_edge_text(path, place, item, "id"),
        from_node=_edge_text(path, place, item, "fromNode"),
        to_node=_edge_text(path, place, item, "toNode"),
        label=_edge_text(path, place, item, "label"),
        color=_edge_text(path, place, item, "color") or None,
        from_side=_SIDES.get(str(item.get("fromSide"))),
        to_side=_SIDES.get(str(item.get("toSide"))),
        from_arrow=item.get("fromEnd") == "arrow",
        to_arrow=item.get("toEnd") != "none",
    )


def _edge_text(path: Path, place: str, item: Item, key: str) -> str:
    value: object = item.get(key)
    if value is not None and not isinstance(value, str):
        raise CanvasError(path, f"must be a text, not {value!r:.60}", field=f"{place}.{key}")
    return readable(value or "")


def readable(text: str) -> str:
    r"""Return a text that can be written as UTF-8: a half surrogate (`"\ud83d"` in JSON) becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
