"""A canvas on a desk: what is written on it by us, and by others at the worst moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parallel_agents.canvas.document import Document
from parallel_agents.canvas.editing import Edit, ListEdit, edit_document
from parallel_agents.canvas.exchange import exchange
from parallel_agents.canvas.statefolder import StateFolder
from parallel_agents.canvas.writing import Manner, Point, Revise


def a_node(node_id: str, **changes: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "text", "text": node_id, "x": 0, "y": 0, "width": 100, "height": 50, **changes}


def put_canvas(path: Path, *nodes: dict[str, Any], edges: tuple[dict[str, Any], ...] = ()) -> Path:
    path.write_text(json.dumps({"nodes": nodes, "edges": edges}, ensure_ascii=False, indent="\t"), encoding="utf-8")
    return path


def data_of(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())


def ids_in(path: Path) -> list[str]:
    return [node["id"] for node in data_of(path)["nodes"]]


def adding(*node_ids: str) -> Revise:
    """Add those of these nodes that are not there."""

    def revise(document: Document) -> bytes | None:
        there = {node.node_id for node in document.canvas.nodes}
        new = [a_node(one) for one in node_ids if one not in there]
        return edit_document(document, Edit(nodes=ListEdit(added=new))).raw if new else None

    return revise


def rewrite(path: Path, change: Callable[[dict[str, Any]], None], *, based_on: bytes | None = None) -> None:
    """Do what an editor does: read, change, write all of it in place."""
    data = json.loads(path.read_bytes() if based_on is None else based_on)
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def add_to(path: Path, node_id: str) -> None:
    rewrite(path, lambda data: data["nodes"].append(a_node(node_id)))


def state_beside(folder: Path) -> StateFolder:
    return StateFolder(folder / "state", now=lambda: 1_700_000_000.0)


class Disturbed:
    """A manner of writing in which somebody else acts at chosen points, and time takes no time."""

    def __init__(self, **at: Callable[[], None]) -> None:
        self.seen: list[Point] = []
        self.slept: list[float] = []
        self._at = {Point[name.upper()]: action for name, action in at.items() if name != "swapping"}
        self._swapping = at.get("swapping")

    def manner(self, **changes: Any) -> Manner:
        told: dict[str, Any] = {"on_point": self._reach, "sleep": self.slept.append, "exchange": self._exchange}
        return Manner(**{**told, **changes})

    def _reach(self, point: Point) -> None:
        self.seen.append(point)
        action = self._at.get(point)
        if action is not None:
            action()

    def _exchange(self, first: Path, second: Path) -> bool:
        action, self._swapping = self._swapping, None
        if action is not None:
            action()
        return exchange(first, second)


def once(action: Callable[[], None]) -> Callable[[], None]:
    """Act the first time only."""
    left = [action]
    return lambda: left.pop()() if left else None


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def hidden_in(folder: Path) -> list[str]:
    return [name for name in names_in(folder) if name.startswith(".parallel-agents")]
