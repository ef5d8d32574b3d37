"""A canvas as an SVG picture: groups, cards in their colours, curved edges. Text is data, nothing is loaded or run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import PurePosixPath

from parallel_agents.canvas.boxes import Box, BoxIndex
from parallel_agents.canvas.curves import Curve, Point, curve_of
from parallel_agents.canvas.graph import Canvas, Edge, Node
from parallel_agents.canvas.lettering import FONT_SIZE, Line, fitted, is_right_to_left, one_line, width_of
from parallel_agents.canvas.paint import CARD, EDGE, INK, PAGE, PALE, RIM, TIP, ZONE, coloured, paint_of, style_sheet
from parallel_agents.canvas.palette import Palette

FARTHEST = 10_000_000.0
"""Pixels from the origin; what lies farther is drawn there, for no viewer reckons with more."""

_MARGIN = 60.0
_PADDING = 14.0
_LABEL_SIZE = 18.0
_EDGE_LABEL_SIZE = 13.0
_LONGEST_LABEL = 260.0
_ALONG = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.12, 0.88)
_FONTS = "-apple-system,'Segoe UI','Noto Sans','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif"
# What XML 1.0 has no way to write.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def picture_of(
    canvas: Canvas, palette: Palette, *, notes: Mapping[str, str] | None = None, unopened: Iterable[str] = ()
) -> Iterator[str]:
    """Draw a canvas; yields the SVG piece by piece.

    `notes` has, by id of a file node, the text to show on its card below its name. Nodes in `unopened` name a file that
    cannot be opened; their rim is dashed. Places are in pixels, as in the canvas.
    """
    boxes = {node.node_id: _box(node) for node in canvas.nodes}
    drawing = _Drawing(canvas, palette, boxes, notes or {}, frozenset(unopened))
    groups = [node for node in canvas.nodes if node.type == "group"]
    cards = [node for node in canvas.nodes if node.type != "group"]
    curves = [(edge, curve_of(edge, boxes[edge.from_node], boxes[edge.to_node])) for edge in canvas.edges]
    yield from _opening(canvas, _bounds(boxes.values()))
    yield from chain.from_iterable(map(drawing.group, groups))
    yield from (drawing.edge(edge, curve) for edge, curve in curves)
    yield from chain.from_iterable(map(drawing.card, cards))
    yield from _edge_labels(curves, [boxes[node.node_id] for node in cards])
    yield "</svg>\n"


class _Drawing:
    """Draws the parts of one canvas."""

    def __init__(
        self,
        canvas: Canvas,
        palette: Palette,
        boxes: Mapping[str, Box],
        notes: Mapping[str, str],
        unopened: frozenset[str],
    ) -> None:
        self._canvas = canvas
        self._palette = palette
        self._boxes = boxes
        self._notes = notes
        self._unopened = unopened

    def group(self, node: Node) -> Iterator[str]:
        box, paint = self._boxes[node.node_id], paint_of(node.color, self._palette)
        look = coloured(paint, fill=ZONE, line=RIM)
        yield f'<rect {_at(box)} rx="12"{look} fill-opacity=".1" stroke-width="2"/>\n'
        label = one_line(node.label, max(box.width, _LONGEST_LABEL), _LABEL_SIZE)
        if label:
            place = f'x="{_n(box.x + 4)}" y="{_n(box.y - 10)}" font-size="{_LABEL_SIZE:g}" font-weight="600"'
            yield f"<text {place}{coloured(paint, fill=PALE)}>{_escaped(label)}</text>\n"

    def edge(self, edge: Edge, curve: Curve) -> str:
        paint = paint_of(edge.color, self._palette)
        points = f"M{_p(curve.start)}C{_p(curve.first)} {_p(curve.second)} {_p(curve.end)}"
        drawn = f'<path d="{points}"{coloured(paint, line=EDGE)} stroke-width="2.5"/>'
        heads = "".join(f"M{_p(tip)}L{_p(one)}L{_p(other)}Z" for tip, one, other in curve.tips)
        return drawn + (f'<path d="{heads}"{coloured(paint, fill=TIP)}/>\n' if heads else "\n")

    def card(self, node: Node) -> Iterator[str]:
        box, paint = self._boxes[node.node_id], paint_of(node.color, self._palette)
        size = f'width="{_n(box.width)}" height="{_n(box.height)}" rx="{_n(min(10, box.width / 4, box.height / 4))}"'
        dashes = ' stroke-dasharray="7 5"' if node.node_id in self._unopened else ""
        look = coloured(paint, fill=CARD, line=RIM)
        yield f'<g transform="translate({_n(box.x)} {_n(box.y)})"><rect {size}{coloured(None, fill=CARD)}/>'
        tint = "" if paint is None else ' fill-opacity=".1"'
        yield f'<rect {size}{look}{tint} stroke-width="2"{dashes}/>'
        lines = list(self._lines(node, box))
        if lines:
            yield f"<g{coloured(None, fill=INK)}>{''.join(lines)}</g>"
        yield "</g>\n"

    def _lines(self, node: Node, box: Box) -> Iterator[str]:
        width = box.width - 2 * _PADDING
        match node.type:
            case "text":
                return _set(fitted(node.text, width, box.height - 2 * _PADDING), width, _PADDING)
            case "file":
                return _titled(PurePosixPath(node.file).stem, self._below_name(node), box)
            case "link":
                return _titled(node.url, "", box)
            case other:
                return _titled(other, "", box)

    def _below_name(self, node: Node) -> str:
        folder = str(PurePosixPath(node.file).parent)
        place = f"{'' if folder == '.' else folder}{node.subpath}"
        return self._notes.get(node.node_id, place)


def _titled(title: str, text: str, box: Box) -> Iterator[str]:
    """A bold line, and what follows it."""
    width = box.width - 2 * _PADDING
    head = Line(one_line(title, width, FONT_SIZE * 1.06), FONT_SIZE * 1.1, FONT_SIZE, is_bold=True)
    if box.height < FONT_SIZE * 1.5 or not head.text:
        return
    top = max(2.0, min(_PADDING, (box.height - FONT_SIZE * 1.4) / 2))
    yield from _set([head], width, top)
    below = top + FONT_SIZE * 2
    yield from _set(fitted(text, width, box.height - below - _PADDING), width, below)


def _set(lines: Iterable[Line], width: float, top: float) -> Iterator[str]:
    for line in lines:
        weight = ' font-weight="600"' if line.is_bold else ""
        x, way = (_PADDING + width, ' direction="rtl"') if is_right_to_left(line.text) else (_PADDING, "")
        place = f'x="{_n(x)}" y="{_n(top + line.baseline)}" font-size="{_n(line.size)}"{weight}{way}'
        yield f"<text {place}>{_escaped(line.text)}</text>"


def _edge_labels(curves: Iterable[tuple[Edge, Curve]], cards: Iterable[Box]) -> Iterator[str]:
    index: BoxIndex[None] = BoxIndex()
    for box in cards:
        index.add(box, None)
    for edge, curve in curves:
        if edge.label.strip():
            yield _edge_label(edge.label, curve, index)


def _edge_label(label: str, curve: Curve, cards: BoxIndex[None]) -> str:
    text = one_line(label, _LONGEST_LABEL, _EDGE_LABEL_SIZE)
    half = width_of(text) * _EDGE_LABEL_SIZE / 2 + 6
    x, y = _free_place(curve, half, cards)
    return (
        f'<rect {_at(_label_box((x, y), half))} rx="6"{coloured(None, fill=PAGE)}/><text x="{_n(x)}" y="{_n(y + 4.5)}" '
        f'font-size="{_EDGE_LABEL_SIZE:g}" text-anchor="middle"{coloured(None, fill=PALE)}>{_escaped(text)}</text>\n'
    )


def _free_place(curve: Curve, half: float, cards: BoxIndex[None]) -> Point:
    """Where along a curve a label hides no card, as near to the middle as can be; the middle where it always does."""
    places = [curve.at(part) for part in _ALONG]
    for room in (half, 1.0):  # between two cards that are near one another its ends may stand over them
        for place in places:
            if not cards.meeting(_label_box(place, room)):
                return place
    return places[0]


def _label_box(middle: Point, half: float) -> Box:
    return Box(middle[0] - half, middle[1] - 11, 2 * half, 22)


def _opening(canvas: Canvas, bounds: Box) -> Iterator[str]:
    size = f'width="{_n(bounds.width)}" height="{_n(bounds.height)}"'
    view = f"{_n(bounds.x)} {_n(bounds.y)} {_n(bounds.width)} {_n(bounds.height)}"
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="{view}" font-family="{_FONTS}" role="img">\n'
    yield f"<title>{_escaped(canvas.name)}</title>\n<style>{style_sheet()}</style>\n"
    yield f"<rect {_at(bounds)}{coloured(None, fill=PAGE)}/>\n"


def _bounds(boxes: Iterable[Box]) -> Box:
    all_boxes = list(boxes)
    left = min((box.x for box in all_boxes), default=0.0) - _MARGIN
    top = min((box.y for box in all_boxes), default=0.0) - _MARGIN
    right = max((box.right for box in all_boxes), default=0.0) + _MARGIN
    bottom = max((box.bottom for box in all_boxes), default=0.0) + _MARGIN
    return Box(left, top, right - left, bottom - top)


def _box(node: Node) -> Box:
    left, right = sorted((_near(node.x), _near(node.x + node.width)))
    top, bottom = sorted((_near(node.y), _near(node.y + node.height)))
    return Box(left, top, right - left, bottom - top)


def _near(place: float) -> float:
    return min(max(place, -FARTHEST), FARTHEST)


def _at(box: Box) -> str:
    return f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'


def _p(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") or "0"


def _escaped(text: str) -> str:
    told = _UNWRITABLE.sub("\ufffd", text)
    return told.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
