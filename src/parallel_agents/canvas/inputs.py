"""What a node gives an agent: the fields of its input, derived from texts and edges."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import msgspec

from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.markdown import first_heading
from parallel_agents.canvas.palette import DEFAULT, PALETTES, Palette
from parallel_agents.canvas.placeholders import is_placeholder
from parallel_agents.canvas.roles import Role, question_text, roles_of
from parallel_agents.canvas.vault import Vault
from parallel_agents.core.errors import CanvasError
from parallel_agents.core.gathering import Gathers

Reads: TypeAlias = Literal["material", "understanding"]
_SHORT = 40
Values: TypeAlias = dict[str, "str | None"]


class AgentInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent needs of a canvas: its input fields (True: required) and which nodes it is meant for.

    With `gathers` one task takes several nodes; what is red or purple is then told by the `palette`.
    """

    fields: Mapping[str, bool]
    reads: tuple[Reads, ...] = ("material",)
    gathers: Gathers | None = None
    palette: Palette = PALETTES[DEFAULT]


class Reader:
    """Reads one canvas for an agent; a note is read from disk once."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.roles = roles_of(canvas)
        self._vault = Vault(canvas.path)
        self._notes: dict[str, str] = {}

    def text(self, node: Node) -> str:
        """Return what a text node or a Markdown file node says, "" for any other.

        Raises:
            CanvasError: the note cannot be read.
        """
        if node.type == "text":
            return node.text
        if not node.is_markdown_file:
            return ""
        if node.node_id not in self._notes:
            self._notes[node.node_id] = self._vault.read_note(node)
        return self._notes[node.node_id]

    def values(self, node: Node, reads: Reads) -> Values:
        """Derive every field that the canvas can give for a node; None where it has nothing.

        As material: `material_content` is the node's text; `topic` the label of its group, else the first heading in
        the text, else the canvas's name; `concept` what `concept_of` finds, else the topic. As an understanding:
        `user_understanding` is the node's text, `question_text` and `concept` the question that an edge leads from,
        `reference_material` the material that the question came from, and `material_content` that material with the
        question under it. A question that is taken as material gives the material above it with the question under it,
        and the first understanding that was written below. `node_text` is
        the text either way.

        Raises:
            CanvasError: a note that is needed cannot be read.
        """
        text = _said(self.text(node))
        if reads == "material" and self.roles.get(node.node_id) is not Role.QUESTION:
            topic = self._topic(node, text)
            return {"material_content": text, "topic": topic, "concept": concept_of(text) or topic, "node_text": text}
        question = node if reads == "material" else self._question(node)
        asked = None if question is None else _said(question_text(self.text(question)))
        material = None if question is None else self._material_above(question)
        reference = None if material is None else _said(self.text(material))
        return {
            "user_understanding": self.understanding_below(node) if reads == "material" else text,
            "question_text": asked,
            "reference_material": reference,
            "material_content": "\n\n".join(filter(None, (reference, asked))) or None,
            "topic": self._topic(material or question or node, reference),
            "concept": asked or concept_of(text) or self._topic(node, text),
            "node_text": text,
        }

    def is_understanding(self, node: Node) -> bool:
        """Tell whether a node holds the user's understanding of a question.

        Its role says so; or nothing says what the nodes are and it is the third of a chain, as in
        material → question → understanding.
        """
        role = self.roles.get(node.node_id)
        if role is not Role.MATERIAL or node.type != "text":
            return role is Role.UNDERSTANDING
        above = [parent for parent in self._parents(node) if self.roles[parent.node_id] is Role.MATERIAL]
        return any(self._parents(parent) for parent in above)

    def understanding_below(self, question: Node) -> str | None:
        """Return the first understanding that was written below a question, None where there is none.

        Raises:
            CanvasError: a note below it cannot be read.
        """
        return next(self.understandings_below(question), None)

    def understandings_below(self, question: Node) -> Iterator[str]:
        """Give every understanding that was written below a question. Raises as `understanding_below`."""
        below = dict.fromkeys(edge.to_node for edge in self.canvas.outgoing(question.node_id))
        answers = [self.canvas.node(one) for one in below if self.roles.get(one) is Role.UNDERSTANDING]
        return filter(None, (_said(self.text(answer)) for answer in answers))

    def _topic(self, node: Node, text: str | None) -> str:
        group = self.canvas.group_of(node)
        label = "" if group is None else group.label.strip()
        return label or first_heading(text or "") or self.canvas.name

    def _question(self, node: Node) -> Node | None:
        parents = self._parents(node)
        asked = [parent for parent in parents if self.roles[parent.node_id] is Role.QUESTION]
        return next(iter(asked or parents), None)

    def _material_above(self, question: Node) -> Node | None:
        """Return the nearest material above a question, else the node right above it; deeper questions are climbed."""
        seen = {question.node_id}
        climbing = deque([question])
        while climbing:
            for parent in self._parents(climbing.popleft()):
                if self.roles[parent.node_id] is Role.MATERIAL:
                    return parent
                if parent.node_id not in seen:
                    seen.add(parent.node_id)
                    climbing.append(parent)
        return next(iter(self._parents(question)), None)

    def _parents(self, node: Node) -> list[Node]:
        return [parent for parent in self.canvas.parents(node.node_id) if parent.node_id in self.roles]


def concept_of(text: str | None) -> str | None:
    """What a text is about in a few words: its first heading, else the text itself where it is one short line."""
    said = (text or "").strip()
    is_short = 0 < len(said) <= _SHORT and "\n" not in said
    return first_heading(said) or (said if is_short else None)


def unreadable(error: CanvasError, node: Node) -> str:
    """Say why a note could not be read, naming the node where it is another one."""
    other = "" if error.node == node.node_id else f"node {error.node!r} above it: "
    return f"{other}{error.problem}"


def _said(text: str) -> str | None:
    return None if is_placeholder(text) else text
