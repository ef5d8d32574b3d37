"""How results of an agent stand on a canvas: the one thing that agents and canvases have to agree on."""

from __future__ import annotations

from typing import Literal

import msgspec


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """How the results of one agent land.

    `questions`: a node for each question, with an empty one below for the learner's understanding. `explanation`: a
    note, a node with `emoji` and `title` that announces it, and a node that shows it. `score`: no nodes. `board`: a new
    canvas with the questions, which `title` names, and a node that shows it. `label` is that of the edge from the
    source (of the first question, where there are several). `is_deep` marks questions about an understanding.
    """

    kind: Literal["questions", "explanation", "score", "board"]
    title: str
    emoji: str = ""
    label: str = ""
    is_deep: bool = False
