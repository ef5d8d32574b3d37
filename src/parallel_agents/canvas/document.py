"""A `.canvas` file as it stands on disk: its bytes, its facts of form, and the graph that it describes."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec

from parallel_agents.canvas.graph import Canvas, Edge, Node
from parallel_agents.core.errors import CanvasError, SourceError

Item = dict[str, Any]

_INDENT = re.compile(r"\n([ \t]*)[^ \t\r\n]")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A canvas file, kept so that it can be given back byte for byte.

    `raw` is the file itself. `data` is what it says, unknown keys and key order included; number forms (`1.0`, `1e2`)
    live in `raw` only. `newline` is "" for a file of one line, `indent` the first line's indentation, "" for none.
    """

    path: Path
    raw: bytes
    data: Item
    has_bom: bool
    newline: str
    indent: str
    canvas: Canvas


def load_document(path: Path) -> Document:
    """Read a canvas file.

    Raises:
        SourceError: the file is not there, cannot be read, or is not a JSON object in UTF-8.
        CanvasError: a node or an edge has a missing or a wrong field, or two nodes share an id.
    """
    raw = _read(path)
    has_bom = raw.startswith(codecs.BOM_UTF8)
    text = _decode(path, raw.removeprefix(codecs.BOM_UTF8))
    data = _parse(path, text)
    return Document(
        path=path,
        raw=raw,
        data=data,
        has_bom=has_bom,
        newline=_newline(text),
        indent=_indent(text),
        canvas=_canvas(path, data),
    )


def load_canvas(path: Path) -> Canvas:
    """Read a canvas file for what is on it. Raises what `load_document` raises."""
    return load_document(path).canvas


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise SourceError(path, "is a folder, not a canvas file", hint="Name a .canvas file in it.")
        if not path.exists():
            raise SourceError(path, "there is no such file")
        if not path.is_file():
            raise SourceError(path, "is not a regular file")  # reading a pipe would wait for ever
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise SourceError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _decode(path: Path, raw: bytes) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SourceError(path, "is UTF-16 text; a canvas is UTF-8", hint="Save it again as UTF-8.")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SourceError(path, f"is not UTF-8: byte {raw[error.start]:#04x}", line=line) from error


def _parse(path: Path, text: str) -> Item:
    if not text.strip():
        return {}  # Obsidian opens an empty file as an empty canvas
    try:
        data: object = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        problem = f"is not JSON: {error.msg} (column {error.colno})"
        raise SourceError(path, problem, line=error.lineno) from error
    except (ValueError, RecursionError) as error:
        problem = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SourceError(path, f"is not JSON that can be read: {problem}") from error
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "a single value"
        raise SourceError(path, f"a canvas is a JSON object with nodes and edges; this is {kind}", line=1)
    return cast("Item", data)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _newline(text: str) -> str:
    end = text.find("\n")
    if end < 0:
        return ""
    return "\r\n" if text[end - 1 : end] == "\r" else "\n"


def _indent(text: str) -> str:
    found = _INDENT.search(text)
    return found[1] if found else ""


def _canvas(path: Path, data: Item) -> Canvas:
    nodes = [_node(path, position, item) for position, item in enumerate(_array(path, data, "nodes"))]
    for node_id, number in Counter(node.node_id for node in nodes).items():
        if number > 1:
            problem = f"{number} nodes share this id, so no result could be attached to one of them"
            raise CanvasError(path, problem, node=node_id, field="id", hint="Give each node an id of its own.")
    edges = [_edge(path, position, item) for position, item in enumerate(_array(path, data, "edges"))]
    return Canvas(path, nodes, edges, _warnings(nodes, edges))


def _warnings(nodes: list[Node], edges: list[Edge]) -> list[str]:
    known = {node.node_id for node in nodes}
    dangling = [edge for edge in edges if edge.from_node not in known or edge.to_node not in known]
    found = [f"edge {edge.edge_id!r} leads from or to a node that is not there; it is left out" for edge in dangling]
    repeated = Counter(edge.edge_id for edge in edges if edge.edge_id)
    found += [f"{number} edges share the id {edge_id!r}" for edge_id, number in repeated.items() if number > 1]
    return found


def _array(path: Path, data: Item, key: str) -> list[object]:
    value: object = data.get(key, [])
    if not isinstance(value, list):
        raise CanvasError(path, f"{key} must be a list", field=key)
    return cast("list[object]", value)


def _node(path: Path, position: int, value: object) -> Node:
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


def _edge(path: Path, position: int, value: object) -> Edge:
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
