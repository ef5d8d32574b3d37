"""Where new nodes go: near their source, in line with one another, never over anything.

A group is the user's: what is placed lies wholly in the source's group where there is room, else wholly beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from heapq import heapify, heappop, heappush
from typing import TypeAlias

import msgspec

from parallel_agents.canvas.boxes import REACH, Box, BoxIndex, around, box_of
from parallel_agents.canvas.graph import Node

BORDER = 20
"""Pixels between what is placed and the border of a group, on either side of it."""

_Corner: TypeAlias = tuple[int, int]
_Try: TypeAlias = tuple[float, int, int, int]

_COLUMNS = 12
_BACKWARDS = 3.0  # what a pixel to the left or upwards costs; one downwards costs 1
_NARROW = 20
_NEAR = 4_000
_TRIES = 200  # after that a place outside everything is taken, so that a crowded canvas costs no minutes


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes that are placed together: `boxes` lie as they shall, from (0, 0) on to the right and downwards.

    `gap` is the distance from the source's right side, `step` from one column of such blocks to the next; `across` and
    `down` keep other nodes off. A pixel further to the right costs `right_cost` of one further down.
    """

    boxes: tuple[Box, ...]
    gap: int
    step: int
    across: int
    down: int
    right_cost: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the whole."""
        return max(box.right for box in self.boxes), max(box.bottom for box in self.boxes)


class _Search(msgspec.Struct, frozen=True, kw_only=True):
    """One search: the best place is (`x`, `y`), the others lie within `area`; groups in `inside` may be around."""

    block: Block
    width: float
    height: float
    x: int
    y: int
    area: Box
    inside: frozenset[str]

    def try_at(self, x: int, y: int, heading: int = 0) -> _Try:
        """A place with its cost, and where to go on from it: downwards (1), upwards (-1) or both ways."""
        across = (x - self.x) * self.block.right_cost if x >= self.x else (self.x - x) * _BACKWARDS
        return across + (y - self.y if y >= self.y else (self.y - y) * _BACKWARDS), x, y, heading

    def allows(self, x: int, y: int) -> bool:
        """Whether a block that begins here ends within the area."""
        across = self.area.x <= x <= self.area.right - self.width
        return across and self.area.y <= y <= self.area.bottom - self.height

    def around(self, x: int, y: int) -> Box:
        """A block that begins here, with what keeps others off."""
        across, down = self.block.across, self.block.down
        return Box(x - across, y - down, self.width + 2 * across, self.height + 2 * down)

    def further(self, tried: _Try, in_the_way: Sequence[Box]) -> Iterator[_Try]:
        """The nearest places in the same column that are not known to be taken."""
        _, x, y, heading = tried
        down = self.block.down
        # At least a pixel further: sums are rounded, and what is in the way by less would stay there for ever.
        if heading >= 0:
            yield self.try_at(x, max(y + 1, math.ceil(max(box.bottom for box in in_the_way) + down)), 1)
        if heading <= 0:
            yield self.try_at(x, min(y - 1, math.floor(min(box.y for box in in_the_way) - down - self.height)), -1)


class Ground:
    """The places of a canvas that are taken. What is placed is taken from then on."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes: BoxIndex[str] = BoxIndex()
        self._groups: BoxIndex[str] = BoxIndex()
        self._too_full: dict[str, list[tuple[float, ...]]] = {}
        for node in nodes:
            (self._groups if node.type == "group" else self._nodes).add(box_of(node), node.node_id)

    def place(self, source: Node, block: Block) -> list[Box] | None:
        """Find places for a block near its source; None where the whole plane is taken.

        The same ground, source and block give the same places, in whole pixels.
        """
        corner = self._inside(source, block) or self._anywhere(source, block)
        if corner is None:
            return None
        placed = [Box(corner[0] + box.x, corner[1] + box.y, box.width, box.height) for box in block.boxes]
        for box in placed:
            self._nodes.add(box, "")
        return placed

    def put(self, box: Box, beside: Box) -> bool:
        """Take one exact place, if it is free and in the same groups as `beside`; tell whether it was."""
        outer = {key: found for found, key in self._groups.meeting(beside.grown(1, 1)) if found.encloses(beside)}
        in_the_way = self._blocking(box.grown(_NARROW, _NARROW), frozenset(outer))
        is_free = not in_the_way and all(found.encloses(box) for found in (*outer.values(), _WORLD))
        if is_free:
            self._nodes.add(box, "")
        return is_free

    def _inside(self, source: Node, block: Block) -> _Corner | None:
        """Look in the groups around the source, from the smallest on."""
        holders = self._holders(source)
        row = box_of(source).y
        seen = box_of(source)
        for box, key in holders:
            area = box.grown(-BORDER, -BORDER)
            if self._may_hold(key, area, block):
                inside = frozenset(other for outer, other in holders if outer.encloses(box))
                search = _search(block, seen.right, row, area, inside)
                columns, are_all = self._left_sides(search)
                corner, were_all = self._nearest(search, columns)
                if corner is not None:
                    return corner
                if are_all and were_all:
                    self._too_full.setdefault(key, []).append(_needs(block))
            seen = around(seen, box)
        return None

    def _anywhere(self, source: Node, block: Block) -> _Corner | None:
        seen = box_of(source)
        for box, _ in self._holders(source):
            seen = around(seen, box)
        search = _search(block, seen.right, box_of(source).y, _WORLD, frozenset())
        to_the_left = math.floor(seen.x - block.gap - block.size[0])
        columns = self._rightwards(search)
        columns += [columns[-1] + number * block.step for number in range(1, _COLUMNS)]
        columns += [to_the_left - number * block.step for number in range(_COLUMNS)]
        columns += self._begun(search)
        return self._nearest(search, [*columns, math.ceil(seen.x)])[0] or self._outside(search)

    def _rightwards(self, search: _Search) -> list[int]:
        """Columns from the best one on: each begins clear of what was in the way, in this row, of the one before."""
        columns = [search.x]
        clear = search.block.step - search.width
        while len(columns) <= _COLUMNS and (in_the_way := self._in_the_way(search, columns[-1], search.y)):
            columns.append(math.ceil(max(box.right for box in in_the_way) + clear))
        return columns

    def _begun(self, search: _Search) -> set[int]:
        """Columns to the right that begin with nodes as wide: to be gone on with."""
        window = Box(search.x, search.y - _NEAR, _NEAR, 2 * _NEAR)
        width = search.block.boxes[0].width
        return {math.ceil(box.x) for box, _ in self._nodes.meeting(window) if box.width == width}

    def _outside(self, search: _Search) -> _Corner | None:
        """The best place to the right, below, to the left of or above everything."""
        extents = (index.extent for index in (self._nodes, self._groups))
        taken = reduce(around, (extent for extent in extents if extent is not None))
        block = search.block
        tries = (
            search.try_at(math.ceil(taken.right + block.across), search.y),
            search.try_at(search.x, math.ceil(taken.bottom + block.down)),
            search.try_at(math.floor(taken.x - block.across - search.width), search.y),
            search.try_at(search.x, math.floor(taken.y - block.down - search.height)),
        )
        return next(((x, y) for _, x, y, _ in sorted(tries) if search.allows(x, y)), None)

    def _holders(self, source: Node) -> list[tuple[Box, str]]:
        """Groups that hold the centre of a node, the smallest first."""
        box = box_of(source)
        centre = Box(box.x + box.width / 2, box.y + box.height / 2, 0, 0)
        found = {key: outer for outer, key in self._groups.meeting(centre.grown(1, 1)) if key != source.node_id}
        holding = [(outer, key) for key, outer in found.items() if outer.encloses(centre)]
        return sorted(holding, key=lambda held: (held[0].width * held[0].height, held[1]))

    def _may_hold(self, key: str, area: Box, block: Block) -> bool:
        width, height = block.size
        if width > area.width or height > area.height:
            return False
        needed = _needs(block)
        return not any(all(map(float.__le__, full, needed)) for full in self._too_full.get(key, ()))

    def _left_sides(self, search: _Search) -> tuple[list[int], bool]:
        """Where a block can begin from left to right, so that none that fits is missed; whether these are all."""
        block, area = search.block, search.area
        window = Box(search.x - _NEAR, search.y - _NEAR, 2 * _NEAR, 2 * _NEAR)
        near = area.grown(block.across, block.down)
        in_it = [box for index in (self._nodes, self._groups) for box, _ in index.meeting(window)]
        sides = {math.ceil(box.right + block.across) for box in in_it}
        return [*sides, math.ceil(area.x), math.floor(area.right - search.width)], window.encloses(near)

    def _nearest(self, search: _Search, columns: Iterable[int]) -> tuple[_Corner | None, bool]:
        """The free place that costs least, and whether all of those columns were looked through."""
        waiting = [search.try_at(x, search.y) for x in {search.x, *columns} if search.allows(x, search.y)]
        heapify(waiting)
        for _ in range(_TRIES):
            if not waiting:
                return None, True
            tried = heappop(waiting)
            _, x, y, _ = tried
            in_the_way = self._in_the_way(search, x, y)
            if not in_the_way:
                return (x, y), False
            for other in search.further(tried, in_the_way):
                if search.allows(other[1], other[2]):
                    heappush(waiting, other)
        return None, False

    def _in_the_way(self, search: _Search, x: int, y: int) -> list[Box]:
        return self._blocking(search.around(x, y), search.inside)

    def _blocking(self, box: Box, inside: frozenset[str]) -> list[Box]:
        groups = [found for found, key in self._groups.meeting(box) if key not in inside]
        return [*groups, *(found for found, _ in self._nodes.meeting(box))]


_WORLD = Box(-REACH, -REACH, 2 * REACH, 2 * REACH)


def _search(block: Block, right: float, row: float, area: Box, inside: frozenset[str]) -> _Search:
    """A search whose best place is the block's gap to the right of `right`, in the row of its source."""
    width, height = block.size
    x = min(math.ceil(right + block.gap), math.floor(area.right - width))
    y = max(min(math.ceil(row), math.floor(area.bottom - height)), math.ceil(area.y))
    return _Search(block=block, width=width, height=height, x=x, y=y, area=area, inside=inside)


def _needs(block: Block) -> tuple[float, ...]:
    return (*map(float, block.size), float(block.across), float(block.down))
