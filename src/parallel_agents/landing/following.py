"""What the result of a later step is about: a question that an earlier one of the same execution puts on the canvas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from parallel_agents.canvas.pieces import understanding_name
from parallel_agents.canvas.proposals import Accepted
from parallel_agents.core.aggregate import questions_in


class Following:
    """Knows the questions of an execution, once they were noted, and finds the one that a later input holds."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[Accepted, list[str]]] = {}

    def note(self, result: Accepted) -> None:
        """Note a result that puts questions on its canvas; any other is left aside."""
        if result.form.kind == "questions":
            texts = [str(question.get("text", "")).strip() for question in questions_in(result.output)]
            self._asked[result.task_id] = (result, texts)

    def place(self, input_data: Mapping[str, Any], depends_on: Sequence[str], canvas_node: str) -> str | None:
        """The id of the learner's node below the one question that an input holds; None where there is not just one.

        An explanation hangs on the understanding, never on the question: that is where the learner looks for it.
        """
        given = [value for value in input_data.values() if isinstance(value, str)]
        found = [
            asked.id_of(understanding_name(number))
            for asked, texts in (self._asked[one] for one in depends_on if one in self._asked)
            if asked.node_id == canvas_node
            for number, text in enumerate(texts, start=1)
            if text and any(text in value for value in given)
        ]
        return found[0] if len(found) == 1 else None
