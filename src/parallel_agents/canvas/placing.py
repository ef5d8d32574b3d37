"""Places for the parts of a result: all of them together, or what is missing among those that are there."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from parallel_agents.canvas.boxes import Box, box_of
from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.layout import Block, Ground
from parallel_agents.canvas.pieces import Part, Pieces
from parallel_agents.core.errors import CanvasError


class Placing:
    """Places results on one canvas, one after the other."""

    def __init__(self, canvas: Canvas) -> None:
        self._path = canvas.path
        self._ground = Ground(canvas.nodes)

    def boxes(
        self, pieces: Pieces, source: Node, *, missing: Collection[str], there: Mapping[str, Node]
    ) -> dict[str, Box]:
        """Say, by the names of the parts, where those lie that are `there`, and where the `missing` ones go.

        Raises:
            CanvasError: there is no free place.
        """
        if len(missing) == len(pieces.parts):
            placed = self._free(source, pieces.block)
            return {part.name: box for part, box in zip(pieces.parts, placed, strict=True)}
        boxes = {name: box_of(node) for name, node in there.items()}
        model = next((part for part in pieces.parts if part.name in there), None)
        for part in pieces.parts:
            if part.name in missing:
                beside = None if model is None else self._beside(part, model, boxes[model.name])
                boxes[part.name] = beside or self._alone(part, pieces.block, source)
        return boxes

    def _beside(self, part: Part, model: Part, box: Box) -> Box | None:
        """Where a part would lie if the whole were as planned, seen from a part that is there; None: not free."""
        x, y = round(box.x + part.box.x - model.box.x), round(box.y + part.box.y - model.box.y)
        wanted = Box(x, y, part.box.width, part.box.height)
        return wanted if self._ground.put(wanted, box) else None

    def _alone(self, part: Part, block: Block, source: Node) -> Box:
        single = Box(0, 0, part.box.width, part.box.height)
        return self._free(source, msgspec.structs.replace(block, boxes=(single,)))[0]

    def _free(self, source: Node, block: Block) -> list[Box]:
        placed = self._ground.place(source, block)
        if placed is None:
            raise CanvasError(self._path, "there is no free place left on this canvas")
        return placed
