"""What is on a canvas, counted: kinds of nodes, colours, groups, and how far its questions have been answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.inputs import Reader
from parallel_agents.canvas.lettering import plain_beginning
from parallel_agents.canvas.opening import Unopened, unopened_files
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.placeholders import is_placeholder
from parallel_agents.canvas.roles import Role, question_text
from parallel_agents.canvas.vault import Vault
from parallel_agents.core.errors import CanvasError

NO_COLOUR = "none"
_NAME_WIDTH = 24.0


class Named(msgspec.Struct, frozen=True):
    """A node and the beginning of its text."""

    node_id: str
    text: str


class GroupCount(msgspec.Struct, frozen=True):
    """A group and the number of nodes that it is the smallest group around."""

    node_id: str
    label: str
    nodes: int


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """A canvas in numbers. The numbers by type, and those by colour, add up to `nodes`.

    `colours` are as the palette names them, `none` those without one. An understanding is filled when it says anything
    of the user's own. `unread` are notes that would tell whether a question is answered and cannot be read.
    """

    nodes: int
    edges: int
    by_type: dict[str, int]
    colours: dict[str, int]
    groups: tuple[GroupCount, ...]
    questions: int
    unanswered: tuple[Named, ...]
    filled: int
    empty: int
    unread: tuple[Named, ...]
    unopened: tuple[Unopened, ...]
    warnings: tuple[str, ...]


def survey_of(canvas: Canvas, palette: Palette) -> Survey:
    """Count what is on a canvas; the notes of its questions and understandings are read."""
    answers = _Answers(Reader(canvas))
    for node in canvas.nodes:
        answers.take(node)
    around = Counter(group.node_id for node in canvas.nodes if (group := canvas.group_of(node)) is not None)
    groups = (node for node in canvas.nodes if node.type == "group")
    return Survey(
        nodes=len(canvas.nodes),
        edges=len(canvas.edges),
        by_type=dict(Counter(node.type or "?" for node in canvas.nodes)),
        colours=named_colours(colour_codes(canvas.nodes), palette),
        groups=tuple(GroupCount(group.node_id, group.label, around[group.node_id]) for group in groups),
        questions=answers.questions,
        unanswered=tuple(answers.unanswered),
        filled=answers.filled,
        empty=answers.empty,
        unread=tuple(answers.unread),
        unopened=tuple(unopened_files(canvas, Vault(canvas.path))),
        warnings=canvas.warnings,
    )


def colour_codes(nodes: Iterable[Node]) -> dict[str, int]:
    """How many nodes have each code, as it is written; `none` counts those without one."""
    return dict(Counter(node.color or NO_COLOUR for node in nodes))


def named_colours(codes: dict[str, int], palette: Palette) -> dict[str, int]:
    """Numbers by code as numbers by colour; a code that the palette does not know stays a code."""
    named: Counter[str] = Counter()
    for code, number in codes.items():
        named[code if code == NO_COLOUR else palette.name_of(code)] += number
    return dict(named.most_common())


def beginning_of(text: str) -> str:
    """The first line that a text says, shortened, without marks: a name for its node."""
    return plain_beginning(question_text(text), _NAME_WIDTH)


class _Answers:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.questions = self.filled = self.empty = 0
        self.unanswered: list[Named] = []
        self.unread: list[Named] = []

    def take(self, node: Node) -> None:
        role = self._reader.roles.get(node.node_id)
        is_understanding = role is not Role.QUESTION and role is not None and self._reader.is_understanding(node)
        if role is not Role.QUESTION and not is_understanding:
            return
        self.questions += role is Role.QUESTION
        try:
            self._look(node, role)
        except CanvasError as error:
            self.unread.append(Named(node.node_id, error.problem))

    def _look(self, node: Node, role: Role | None) -> None:
        if role is Role.QUESTION:
            if self._reader.understanding_below(node) is None:
                self.unanswered.append(Named(node.node_id, beginning_of(self._reader.text(node))))
        elif is_placeholder(self._reader.text(node)):
            self.empty += 1
        else:
            self.filled += 1
