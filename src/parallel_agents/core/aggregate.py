"""Merges accepted outputs into totals. What does not apply to the agents that ran is absent, never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

Method: TypeAlias = Literal["merge_outputs", "preserve_individual"]

DIFFICULTIES = {"基础": "basic", "中级": "intermediate", "深度": "advanced"}
_LEVELS = frozenset({"basic", "intermediate", "advanced"})


class ResultAggregator:
    """Adds up outputs one at a time, in memory that does not grow with their number."""

    def __init__(self) -> None:
        self._per_agent: Counter[str] = Counter()
        self._unscored = 0
        self._questions: int | None = None
        self._guided = 0
        self._difficulties: Counter[str] = Counter()
        self._scores: list[int] = [0, 0]
        self._explanations: int | None = None

    def add(self, agent_name: str, status: str | None, output: Mapping[str, Any] | None) -> None:
        """Count one accepted result; `output` is None for one that is unscored."""
        self._per_agent[agent_name] += 1
        if status == "unscored":
            self._unscored += 1
        if output is None:
            return
        if isinstance(questions := output.get("sub_questions"), list):
            self._count_questions(questions)  # pyright: ignore[reportUnknownArgumentType]
        if isinstance(score := output.get("total_score"), int):
            self._scores = [self._scores[0] + 1, self._scores[1] + score]
        if "markdown" in output:
            self._explanations = (self._explanations or 0) + 1

    def merged(self) -> dict[str, Any]:
        """The totals so far."""
        merged: dict[str, Any] = {"results_per_agent": dict(self._per_agent)}
        if self._questions is not None:
            merged["total_sub_questions"] = self._questions
            merged["guidance_provided_count"] = self._guided
            merged["difficulty_distribution"] = {level: self._difficulties[level] for level in sorted(_LEVELS)}
            if others := {name: n for name, n in self._difficulties.items() if name not in _LEVELS}:
                merged["other_difficulties"] = others
        if self._scores[0]:
            merged["scored_count"] = self._scores[0]
            merged["average_score"] = round(self._scores[1] / self._scores[0], 2)
        if self._unscored:
            merged["unscored_count"] = self._unscored
        if self._explanations is not None:
            merged["explanations_count"] = self._explanations
        return merged

    def _count_questions(self, questions: Iterable[Mapping[str, Any]]) -> None:
        for question in questions:
            self._questions = (self._questions or 0) + 1
            self._guided += bool(question.get("guidance"))
            difficulty = str(question.get("difficulty") or "unknown")
            self._difficulties[DIFFICULTIES.get(difficulty, difficulty)] += 1


def with_derived(output: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the specification's document derives from an output: `total_count` and `has_guidance`."""
    derived = dict(output)
    questions = output.get("sub_questions")
    if isinstance(questions, list):
        items: list[Mapping[str, Any]] = questions  # pyright: ignore[reportUnknownVariableType]
        derived["total_count"] = len(items)
        derived["has_guidance"] = any(bool(item.get("guidance")) for item in items)
    return derived
