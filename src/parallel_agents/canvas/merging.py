"""What somebody else did to a canvas, done to another state of it: by the ids of its nodes and edges."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from parallel_agents.canvas.document import Document
from parallel_agents.canvas.editing import REMOVED, Edit, ListEdit
from parallel_agents.canvas.items import Item

_MISSING = object()


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a canvas that somebody wrote over `base`.

    With `is_newer`, what it says of a key or an item counts more than what the canvas says now.
    """

    base: Document
    theirs: Document
    is_newer: bool = True


def changes_of(foreign: Foreign, onto: Document) -> Edit:
    """The edit that does to `onto` what was done to `foreign.base`; what is there already is not done again.

    Both sides survive: an item that one side removed and the other changed stays. Items without an id of their own
    take no part.
    """
    nodes, edges = (_list_changes(foreign, onto, name) for name in ("nodes", "edges"))
    # An edge whose end is about to be removed goes with it, unless it is new here: then the end stays.
    held = {item.get(end) for item in _own(onto, "edges").values() for end in ("fromNode", "toNode")}
    gone = [one for one in nodes.removed if one not in held or _edges_go(onto, one, edges)]
    return Edit(nodes=msgspec.structs.replace(nodes, removed=gone), edges=edges)


def _edges_go(onto: Document, node_id: str, edges: ListEdit) -> bool:
    ends = [
        edge_id
        for edge_id, item in _own(onto, "edges").items()
        if node_id in (item.get("fromNode"), item.get("toNode"))
    ]
    return set(ends) <= set(edges.removed)


def _list_changes(foreign: Foreign, onto: Document, name: str) -> ListEdit:
    base, theirs, ours = (_own(document, name) for document in (foreign.base, foreign.theirs, onto))
    added = [
        item for one, item in theirs.items() if one not in base and one not in ours and one not in _ids(onto, name)
    ]
    removed = [one for one in base if one not in theirs and one in ours and _same(ours[one], base[one])]
    keys: dict[str, Mapping[str, Any]] = {}
    for one in theirs.keys() & ours.keys():
        changed = _changed_keys(base.get(one, {}), theirs[one], ours[one], is_newer=foreign.is_newer)
        if changed:
            keys[one] = changed
    return ListEdit(added=added, removed=removed, keys={one: keys[one] for one in theirs if one in keys})


def _changed_keys(base: Item, theirs: Item, ours: Item, *, is_newer: bool) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for key in [*theirs, *(key for key in base if key not in theirs)]:
        before, then, now = (item.get(key, _MISSING) for item in (base, theirs, ours))
        if _same(before, then) or _same(then, now):
            continue
        if is_newer or _same(before, now):
            changed[key] = REMOVED if then is _MISSING else then
    return changed


def _own(document: Document, name: str) -> dict[str, Item]:
    items = _items(document, name)
    numbers = Counter(_id_of(item) for item in items)
    return {one: item for item in items if (one := _id_of(item)) is not None and numbers[one] == 1}


def _ids(document: Document, name: str) -> set[str | None]:
    return {_id_of(item) for item in _items(document, name)}


def _items(document: Document, name: str) -> Sequence[Item]:
    return cast("Sequence[Item]", document.data.get(name, []))


def _id_of(item: Item) -> str | None:
    one: object = item.get("id")
    return one if isinstance(one, str) and one else None


def _same(left: object, right: object) -> bool:
    if left is _MISSING or right is _MISSING:
        return left is right
    return json.dumps(left) == json.dumps(right)
