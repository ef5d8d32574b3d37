"""Edits of a canvas file that change the bytes they are about, and no others."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from parallel_agents.canvas.document import Document
from parallel_agents.canvas.items import Item, read_edge, read_node
from parallel_agents.canvas.jsonstyle import LISTS, Frame, Style, frame_of, style_of
from parallel_agents.canvas.jsontext import ArrayText, Member, ObjectText, Span, object_at, skip_blanks
from parallel_agents.canvas.reversal import Patch, Reversal, digest_of
from parallel_agents.core.errors import CanvasError

REMOVED = msgspec.UNSET
"""The value of a key that is to go."""


class ListEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to the nodes, or to the edges, of a canvas.

    `added` go to the end of the list, in this order; each has an id of its own. `removed` are ids. `keys` has, by id,
    the keys of an item that get a value, or lose it (`REMOVED`); an item's id stays.
    """

    added: Sequence[Mapping[str, Any]] = ()
    removed: Sequence[str] = ()
    keys: Mapping[str, Mapping[str, Any]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing happens."""
        return not (self.added or self.removed or self.keys)


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One edit of a canvas, done as a whole or not at all."""

    nodes: ListEdit = ListEdit()
    edges: ListEdit = ListEdit()


class Edited(msgspec.Struct, frozen=True):
    """The bytes of the edited file, and the way back to those from before."""

    raw: bytes
    reversal: Reversal


class _Change(msgspec.Struct, frozen=True, order=True):
    start: int
    end: int
    text: str


def edit_document(document: Document, edit: Edit) -> Edited:
    """Edit a canvas file; everything that the edit is not about stays byte for byte.

    New items are written as the file writes its own. A key that has the value already is left as it is written.

    Raises:
        CanvasError: an item is not there, is not the only one of its id, or would not be a node or an edge any more; a
            key or list that the edit is about stands twice.
    """
    text = document.raw.removeprefix(codecs.BOM_UTF8).decode()
    start = skip_blanks(text, 0)
    top = object_at(text, start, into=LISTS) if start < len(text) else None
    style = style_of(text, top, document.newline)
    lists = [_ListEditor(document, text, style, name) for name in LISTS]
    edits = (edit.nodes, edit.edges)
    changes: list[_Change] = []
    missing: list[str] = []
    for editor, wanted in zip(lists, edits, strict=True):
        if wanted.is_empty:
            continue
        editor.check(wanted)
        array = _array(document, top, editor.name)
        if array is not None:
            changes += editor.changes(array, wanted)
        elif wanted.added:
            missing.append(editor.member(wanted))
    changes += _new_members(text, top, style, missing)
    return _edited(document, text, changes)


def _array(document: Document, top: ObjectText | None, name: str) -> ArrayText | None:
    members = top.named(name) if top else []
    if len(members) > 1:
        hint = "Programs differ in which one counts; make one of them."
        raise CanvasError(document.path, f"{name} stands {len(members)} times in this file", field=name, hint=hint)
    return top.arrays[members[0].value_start] if top and members else None


def _new_members(text: str, top: ObjectText | None, style: Style, members: Sequence[str]) -> list[_Change]:
    if not members:
        return []
    if top is None:
        inner = style.top.between.join(members)
        return [_Change(0, 0, f"{{{style.top.opening}{inner}{style.top.closing}}}")]
    return _sequence(top, style.top, set(), members)


def _sequence(found: ArrayText | ObjectText, frame: Frame, removed: set[int], added: Sequence[str]) -> list[_Change]:
    """Take parts out of a list or an object and put new ones at its end."""
    parts: Sequence[Span | Member] = found.items
    new = frame.between.join(added)
    if not parts:
        inner = f"{frame.opening}{new}{frame.closing}" if added else ""
        return [_Change(found.start + 1, found.end - 1, inner)] if added else []
    if len(removed) == len(parts):
        if added:
            return [_Change(parts[0].start, parts[-1].end, new)]
        return [_Change(found.start + 1, found.end - 1, "")]
    changes = _without(parts, removed)
    return [*changes, _Change(parts[-1].end, parts[-1].end, frame.between + new)] if added else changes


def _without(parts: Sequence[Span | Member], removed: set[int]) -> list[_Change]:
    """Take parts out, each with the comma before it; those at the beginning with the one behind."""
    first_kept = next(place for place in range(len(parts)) if place not in removed)
    head = [_Change(parts[0].start, parts[first_kept].start, "")] if first_kept else []
    rest = [place for place in sorted(removed) if place > first_kept]
    return head + [_Change(parts[place - 1].end, parts[place].end, "") for place in rest]


class _ListEditor:
    """Edits `nodes` or `edges` of one document."""

    def __init__(self, document: Document, text: str, style: Style, name: str) -> None:
        self.name = name
        self._document = document
        self._text = text
        self._style = style
        self._items = cast("list[Item]", document.data.get(name, []))
        self._places = {item.get("id"): place for place, item in enumerate(self._items)}

    def check(self, edit: ListEdit) -> None:
        """Refuse what cannot be done. Raises `CanvasError`."""
        named = [*edit.removed, *edit.keys]
        self._check_named(named)
        removed = set(edit.removed)
        if both := removed & set(edit.keys):
            raise self._error("is to be removed and changed at once", min(both))
        for position, item in enumerate(edit.added, start=len(self._items)):
            self._read(position, item)
            if not isinstance(item.get("id"), str):
                raise self._error("a new item needs an id", str(item.get("id")))
        kept = self._places.keys() - removed
        repeated = Counter([*kept, *(item["id"] for item in edit.added)])
        for item in edit.added:
            if repeated[item["id"]] > 1:
                raise self._error("this id is taken", item["id"])

    def changes(self, array: ArrayText, edit: ListEdit) -> list[_Change]:
        """What becomes of the list's text."""
        removed = {self._places[one] for one in edit.removed}
        added = [self._style.item(self.name, item) for item in edit.added]
        changes = _sequence(array, self._style.arrays[self.name], removed, added)
        for one, keys in edit.keys.items():
            changes += self._item(one, array.items[self._places[one]].start, keys)
        return changes

    def member(self, edit: ListEdit) -> str:
        """The list as a new member of a file that has none."""
        written = self._style.array(self.name, [self._style.item(self.name, item) for item in edit.added])
        return f'"{self.name}"{self._style.top_colon}{written}'

    def _item(self, one: str, start: int, keys: Mapping[str, Any]) -> list[_Change]:
        place = self._places[one]
        item = self._items[place]
        new = {key: value for key, value in {**item, **keys}.items() if value is not REMOVED}
        if new.get("id") != item.get("id"):
            raise self._error("an id stays as it is", one, key="id")
        self._read(place, new)
        found = object_at(self._text, start)
        frame = frame_of(self._text, found, self._style.items[self.name])
        removed: set[int] = set()
        added: list[str] = []
        changes: list[_Change] = []
        for key, value in keys.items():
            position = self._position(found, one, key)
            if value is REMOVED:
                removed |= set() if position is None else {position}
            elif position is None:
                added.append(self._style.member(key, value))
            elif not _same(item[key], value):
                member = found.items[position]
                changes.append(_Change(member.value_start, member.end, self._style.value(value)))
        return changes + _sequence(found, frame, removed, added)

    def _position(self, found: ObjectText, one: str, key: str) -> int | None:
        positions = [position for position, member in enumerate(found.items) if member.key == key]
        if len(positions) > 1:
            raise self._error(f"this key stands {len(positions)} times in it", one, key=key)
        return next(iter(positions), None)

    def _check_named(self, named: Sequence[str]) -> None:
        numbers = Counter(item.get("id") for item in self._items) if named else Counter[object]()
        for one in named:
            if not numbers[one] and self.name == "nodes":
                self._document.canvas.node(one)  # raises, with the ids that come close
            if not numbers[one]:
                raise CanvasError(self._document.path, f"there is no edge {one!r} on this canvas", field=self.name)
            if numbers[one] > 1:
                raise self._error(f"{numbers[one]} of its edges share this id", one)

    def _read(self, position: int, item: Mapping[str, Any]) -> None:
        read = read_node if self.name == "nodes" else read_edge
        read(self._document.path, position, dict(item))

    def _error(self, problem: str, one: str, *, key: str | None = None) -> CanvasError:
        if self.name == "nodes":
            return CanvasError(self._document.path, problem, node=one, field=key)
        place = f"edges[{self._places.get(one, len(self._items))}]"
        return CanvasError(self._document.path, problem, field=f"{place}.{key}" if key else place)


def _same(left: object, right: object) -> bool:
    return json.dumps(left) == json.dumps(right)  # by value alone, 1 would be 1.0 and true


def _edited(document: Document, text: str, changes: Sequence[_Change]) -> Edited:
    pieces = [codecs.BOM_UTF8 if document.has_bom else b""]
    patches: list[Patch] = []
    at, offset = 0, len(pieces[0])
    for change in sorted(changes):
        kept, new = text[at : change.start].encode(), change.text.encode()
        offset += len(kept)
        patches.append(Patch(offset, len(new), text[change.start : change.end].encode()))
        offset += len(new)
        pieces += [kept, new]
        at = change.end
    raw = b"".join([*pieces, text[at:].encode()])
    return Edited(raw, Reversal(digest=digest_of(raw), patches=tuple(patches)))
