"""Rectangles on a canvas, and which of very many of them lie in the way of one more."""

from __future__ import annotations

import math
from itertools import product
from typing import Generic, TypeVar

import msgspec

from parallel_agents.canvas.graph import Node

REACH = 1e9
"""Pixels around the origin within which places are exact in floating point; new nodes stay inside."""

Key = TypeVar("Key")


class Box(msgspec.Struct, frozen=True):
    """A rectangle in pixels, y downwards. Its sides may have no length, and never less."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower side."""
        return self.y + self.height

    def grown(self, across: float, down: float) -> Box:
        """The box with so much more on either side; less, where negative."""
        return Box(self.x - across, self.y - down, self.width + 2 * across, self.height + 2 * down)

    def encloses(self, other: Box) -> bool:
        """Whether the other one lies wholly in this one."""
        across = self.x <= other.x and other.right <= self.right
        return across and self.y <= other.y and other.bottom <= self.bottom


def box_of(node: Node) -> Box:
    """Where a node lies, as far as that is within reach; a negative size counts from the other side."""
    left, right = sorted((node.x, node.x + node.width))
    top, bottom = sorted((node.y, node.y + node.height))
    x, y = _clamped(left), _clamped(top)
    return Box(x, y, _clamped(right) - x, _clamped(bottom) - y)


def _clamped(place: float) -> float:
    return min(max(place, -REACH), REACH)


class BoxIndex(Generic[Key]):
    """Finds boxes that meet one, among tens of thousands.

    A box is filed under the cells that it touches of a grid as coarse as itself, so none is filed under more than
    four, whatever its size.
    """

    def __init__(self) -> None:
        self._grids: dict[int, dict[tuple[int, int], list[tuple[float, float, float, float, Box, Key]]]] = {}
        self.extent: Box | None = None

    def add(self, box: Box, key: Key) -> None:
        """File a box; `extent` is the smallest one around all."""
        self.extent = box if self.extent is None else around(self.extent, box)
        size = _cell_size(box)
        grid = self._grids.setdefault(size, {})
        entry = (box.x, box.y, box.right, box.bottom, box, key)
        for cell in product(_span(box.x, box.right, size), _span(box.y, box.bottom, size)):
            grid.setdefault(cell, []).append(entry)

    def meeting(self, box: Box) -> list[tuple[Box, Key]]:
        """Boxes that have more in common with this one than a border, some of them more than once."""
        left, top, right, bottom = box.x, box.y, box.right, box.bottom
        found: list[tuple[Box, Key]] = []
        for size, grid in self._grids.items():
            columns, rows = _span(left, right, size), _span(top, bottom, size)
            cells = product(columns, rows) if len(columns) * len(rows) <= len(grid) else grid
            for cell in cells:
                for x, y, end, under, other, key in grid.get(cell, ()):  # the innermost loop of a landing
                    if x < right and left < end and y < bottom and top < under:
                        found.append((other, key))
        return found


_FINEST = 256


def _cell_size(box: Box) -> int:
    return max(_FINEST, 1 << max(0, math.frexp(max(box.width, box.height))[1]))


def _span(start: float, end: float, size: int) -> range:
    return range(int(start // size), int(end // size) + 1)


def around(one: Box, other: Box) -> Box:
    """The smallest box that encloses two."""
    x, y = min(one.x, other.x), min(one.y, other.y)
    return Box(x, y, max(one.right, other.right) - x, max(one.bottom, other.bottom) - y)
