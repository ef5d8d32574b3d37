"""Which nodes a user asks for: by id, by colour, by the part that they play, by where they are and what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from parallel_agents.canvas.earlier import Earlier
from parallel_agents.canvas.expressions import Expression, Some, Term, parse, terms_of
from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.inputs import AgentInputs, unreadable
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.palettefile import palette_named
from parallel_agents.canvas.selection import Skipped
from parallel_agents.canvas.terms import ROLES, Absent, Meaning, needs_journal
from parallel_agents.core.errors import CanvasError, NothingFitsError


class NodeChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; None asks for nothing in particular.

    A node fits `select` when one of its expressions fits (see `canvas/terms.py` for what they may hold). With
    `node_ids` too, it has to be among those as well. `palette` names one that ships, or a file.
    """

    node_ids: Sequence[str] | None = None
    select: Sequence[str] | None = None
    palette: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing in particular was asked for."""
        return self.node_ids is None and self.select is None

    @property
    def needs_journal(self) -> bool:
        """Whether it asks for earlier results. Raises `InputError` for an expression that is none."""
        return any(needs_journal(term) for text in self.select or () for term in terms_of(parse(text)))


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes that were asked for, in the canvas's order or as they were named; None: nothing in particular.

    `skipped` are those whose note would have to be read to tell; `not_selected` counts what an expression left out.
    `absent` is what expressions name and a canvas that is one of many lacks.
    """

    node_ids: Sequence[str] | None
    skipped: Sequence[Skipped] = ()
    not_selected: int = 0
    absent: Sequence[Absent] = ()


def chosen_nodes(canvas: Canvas, choice: NodeChoice, agent: AgentInputs, earlier: Earlier | None = None) -> Chosen:
    """Find the nodes that were asked for, for an agent; `earlier` is what the journal knows, where it is needed.

    Raises:
        CanvasError: a named node is not there.
        NothingFitsError: none fits.
        InputError: an expression, a term or the palette is not known.
    """
    found = _chosen(canvas, choice, agent, earlier or Earlier(), is_one_of_many=False)
    if choice.select is not None and not found.node_ids:
        problem, asks_for_colours = nothing_fits(choice)
        raise NothingFitsError(canvas.path, problem, hint=_colours_of(canvas) if asks_for_colours else "")
    return found


def chosen_among_many(canvas: Canvas, choice: NodeChoice, agent: AgentInputs, earlier: Earlier) -> Chosen:
    """As `chosen_nodes`, on one of several canvases: that nothing fits, or a group is not there, is no error yet."""
    return _chosen(canvas, choice, agent, earlier, is_one_of_many=True)


def _chosen(
    canvas: Canvas, choice: NodeChoice, agent: AgentInputs, earlier: Earlier, *, is_one_of_many: bool
) -> Chosen:
    palette = palette_named(choice.palette)
    if choice.select is None:
        return Chosen(node_ids=None if choice.node_ids is None else list(choice.node_ids))
    meaning = Meaning(canvas, palette, agent, earlier, is_one_of_many=is_one_of_many)
    conditions = [meaning.of(parse(text), text) for text in choice.select]
    named = canvas.nodes if choice.node_ids is None else [canvas.node(node_id) for node_id in choice.node_ids]
    found: list[str] = []
    skipped: list[Skipped] = []
    for node in named:
        try:
            if any(fits(node) for fits in conditions):
                found.append(node.node_id)
        except CanvasError as error:
            skipped.append(Skipped(node.node_id, unreadable(error, node)))
    left_out = len(canvas.nodes) - len(set(found)) - len(skipped)
    return Chosen(node_ids=found, skipped=skipped, not_selected=left_out, absent=meaning.absent)


def nothing_fits(choice: NodeChoice) -> tuple[str, bool]:
    """Say that nothing fits what was selected, and tell whether that asks for colours."""
    palette, texts = palette_named(choice.palette), choice.select or ()
    parsed = [parse(text) for text in texts]
    asks_for_colours = any(palette.codes_of(term.text) for one in parsed for term in terms_of(one))
    return _nothing(parsed, texts, palette), asks_for_colours


def _nothing(parsed: Sequence[Expression], texts: Sequence[str], palette: Palette) -> str:
    whole = parsed[0] if len(parsed) == 1 else Some(tuple(parsed))
    terms = [whole] if isinstance(whole, Term) else whole.parts if isinstance(whole, Some) else ()
    plain = [term for term in terms if isinstance(term, Term) and _is_colour_or_part(term, palette)]
    if not plain or len(plain) < len(terms):
        return f"no node fits {', '.join(texts)!r}"
    meant = [
        f"{term.text} (colour {' or '.join(sorted(codes))})" if (codes := palette.codes_of(term.text)) else term.text
        for term in plain
    ]
    return f"no node is {' or '.join(meant)} in the palette {palette.name}"


def _is_colour_or_part(term: Term, palette: Palette) -> bool:
    return term.name is None and (palette.codes_of(term.value) is not None or term.value.casefold() in ROLES)


def _colours_of(canvas: Canvas) -> str:
    colours = Counter(node.color for node in canvas.nodes if node.color is not None)
    shown = ", ".join(f"{colour} ({number})" for colour, number in sorted(colours.items()))
    return f"Its colours are {shown}; --palette says what they mean." if shown else "None of its nodes has a colour."
