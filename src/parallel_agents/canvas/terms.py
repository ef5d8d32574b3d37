"""What the terms of a selection mean on one canvas."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TypeAlias

import msgspec

from parallel_agents.canvas.earlier import Earlier, input_digest
from parallel_agents.canvas.expressions import All, Expression, Not, Some, Term, refuse
from parallel_agents.canvas.gathering import candidates, tasks_of
from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.inputs import AgentInputs, Reader
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.placeholders import is_placeholder
from parallel_agents.canvas.roles import Role
from parallel_agents.canvas.selection import select_tasks
from parallel_agents.core.errors import CanvasError

Fits: TypeAlias = Callable[[Node], bool]

ROLES = {
    **{role.value: role for role in Role},
    "材料": Role.MATERIAL,
    "问题": Role.QUESTION,
    "理解": Role.UNDERSTANDING,
    "解释": Role.EXPLANATION,
}
STATES = {
    "filled": "filled",
    "unanswered": "unanswered",
    "unscored": "unscored",
    "changed-since-last-run": "changed-since-last-run",
    "已填写": "filled",
    "未回答": "unanswered",
    "未评分": "unscored",
    "有变动": "changed-since-last-run",
}
KINDS = {"group": "group", "subtree": "subtree", "text": "text", "组": "group", "子树": "subtree", "文字": "text"}
FROM_THE_JOURNAL = frozenset({"unscored", "changed-since-last-run"})


def needs_journal(term: Term) -> bool:
    """Tell whether a term asks for earlier results."""
    return term.name is None and STATES.get(term.value.casefold()) in FROM_THE_JOURNAL


class Absent(msgspec.Struct, frozen=True):
    """A group or a node that an expression names and a canvas lacks. `column` counts from 1 in `text`."""

    text: str
    column: int
    what: str  # "group" or "node"
    name: str


class Meaning:
    """Tells of nodes of one canvas whether they fit. `agent` says what the input is that may have changed.

    Where the canvas is one of many, no node of it is in a group or below a node that it lacks; `absent` tells of those.
    """

    def __init__(
        self, canvas: Canvas, palette: Palette, agent: AgentInputs, earlier: Earlier, *, is_one_of_many: bool = False
    ) -> None:
        self.absent: list[Absent] = []
        self._is_one_of_many = is_one_of_many
        self._canvas = canvas
        self._palette = palette
        self._agent = agent
        self._earlier = earlier
        self._reader = Reader(canvas)
        self._states: Mapping[str, Fits] = {
            "filled": self._is_filled,
            "unanswered": self._is_unanswered,
            "unscored": lambda node: node.node_id not in earlier.scored_node_ids and self._is_filled(node),
            "changed-since-last-run": lambda node: node.node_id in self._changed,
        }

    def of(self, expression: Expression, text: str) -> Fits:
        """The condition that an expression stands for; it raises `CanvasError` for a node whose note it cannot read.

        Raises:
            InputError: a term is not known, or its group or node not there; names its column in `text`, and what comes
                close.
        """
        match expression:
            case Term():
                return self._named(expression, text) if expression.name else self._word(expression, text)
            case Not():
                inner = self.of(expression.part, text)
                return lambda node: not inner(node)
            case All():
                every = [self.of(part, text) for part in expression.parts]
                return lambda node: all(fits(node) for fits in every)
            case Some():
                some = [self.of(part, text) for part in expression.parts]
                return lambda node: any(fits(node) for fits in some)

    def _word(self, term: Term, text: str) -> Fits:
        codes = self._palette.codes_of(term.value)
        if codes is not None:
            return lambda node: node.color is not None and node.color.lower() in codes
        word = term.value.casefold()
        role = ROLES.get(word)
        if role is Role.UNDERSTANDING:
            return self._reader.is_understanding
        if role is not None:
            return lambda node: self._reader.roles.get(node.node_id) is role
        if word in STATES:
            return self._states[STATES[word]]
        known = [*self._palette.codes, *ROLES, *STATES, *(f"{kind}:" for kind in KINDS)]
        refuse(
            text,
            term.column,
            f"{term.value!r} is neither a colour of the palette {self._palette.name} "
            f"({', '.join(self._palette.codes)}), nor a colour code, nor a part "
            f"({', '.join(role.value for role in Role)}), nor one of {', '.join(_english(STATES))}, "
            f"{', '.join(f'{kind}:…' for kind in _english(KINDS))}.{_hint(word, known)}",
        )

    def _named(self, term: Term, text: str) -> Fits:
        name = term.name or ""
        match KINDS.get(name.casefold()):
            case "group":
                return self._in_group(term, text)
            case "subtree":
                return self._in_subtree(term, text)
            case "text":
                return self._says(term, text)
            case _:
                kinds = ", ".join(f"{kind}:" for kind in _english(KINDS))
                refuse(text, term.column, f"there is no {name + ':'!r}, only {kinds}.{_hint(name, KINDS, end=':')}")

    def _in_group(self, term: Term, text: str) -> Fits:
        wanted = term.value.strip().casefold()
        groups = [node for node in self._canvas.nodes if node.type == "group"]
        fitting = [group for group in groups if group.label.strip().casefold() == wanted]
        if not fitting and self._is_one_of_many:
            return self._nowhere(Absent(text, term.column, "group", term.value))
        if not fitting:
            labels = [group.label.strip() for group in groups if group.label.strip()]
            if not labels:
                refuse(text, term.column, f"the canvas has no group {term.value!r}, and none with a label")
            there = ", ".join(map(repr, labels))
            hint = _hint(term.value, labels)
            refuse(text, term.column, f"the canvas has no group {term.value!r}; its groups are {there}.{hint}")
        return lambda node: any(group is not node and group.holds(node) for group in fitting)

    def _in_subtree(self, term: Term, text: str) -> Fits:
        try:
            start = self._canvas.node(term.value)
        except CanvasError as error:
            if self._is_one_of_many:
                return self._nowhere(Absent(text, term.column, "node", term.value))
            refuse(text, term.column, f"the canvas has no node {term.value!r}. {error.hint}")
        below = self._below(start.node_id)
        return lambda node: node.node_id in below

    def _nowhere(self, absent: Absent) -> Fits:
        self.absent.append(absent)
        return lambda _: False

    def _below(self, start: str) -> set[str]:
        found = {start}
        open_ids = [start]
        while open_ids:
            targets = {edge.to_node for edge in self._canvas.outgoing(open_ids.pop())} - found
            found |= targets
            open_ids += targets
        return found

    def _says(self, term: Term, text: str) -> Fits:
        if len(term.value) > 2 and term.value.startswith("/") and term.value.endswith("/"):
            try:
                pattern = re.compile(term.value[1:-1], re.IGNORECASE)
            except re.error as error:
                refuse(text, term.column, f"{term.value} is no regular expression: {error}")
            return lambda node: pattern.search(self._reader.text(node)) is not None
        wanted = term.value.casefold()
        return lambda node: wanted in self._reader.text(node).casefold()

    def _is_filled(self, node: Node) -> bool:
        return self._reader.is_understanding(node) and not is_placeholder(self._reader.text(node))

    def _is_unanswered(self, node: Node) -> bool:
        if self._reader.roles.get(node.node_id) is not Role.QUESTION:
            return False
        return self._reader.understanding_below(node) is None

    @cached_property
    def _changed(self) -> frozenset[str]:
        if self._agent.gathers is not None:
            return self._changed_together()
        suited = select_tasks(self._canvas, self._agent).tasks
        there = {node.node_id for node in self._canvas.nodes}
        others = (there & self._earlier.last_inputs.keys()) - {task.node_id for task in suited}
        tasks = [*suited, *select_tasks(self._canvas, self._agent, sorted(others)).tasks]
        last = self._earlier.last_inputs
        return frozenset(task.node_id for task in tasks if last.get(task.node_id) != input_digest(task.input_data))

    def _changed_together(self) -> frozenset[str]:
        """Nodes that were in no task, and all of a task for which its nodes would give another input now."""
        last, together = self._earlier.last_inputs, self._earlier.last_together
        there = {node.node_id for node in self._canvas.nodes}
        changed = {node_id for node_id in candidates(self._canvas, self._agent) if node_id not in last}
        for node_ids in dict.fromkeys(together.values()):
            now = tasks_of(self._canvas, self._agent, node_ids).tasks if there.issuperset(node_ids) else ()
            inputs = [input_digest(task.input_data) for task in now]
            # A node that was compared with others since counts with those.
            changed.update(one for one in there if together.get(one) == node_ids and inputs != [last.get(one)])
        return frozenset(changed)


def _english(words: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(words.values()))


def _hint(word: str, known: list[str] | Mapping[str, str], *, end: str = "") -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0] + end!r}?" if close else ""
