"""How many nodes of a canvas one task takes: the one thing that agents and canvases have to agree on for that."""

from __future__ import annotations

from collections.abc import Container
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Gathers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One task takes at least `least` nodes and at most `most`; None: as many as there are.

    `beyond` says what becomes of more: `groups` makes a task of each group of the canvas, `parts` makes as few tasks as
    will do, all about as large, in the order of the canvas.
    """

    least: Annotated[int, Meta(ge=1)] = 2
    most: Annotated[int, Meta(ge=1)] | None = None
    beyond: Literal["groups", "parts"] = "groups"


FIELDS = ("concepts", "nodes")
"""Inputs that hold something of every node: what each is about, or each with its text and what hangs on it."""


def problem_of(gathers: Gathers | None, fields: Container[str]) -> str | None:
    """What is wrong with what an agent says of the nodes that it takes, its inputs being `fields`; None: nothing."""
    if gathers is None:
        return None
    if gathers.most is not None and gathers.least > gathers.most:
        return f"`gathers` has least {gathers.least} and most {gathers.most}"
    known = [field for field in FIELDS if field in fields]
    return None if known else f"`gathers` needs one of the inputs {', '.join(FIELDS)}, which hold the nodes"
