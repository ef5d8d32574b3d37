"""What a result consists of on a canvas, before it has a place: nodes in line with one another, and their edges.

Sizes and distances are those of the compact layout that learners chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from parallel_agents.canvas.boxes import Box
from parallel_agents.canvas.layout import Block
from parallel_agents.canvas.lines import height_of
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.roles import Role
from parallel_agents.core.forms import Form

QUESTION_WIDTH, QUESTION_HEIGHT = 340, 174
UNDERSTANDING_SIZE = (300, 74)
TO_THE_QUESTIONS = 840
TO_THE_UNDERSTANDING = 80
TO_THE_NEXT_QUESTION = 120
NOTICE_WIDTH, NOTICE_HEIGHT = 300, 80
NOTE_SIZE = (400, 300)
# Of an understanding; its question above is 40 wider, which leaves 20.
TO_THE_NOTICE = 60
TO_THE_NOTE = 50

UNDERSTANDING_LABEL = "个人理解"
NOTE_LABEL = "详细内容"

SOURCE = ""
"""The name of the node that a result hangs on."""
_FURTHER = "source-"


def source_name(place: int) -> str:
    """The name of a node that a result hangs on, by its place (from 0) among those of its task."""
    return f"{_FURTHER}{place + 1}" if place else SOURCE


NOTE = "note"
"""The name of the node that shows an explanation's note."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A node to come. `box` counts from the corner of the whole; `keys` are those of the item, places and id aside."""

    name: str
    box: Box
    keys: Mapping[str, Any]
    color: str | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An edge to come, from part to part."""

    start: str
    end: str
    label: str = ""
    color: str | None = None

    @property
    def name(self) -> str:
        """The name of the edge: of the parts and the first source, one leads to each part, and one only."""
        return f"{self.end}-edge" if not self.start.startswith(_FURTHER) else f"{self.end}-edge-{self.start}"


class Pieces(msgspec.Struct, frozen=True, kw_only=True):
    """All that one result adds. The edges' ends are parts, or `SOURCE`."""

    parts: tuple[Part, ...]
    links: tuple[Link, ...]
    block: Block


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question as the agents' contract has it."""

    text: str
    type: str
    guidance: str = ""


def understanding_name(number: int) -> str:
    """The name of the empty node below a question, which counts from 1."""
    return f"understanding-{number}"


def questions(form: Form, asked: Sequence[Question], palette: Palette) -> Pieces:
    """A column of questions, each with an empty node below for what the learner understands of it."""
    parts: list[Part] = []
    links: list[Link] = []
    top = 0
    for number, question in enumerate(asked, start=1):
        named, below = f"question-{number}", understanding_name(number)
        text = question_text_of(question)
        height = max(QUESTION_HEIGHT, height_of(text, QUESTION_WIDTH))
        under = top + height + TO_THE_UNDERSTANDING
        colour = palette.code_of_role(Role.QUESTION, is_deep=form.is_deep)
        box = Box(0, top, QUESTION_WIDTH, height)
        parts.append(Part(name=named, box=box, keys={"type": "text", "text": text}, color=colour))
        box, colour = Box(0, under, *UNDERSTANDING_SIZE), palette.code_of_role(Role.UNDERSTANDING)
        parts.append(Part(name=below, box=box, keys={"type": "text", "text": ""}, color=colour))
        links.append(Link(start=SOURCE, end=named, label="" if links else form.label))
        links.append(Link(start=named, end=below, label=UNDERSTANDING_LABEL))
        top = under + UNDERSTANDING_SIZE[1] + TO_THE_NEXT_QUESTION
    block = Block(
        boxes=tuple(part.box for part in parts),
        gap=TO_THE_QUESTIONS,
        step=QUESTION_WIDTH + TO_THE_QUESTIONS,
        across=60,
        down=TO_THE_NEXT_QUESTION,
        right_cost=0.6,  # about as wide as high, when many are placed
    )
    return Pieces(parts=tuple(parts), links=tuple(links), block=block)


def explanation(form: Form, file: str, palette: Palette, sources: Sequence[str] = (SOURCE,)) -> Pieces:
    """A node that announces a note, and to its right one that shows it; an edge leads there from each source."""
    colour = palette.code_of_role(Role.EXPLANATION)
    text = f"{form.emoji} {form.title}（点击查看详细内容）".strip()
    height = max(NOTICE_HEIGHT, height_of(text, NOTICE_WIDTH))
    notice = Part(
        name="explanation",
        box=Box(0, 0, NOTICE_WIDTH, height),
        keys={"type": "text", "text": text},
        color=colour,
    )
    note = Part(name=NOTE, box=Box(NOTICE_WIDTH + TO_THE_NOTE, 0, *NOTE_SIZE), keys={"type": "file", "file": file})
    links = (
        *(Link(start=source, end=notice.name, label=form.label, color=colour) for source in sources),
        Link(start=notice.name, end=note.name, label=NOTE_LABEL),
    )
    block = Block(
        boxes=(notice.box, note.box),
        gap=TO_THE_NOTICE,
        step=NOTICE_WIDTH + TO_THE_NOTE + NOTE_SIZE[0] + TO_THE_NOTICE,
        across=20,
        down=40,
        right_cost=0.4,  # explanations of one understanding stand in its row
    )
    return Pieces(parts=(notice, note), links=links, block=block)


def board(file: str) -> Pieces:
    """A node that shows the canvas that was made: which nodes that asks about is told there."""
    note = Part(name=NOTE, box=Box(0, 0, *NOTE_SIZE), keys={"type": "file", "file": file})
    step = NOTE_SIZE[0] + TO_THE_NOTICE
    block = Block(boxes=(note.box,), gap=TO_THE_NOTICE, step=step, across=20, down=40, right_cost=0.4)
    return Pieces(parts=(note,), links=(), block=block)


def question_text_of(question: Question) -> str:
    """What stands in the node of a question."""
    text = f"**[{question.type}]** {question.text.strip()}"
    return f"{text}\n\n{question.guidance.strip()}" if question.guidance.strip() else text
