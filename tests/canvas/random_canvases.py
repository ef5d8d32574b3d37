"""Random canvases in random manners of writing, each character with the key of the item that it belongs to."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from parallel_agents.canvas.editing import REMOVED, Edit, ListEdit

Draw = Callable[[st.SearchStrategy[Any]], Any]
Owner = tuple[str, ...]
"""What a character belongs to: () the frame, ("nodes", id) an item's own frame, ("nodes", id, key) a member of it."""

GAPS = {
    "minified": ("", "", ""),
    "dumps": ("", " ", " "),
    "wild": None,
    **{f"lines {unit!r} {end!r}": (end + unit, "", " ") for unit in ("\t", "  ", "    ") for end in ("\n", "\r\n")},
}
WILD = st.sampled_from(["", " ", "\n", "\t", "\r\n", "  ", "\n\n", "\r"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)
KEYS = st.sampled_from(["color", "label", "sourceNodeId", "styleAttributes", "z", "键", ""])
NUMBERS = st.sampled_from(["0", "-0", "1", "-20", "1.0", "1e2", "1E+2", "-1.50", "123456789012345678901234567890"])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=3,
)


@dataclass
class Written:
    """A canvas file's text as it is being written, and whom each character belongs to."""

    draw: Draw
    style: str
    text: str = ""
    owners: list[Owner] = field(default_factory=list[Owner])

    def put(self, text: str, owner: Owner) -> None:
        self.text += text
        self.owners += [owner] * len(text)

    def gap(self, depth: int, kind: int = 0) -> str:
        """A gap behind a bracket or before its end (0), behind a comma (1), behind a colon (2)."""
        blanks = GAPS[self.style]
        if blanks is None:
            return self.draw(WILD)
        if kind == 2:
            return blanks[2]
        line = blanks[0]
        if not line:
            return blanks[1] if kind == 1 else ""
        end = "\r\n" if line.startswith("\r\n") else "\n"
        return end + line.removeprefix(end) * depth

    def scalar(self, value: object) -> str:
        if isinstance(value, str) and value.startswith("number:"):
            return value.removeprefix("number:")
        text = json.dumps(value, ensure_ascii=self.draw(st.booleans()))
        return text.replace("/", "\\/") if self.draw(st.booleans()) else text

    def container(self, brackets: str, parts: list[Callable[[], None]], depth: int, owner: Owner) -> None:
        self.put(brackets[0], owner)
        for position, part in enumerate(parts):
            self.put(self.gap(depth + 1, 1 if position else 0), owner)
            part()
            if position < len(parts) - 1:
                self.put(self.gap(0) if self.style == "wild" else "", owner)
                self.put(",", owner)
        self.put(self.gap(depth) if parts or self.draw(st.booleans()) else "", owner)
        self.put(brackets[1], owner)

    def member(self, key: str, value: Callable[[], None], owner: Owner) -> None:
        self.put(self.scalar(key), owner)
        self.put(":" + self.gap(0, 2), owner)
        value()


def _item(written: Written, item: dict[str, Any], owner: Owner) -> Callable[[], None]:
    def member(key: str, value: Any) -> Callable[[], None]:
        whose = (*owner, key)
        return lambda: written.member(key, lambda: written.put(written.scalar(value), whose), whose)

    return lambda: written.container("{}", [member(key, value) for key, value in item.items()], 2, owner)


def _items(written: Written, name: str, items: list[dict[str, Any]]) -> Callable[[], None]:
    parts = [_item(written, item, (name, item["id"])) for item in items]
    return lambda: written.member(name, lambda: written.container("[]", parts, 1, ()), ())


@st.composite
def canvases(draw: Draw) -> Written:
    """A file that has nodes and edges, or not, among other keys."""
    names = draw(st.permutations(["nodes", "edges", "metadata"]))
    names = names[: draw(st.integers(0, 3))]
    written = Written(draw, draw(st.sampled_from(sorted(GAPS))))
    ids = draw(st.lists(TEXTS.filter(bool), unique=True, max_size=5))
    made = {"nodes": [_node(draw, one) for one in ids], "edges": [_edge(draw, f"e{one}") for one in ids[1:]]}
    other = json.dumps(draw(PLAIN))
    parts: list[Callable[[], None]] = [
        _items(written, name, made[name])
        if name in made
        else (lambda: written.member("metadata", lambda: written.put(other, ()), ()))
        for name in names
    ]
    written.put(draw(st.sampled_from(["", "", "\n", " "])), ())
    if names or draw(st.booleans()):
        written.container("{}", parts, 0, ())
    written.put(draw(st.sampled_from(["", "\n", "\r\n", " "])), ())
    return written


def _node(draw: Draw, one: str) -> dict[str, Any]:
    extra = draw(st.dictionaries(KEYS, PLAIN.filter(lambda value: not isinstance(value, str)), max_size=2))
    places = {
        axis: f"number:{draw(NUMBERS)}" for axis in draw(st.sampled_from([("x", "y", "width", "height"), ("x",)]))
    }
    node = {
        "id": one,
        "type": "text",
        "text": draw(TEXTS),
        **places,
        **{key: extra[key] for key in extra if key != "color"},
    }
    node.pop("label", None)
    return dict(draw(st.permutations(list(node.items()))))


def _edge(draw: Draw, one: str) -> dict[str, Any]:
    return {"id": one, **draw(st.dictionaries(st.sampled_from(["fromNode", "toNode", "label"]), TEXTS, max_size=3))}


def raw_of(written: Written, *, bom: bool) -> bytes:
    return (codecs.BOM_UTF8 if bom else b"") + written.text.encode()


@st.composite
def edits(draw: Draw, data: dict[str, Any]) -> Edit:
    """Any edit that fits a canvas."""
    return Edit(
        nodes=_list_edit(draw, data.get("nodes", []), _node), edges=_list_edit(draw, data.get("edges", []), _edge)
    )


def _list_edit(draw: Draw, items: list[dict[str, Any]], new: Callable[[Draw, str], dict[str, Any]]) -> ListEdit:
    ids = [item["id"] for item in items]
    removed: list[str] = draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []
    by_id = {item["id"]: item for item in items}
    kept_ids = [one for one in ids if one not in removed]
    changed: list[str] = draw(st.lists(st.sampled_from(kept_ids), unique=True, max_size=2)) if kept_ids else []
    names: list[str] = draw(st.lists(st.sampled_from(["new/1", "新", "😀"]), unique=True, max_size=3))
    return ListEdit(
        added=[_plain(new(draw, name)) for name in names if name not in ids],
        removed=removed,
        keys={one: _keys(draw, by_id[one]) for one in changed},
    )


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {
        key: json.loads(value.removeprefix("number:"))
        if isinstance(value, str) and value.startswith("number:")
        else value
        for key, value in item.items()
    }


def _keys(draw: Draw, item: dict[str, Any]) -> dict[str, Any]:
    known = [key for key in item if key not in {"id", "type"}]
    keys = draw(st.lists(st.sampled_from([*known, "color", "label"]), unique=True, max_size=3))
    values = {key: draw(st.sampled_from([REMOVED, item.get(key, "4"), "4", "红/色"])) for key in keys}
    return {key: value for key, value in values.items() if value is REMOVED or key not in {"x", "y", "width", "height"}}
