"""From accepted results and a canvas as it stands: what each result would add. Nothing is read or written here.

Results land in the order of their tasks, each knowing only the canvas and those before it. So a canvas that gets them
one after the other comes to look like one that gets them at once, and landing them again proposes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from parallel_agents.canvas.attaching import Attaching
from parallel_agents.canvas.boards import Verifying
from parallel_agents.canvas.boxes import Box, box_of
from parallel_agents.canvas.filing import Filing
from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.items import read_node
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.pieces import NOTE, Link, Part, Pieces, Question, board, explanation, questions
from parallel_agents.canvas.placing import Placing
from parallel_agents.canvas.proposals import Accepted, NewFile, Place, Proposal, item_id
from parallel_agents.core.aggregate import questions_in
from parallel_agents.core.errors import CanvasError
from parallel_agents.core.forms import Form

__all__ = ["Accepted", "Form", "NewFile", "Place", "Proposal", "item_id", "propose"]

_COLOURS = {"change_to_green": "green", "change_to_purple": "purple", "keep_red": "red"}


def propose(
    canvas: Canvas,
    results: Sequence[Accepted],
    *,
    palette: Palette,
    place: Place,
    recolour: bool = False,
    landed: Collection[str] = (),
) -> list[Proposal]:
    """Say what each result would add, in the order given, which is to be that of the tasks.

    What is on the canvas already, by its id, stays as it is, and only what is missing is proposed; `landed` are further
    ids that are not to be proposed. A note is proposed with the node that shows it. Existing nodes are neither moved
    nor edited; with `recolour`, questions get the colour of their score. What cannot land says so in `refused`.
    """
    landing = _Landing(canvas, palette, place, recolour=recolour, landed=landed)
    return [landing.decided(proposal) for proposal in [landing.proposal(result) for result in results]]


class _Landing:
    """One pass over the results of one canvas."""

    def __init__(
        self, canvas: Canvas, palette: Palette, place: Place, *, recolour: bool, landed: Collection[str]
    ) -> None:
        self._canvas = canvas
        self._palette = palette
        self._recolour = recolour
        self._by_id = {node.node_id: node for node in canvas.nodes}
        self._there = {*self._by_id, *(edge.edge_id for edge in canvas.edges), *landed}
        self._decides: dict[str, str] = {}
        self._attaching = Attaching(canvas)
        self._placing = Placing(canvas)
        self._filing = Filing(place, (node.file for node in canvas.nodes if node.type == "file"))

    def proposal(self, result: Accepted) -> Proposal:
        """What a result adds. Its places and names are taken for those that come after it."""
        about = Proposal(task_id=result.task_id, node_id=result.node_id, agent_name=result.agent_name)
        try:
            match result.form.kind:
                case "score":
                    return msgspec.structs.replace(about, recolour=self._colour(result))
                case "questions":
                    pieces = questions(result.form, self._asked(result), self._palette)
                    return self._landed(about, result, pieces)
                case "explanation":
                    return self._explained(about, result)
                case "board":
                    return self._on_a_board(about, result)
        except CanvasError as error:
            return msgspec.structs.replace(about, refused=error.problem)

    def decided(self, proposal: Proposal) -> Proposal:
        """A proposal, once all are made: of several scores of one question the last one says its colour."""
        colours = {one: code for one, code in proposal.recolour.items() if self._decides[one] == proposal.task_id}
        return msgspec.structs.replace(proposal, recolour=colours)

    def _asked(self, result: Accepted) -> list[Question]:
        try:
            asked = msgspec.convert(list(questions_in(result.output)), list[Question])
        except msgspec.ValidationError:
            asked = []
        if not asked:
            raise self._misfit(result, "its result holds no questions that could be put on a canvas")
        return asked

    def _explained(self, about: Proposal, result: Accepted) -> Proposal:
        markdown = result.output.get("markdown")
        if not isinstance(markdown, str) or not markdown.strip():
            raise self._misfit(result, "its result holds no text that could be put into a note")
        sources = tuple(self._attaching.sources(result))  # before a name is taken for what cannot land
        if result.id_of(NOTE) in self._there:
            return self._landed(about, result, explanation(result.form, "", self._palette, sources))
        note = self._filing.note(result, markdown)
        landed = self._landed(about, result, explanation(result.form, note.path, self._palette, sources))
        return msgspec.structs.replace(landed, files=(note,))

    def _on_a_board(self, about: Proposal, result: Accepted) -> Proposal:
        try:
            asked = msgspec.convert(result.output.get("questions"), list[Verifying])
        except msgspec.ValidationError:
            asked = []
        if not asked:
            raise self._misfit(result, "its result holds no questions that could be put on a canvas")
        self._attaching.sources(result)
        if result.id_of(NOTE) in self._there:
            return self._landed(about, result, board(""))
        file = self._filing.board(result, asked, self._palette)
        return msgspec.structs.replace(self._landed(about, result, board(file.path)), files=(file,))

    def _colour(self, result: Accepted) -> Mapping[str, str]:
        self._canvas.node(result.node_id)
        colour = _COLOURS.get(str(result.output.get("color_action")))
        if colour is None or not self._recolour:
            return {}
        question = self._attaching.question(result)
        if question is None:
            raise self._misfit(result, "no question leads to it, so there is none to colour")
        code = self._palette.code_for(colour)
        if code is None:
            raise self._misfit(result, f"the palette {self._palette.name} has no code for {colour}")
        self._decides[question.node_id] = result.task_id
        is_so_already = (question.color or "").lower() in (self._palette.codes_of(colour) or ())
        return {} if is_so_already else {question.node_id: code}

    def _landed(self, about: Proposal, result: Accepted, pieces: Pieces) -> Proposal:
        sources = self._attaching.sources(result)
        source = next(iter(sources.values()))
        ids = {part.name: result.id_of(part.name) for part in pieces.parts}
        missing = [part for part in pieces.parts if ids[part.name] not in self._there]
        there = {name: self._by_id[one] for name, one in ids.items() if one in self._by_id}
        boxes = self._placing.boxes(pieces, source, missing={part.name for part in missing}, there=there)
        boxes |= {name: box_of(node) for name, node in sources.items()}
        ids |= {name: node.node_id for name, node in sources.items()}
        edges = {result.id_of(link.name): link for link in pieces.links}
        nodes = tuple(_node(part, ids[part.name], boxes[part.name]) for part in missing)
        for node in nodes:
            self._attaching.put(read_node(self._canvas.path, 0, dict(node)))
        return msgspec.structs.replace(
            about,
            nodes=nodes,
            edges=tuple(
                _edge(link, edge_id, ids, boxes)
                for edge_id, link in edges.items()
                if edge_id not in self._there and link.start in boxes and link.end in boxes
            ),
        )

    def _misfit(self, result: Accepted, problem: str) -> CanvasError:
        return CanvasError(self._canvas.path, problem, node=result.node_id)


def _node(part: Part, node_id: str, box: Box) -> Mapping[str, Any]:
    places = {"x": int(box.x), "y": int(box.y), "width": int(box.width), "height": int(box.height)}
    colour = {} if part.color is None else {"color": part.color}
    return {"id": node_id, **part.keys, **places, **colour}


def _edge(link: Link, edge_id: str, ids: Mapping[str, str], boxes: Mapping[str, Box]) -> Mapping[str, Any]:
    start, end = _sides(boxes[link.start], boxes[link.end])
    item = {
        "id": edge_id,
        "fromNode": ids[link.start],
        "fromSide": start,
        "toNode": ids[link.end],
        "toSide": end,
    }
    told = {"color": link.color, "label": link.label or None}
    return item | {key: value for key, value in told.items() if value is not None}


def _sides(start: Box, end: Box) -> tuple[str, str]:
    """The sides that an edge leaves and reaches: across, unless one box is over the other."""
    if end.x >= start.right:
        return "right", "left"
    if end.right <= start.x:
        return "left", "right"
    return ("bottom", "top") if end.y >= start.y else ("top", "bottom")
