"""A `.canvas` file as it stands on disk: its bytes, its facts of form, and the graph that it describes."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec

from parallel_agents.canvas.graph import Canvas, Edge, Node
from parallel_agents.canvas.items import Item, read_edge, read_node
from parallel_agents.core.errors import CanvasError, SourceError

_BLANKS = " \t\r\n"
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
    return document_of(path, _read(path))


def document_of(path: Path, raw: bytes) -> Document:
    """Read the bytes of a canvas file; `path` is what errors call it. Raises what `load_document` raises."""
    has_bom = raw.startswith(codecs.BOM_UTF8)
    text = _decode(path, raw.removeprefix(codecs.BOM_UTF8))
    repeated: list[str] = []
    data = _parse(path, text, repeated)
    return Document(
        path=path,
        raw=raw,
        data=data,
        has_bom=has_bom,
        newline=_newline(text),
        indent=_indent(text),
        canvas=_canvas(path, data, repeated),
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


def _parse(path: Path, text: str, repeated: list[str]) -> Item:
    if not text.strip(_BLANKS):
        return {}  # Obsidian opens an empty file as an empty canvas

    def join(pairs: list[tuple[str, Any]]) -> Item:
        made = dict(pairs)
        if len(made) < len(pairs):
            repeated.extend(_repeated_keys(made, [key for key, _ in pairs]))
        return made

    try:
        data: object = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=join)
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


def _repeated_keys(item: Item, keys: list[str]) -> list[str]:
    place = f"in the item {item['id']!r}, " if isinstance(item.get("id"), str) else ""
    numbers = Counter(keys)
    return [
        f"{place}the key {key!r} stands {number} times; only the last one counts"
        for key, number in numbers.items()
        if number > 1
    ]


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


def _canvas(path: Path, data: Item, repeated: list[str]) -> Canvas:
    nodes = [read_node(path, position, item) for position, item in enumerate(_array(path, data, "nodes"))]
    for node_id, number in Counter(node.node_id for node in nodes).items():
        if number > 1:
            problem = f"{number} nodes share this id, so no result could be attached to one of them"
            raise CanvasError(path, problem, node=node_id, field="id", hint="Give each node an id of its own.")
    edges = [read_edge(path, position, item) for position, item in enumerate(_array(path, data, "edges"))]
    return Canvas(path, nodes, edges, [*repeated, *_warnings(nodes, edges)])


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
