"""Which nodes a user asks for: by id, by colour, by the part that they play."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.inputs import Reader
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.palettefile import palette_named
from parallel_agents.canvas.roles import Role
from parallel_agents.core.errors import CanvasError, InputError

ROLES = {
    **{role.value: role for role in Role},
    "材料": Role.MATERIAL,
    "问题": Role.QUESTION,
    "理解": Role.UNDERSTANDING,
    "解释": Role.EXPLANATION,
}


class NodeChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; None asks for nothing in particular.

    A node fits `select` when one of its terms fits: a colour of the palette, a colour code, a hex value or a part. With
    `node_ids` too, it has to be among those as well. `palette` names one that ships, or a file.
    """

    node_ids: Sequence[str] | None = None
    select: Sequence[str] | None = None
    palette: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing in particular was asked for."""
        return self.node_ids is None and self.select is None


def chosen_ids(canvas: Canvas, choice: NodeChoice) -> list[str] | None:
    """Ids of the nodes that were asked for, as they were named or in the canvas's order; None: nothing in particular.

    Raises:
        CanvasError: a named node is not there, or none fits.
        InputError: a term or the palette is not known.
    """
    palette = palette_named(choice.palette)
    if choice.select is None:
        return None if choice.node_ids is None else list(choice.node_ids)
    reader = Reader(canvas)
    terms = [_term(term, palette, reader) for term in choice.select]
    named = canvas.nodes if choice.node_ids is None else [canvas.node(node_id) for node_id in choice.node_ids]
    found = [node.node_id for node in named if any(fits(node) for fits in terms)]
    if not found:
        raise CanvasError(canvas.path, _nothing(choice.select, palette), hint=_colours_of(canvas))
    return found


def _term(term: str, palette: Palette, reader: Reader) -> Callable[[Node], bool]:
    codes = palette.codes_of(term)
    if codes is not None:
        return lambda node: node.color is not None and node.color.lower() in codes
    role = ROLES.get(term.casefold())
    if role is Role.UNDERSTANDING:
        return reader.is_understanding
    if role is not None:
        return lambda node: reader.roles.get(node.node_id) is role
    known = [*palette.codes, *ROLES]
    close = difflib.get_close_matches(term.casefold(), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(
        f"--select: {term!r} is neither a colour of the palette {palette.name} ({', '.join(palette.codes)}), nor a "
        f"colour code, nor a part ({', '.join(role.value for role in Role)}).{hint}"
    )


def _nothing(terms: Sequence[str], palette: Palette) -> str:
    meant = [
        f"{term} (colour {' or '.join(sorted(codes))})" if (codes := palette.codes_of(term)) else term for term in terms
    ]
    return f"no node is {' or '.join(meant)} in the palette {palette.name}"


def _colours_of(canvas: Canvas) -> str:
    colours = Counter(node.color for node in canvas.nodes if node.color is not None)
    shown = ", ".join(f"{colour} ({number})" for colour, number in sorted(colours.items()))
    return f"Its colours are {shown}; --palette says what they mean." if shown else "None of its nodes has a colour."
