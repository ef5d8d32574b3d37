from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from parallel_agents.canvas.document import load_canvas
from parallel_agents.canvas.graph import Canvas

Draw = Callable[..., Canvas]


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A folder with `.obsidian` and a folder of a subject in it."""
    root = tmp_path / "笔记 库"
    (root / ".obsidian").mkdir(parents=True)
    (root / "离散数学").mkdir()
    return root


@pytest.fixture
def draw(vault: Path) -> Draw:
    """Write a canvas from texts by id (or whole nodes) and edges such as `"m > q : 个人理解"`, and load it."""

    def write(
        nodes: Mapping[str, str | dict[str, Any]], edges: Sequence[str] = (), *, name: str = "图.canvas"
    ) -> Canvas:
        items = [_node(node_id, told, 200 * number) for number, (node_id, told) in enumerate(nodes.items())]
        path = vault / "离散数学" / name
        path.write_text(json.dumps({"nodes": items, "edges": [_edge(edge) for edge in edges]}), encoding="utf-8")
        return load_canvas(path)

    return write


def _node(node_id: str, told: str | dict[str, Any], y: int) -> dict[str, Any]:
    node = {"type": "text", "text": told} if isinstance(told, str) else told
    return {"id": node_id, "x": 0, "y": y, "width": 300, "height": 100, **node}


def _edge(told: str) -> dict[str, Any]:
    ends, _, label = told.partition(" : ")
    source, _, target = ends.partition(" > ")
    edge = {"id": told, "fromNode": source, "toNode": target}
    return {**edge, "label": label} if label else edge
