"""A review canvas: questions about nodes of another canvas, each with an empty node below for the learner's answer.

A row for each node that is asked about, its questions from left to right; to the left of the first row a node that
shows where they come from. Every question says what it is about in keys of its own, which other programs leave alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from parallel_agents.canvas.lines import height_of
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.pieces import (
    NOTE_SIZE,
    QUESTION_HEIGHT,
    QUESTION_WIDTH,
    TO_THE_NEXT_QUESTION,
    TO_THE_UNDERSTANDING,
    UNDERSTANDING_LABEL,
    UNDERSTANDING_SIZE,
    Question,
    question_text_of,
)
from parallel_agents.canvas.proposals import Accepted
from parallel_agents.canvas.roles import Role

ORIGIN_LABEL = "来源"
_ORIGIN = "board-origin"


class Verifying(msgspec.Struct, frozen=True, kw_only=True):
    """A question as the contract of verification questions has it."""

    source_node_id: str
    question_text: str
    question_type: str
    guidance: str = ""


def board_text(result: Accepted, asked: Sequence[Verifying], palette: Palette, canvas: str, at: datetime) -> str:
    """The text of a review canvas. `canvas` is the path of the other one from the vault's root on."""
    board = _Board(result, palette, canvas, at)
    for node_id in dict.fromkeys(question.source_node_id for question in asked):
        board.add_row([question for question in asked if question.source_node_id == node_id])
    return json.dumps({"nodes": board.nodes, "edges": board.edges}, ensure_ascii=False, indent="\t") + "\n"


class _Board:
    def __init__(self, result: Accepted, palette: Palette, canvas: str, at: datetime) -> None:
        self._result = result
        self._palette = palette
        self._marks = {str(node["id"]): str(node["type"]) for node in result.input_data.get("nodes") or ()}
        self._told = {"originalCanvasPath": canvas, "generationTimestamp": at.isoformat(timespec="seconds")}
        self._top = 0
        self._number = 0
        origin = {"id": result.id_of(_ORIGIN), "type": "file", "file": canvas}
        x = -(NOTE_SIZE[0] + 2 * TO_THE_NEXT_QUESTION)
        self.nodes: list[dict[str, Any]] = [origin | _places(x, 0, *NOTE_SIZE)]
        self.edges: list[dict[str, Any]] = []

    def add_row(self, questions: Sequence[Verifying]) -> None:
        """Put the questions about one node below what is there."""
        texts = [_text(question) for question in questions]
        height = max(QUESTION_HEIGHT, *(height_of(text, QUESTION_WIDTH) for text in texts))
        for place, (question, text) in enumerate(zip(questions, texts, strict=True)):
            self._add(question, text, place * (QUESTION_WIDTH + TO_THE_NEXT_QUESTION), height)
        self._link(self._id_of(f"board-question-{self._number - len(questions) + 1}"), None)
        self._top += height + TO_THE_UNDERSTANDING + UNDERSTANDING_SIZE[1] + TO_THE_NEXT_QUESTION

    def _add(self, question: Verifying, text: str, x: int, height: int) -> None:
        self._number += 1
        asks, below = (self._id_of(f"board-{part}-{self._number}") for part in ("question", "understanding"))
        told = {"sourceNodeId": question.source_node_id, **self._told}
        colour = self._palette.code_for(self._marks.get(question.source_node_id, "red"))
        node = {"id": asks, "type": "text", "text": text, **_places(x, self._top, QUESTION_WIDTH, height)}
        self.nodes.append(node | _coloured(colour) | told)
        under = self._top + height + TO_THE_UNDERSTANDING
        node = {"id": below, "type": "text", "text": "", **_places(x, under, *UNDERSTANDING_SIZE)}
        self.nodes.append(node | _coloured(self._palette.code_of_role(Role.UNDERSTANDING)) | told)
        self._link(asks, below)

    def _link(self, start: str, end: str | None) -> None:
        """Draw an edge downwards to an answer; with None to the left, to where the questions come from."""
        to, sides, label = (
            (self._id_of(_ORIGIN), ("left", "right"), ORIGIN_LABEL)
            if end is None
            else (end, ("bottom", "top"), UNDERSTANDING_LABEL)
        )
        edge_id = self._id_of(f"board-edge-{len(self.edges)}")
        edge = {"id": edge_id, "fromNode": start, "fromSide": sides[0], "toNode": to, "toSide": sides[1]}
        self.edges.append(edge | {"label": label})

    def _id_of(self, part: str) -> str:
        return self._result.id_of(part)


def _text(question: Verifying) -> str:
    asked = Question(text=question.question_text, type=question.question_type, guidance=question.guidance)
    return question_text_of(asked)


def _places(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "width": width, "height": height}


def _coloured(code: str | None) -> dict[str, str]:
    return {} if code is None else {"color": code}
