"""Where the edges of a picture run: from side to side, leaving and reaching each at a right angle."""

from __future__ import annotations

import math
from typing import TypeAlias

import msgspec

from parallel_agents.canvas.boxes import Box
from parallel_agents.canvas.graph import Edge, Side

Point: TypeAlias = tuple[float, float]

ARROW = 11.0
"""Length of an arrow head, in pixels."""

_OUTWARD: dict[Side, Point] = {"top": (0, -1), "right": (1, 0), "bottom": (0, 1), "left": (-1, 0)}
_SHORTEST_REACH, _LONGEST_REACH = 24.0, 220.0


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A cubic curve and the corners of its arrow heads."""

    start: Point
    first: Point
    second: Point
    end: Point
    tips: tuple[tuple[Point, Point, Point], ...]

    def at(self, part: float) -> Point:
        """The point at a part of the way, from 0 to 1."""
        left = 1 - part
        weights = (left**3, 3 * left**2 * part, 3 * left * part**2, part**3)
        points = (self.start, self.first, self.second, self.end)
        x = sum(weight * point[0] for weight, point in zip(weights, points, strict=True))
        y = sum(weight * point[1] for weight, point in zip(weights, points, strict=True))
        return x, y


def curve_of(edge: Edge, source: Box, target: Box) -> Curve:
    """The curve of an edge between two boxes; sides that the file does not name are the ones that face each other."""
    nearest = _facing(source, target)
    sides = edge.from_side or nearest[0], edge.to_side or nearest[1]
    start, end = middle_of(source, sides[0]), middle_of(target, sides[1])
    reach = min(max(math.dist(start, end) / 2, _SHORTEST_REACH), _LONGEST_REACH)
    out_of, into = _OUTWARD[sides[0]], _OUTWARD[sides[1]]
    tips = [
        _tip(point, way)
        for point, way, is_there in ((start, out_of, edge.from_arrow), (end, into, edge.to_arrow))
        if is_there
    ]
    return Curve(
        # The line stops inside the head, whose point would else be blunt.
        start=_moved(start, out_of, ARROW * 0.7 if edge.from_arrow else 0),
        first=_moved(start, out_of, reach),
        second=_moved(end, into, reach),
        end=_moved(end, into, ARROW * 0.7 if edge.to_arrow else 0),
        tips=tuple(tips),
    )


def middle_of(box: Box, side: Side) -> Point:
    """Where edges touch a side."""
    (across, down), (x, y) = _OUTWARD[side], _centre(box)
    return x + across * box.width / 2, y + down * box.height / 2


def _centre(box: Box) -> Point:
    return box.x + box.width / 2, box.y + box.height / 2


def _facing(source: Box, target: Box) -> tuple[Side, Side]:
    (from_x, from_y), (to_x, to_y) = _centre(source), _centre(target)
    gap_across = abs(to_x - from_x) - (source.width + target.width) / 2
    gap_down = abs(to_y - from_y) - (source.height + target.height) / 2
    if gap_across >= gap_down:
        return ("right", "left") if to_x >= from_x else ("left", "right")
    return ("bottom", "top") if to_y >= from_y else ("top", "bottom")


def _moved(point: Point, way: Point, distance: float) -> Point:
    return point[0] + way[0] * distance, point[1] + way[1] * distance


def _tip(point: Point, way: Point) -> tuple[Point, Point, Point]:
    """An arrow head whose point lies on the side and whose back looks outward."""
    back = _moved(point, way, ARROW)
    across = (-way[1], way[0])
    return point, _moved(back, across, ARROW * 0.45), _moved(back, across, -ARROW * 0.45)
