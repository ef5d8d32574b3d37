"""Merges accepted outputs into totals. What does not apply to the agents that ran is absent, never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, cast

import msgspec

from parallel_agents.core.concepts import Shape, digest_of, words_of
from parallel_agents.core.firsts import Firsts, RememberedFirsts
from parallel_agents.core.quality import Flaw, is_cut, is_empty, number_of

Method: TypeAlias = Literal["merge_outputs", "preserve_individual"]

METHODS: dict[str, Method] = {
    "merge": "merge_outputs",
    "merge_outputs": "merge_outputs",
    "preserve": "preserve_individual",
    "preserve_individual": "preserve_individual",
}
"""What a caller may call a method, and its name in the document."""

QUESTION_KEYS = ("sub_questions", "questions")
"""What an output calls its list of questions."""
DIFFICULTIES = {"基础": "basic", "中级": "intermediate", "深度": "advanced"}
DIMENSIONS = ("accuracy", "imagery", "completeness", "originality")
_LEVELS = ("basic", "intermediate", "advanced")
_COMPARED = 400
_SUGGESTED = 20
_ALIKE = 0.9
_LONGEST = 300


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One result as it is aggregated.

    `task_id` is what a later duplicate is told to be a duplicate of. `output` is None where there is none: unscored, or
    failed. `problems` are what its contract finds wrong with it.
    """

    agent_name: str
    task_id: str = ""
    status: str | None = "success"
    output: Mapping[str, Any] | None = None
    finish_reason: str | None = None
    problems: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at one result found; `duplicate_of` names the first task with this very output."""

    flaws: tuple[Flaw, ...] = ()
    duplicate_of: str | None = None


class ResultAggregator:
    """Adds up results one at a time.

    Its memory does not grow with their number, but for `firsts`, which remembers every different concept and output:
    by default in memory.
    """

    def __init__(self, firsts: Firsts | None = None) -> None:
        self._firsts = RememberedFirsts() if firsts is None else firsts
        self._all = Totals()
        self._agents: dict[str, Totals] = {}
        self._concepts: int | None = None
        self._neighbours = _Neighbours()
        self._flaws: Counter[Flaw] = Counter()
        self._checked = 0

    def add(self, agent_name: str, status: str | None, output: Mapping[str, Any] | None) -> Verdict:
        """Count one accepted result; `output` is None for one that is unscored."""
        return self.take(Result(agent_name=agent_name, status=status, output=output))

    def take(self, result: Result) -> Verdict:
        """Look at one result, and count it unless it is an error; returns what was found."""
        verdict = self._judge(result)
        self._checked += 1
        self._flaws.update(verdict.flaws)
        if result.status != "error":
            for totals in (self._all, self._agents.setdefault(result.agent_name, Totals())):
                totals.add(result)
            for question in questions_in(result.output):
                self._note_concept(str(question.get("text") or ""))
        return verdict

    def merged(self) -> dict[str, Any]:
        """The totals so far."""
        merged: dict[str, Any] = {"results_per_agent": {name: agent.results for name, agent in self._agents.items()}}
        merged |= self._all.figures()
        if self._concepts is not None:
            merged["unique_concepts_covered"] = self._concepts
            merged["near_duplicate_concepts"] = self._neighbours.found
        merged["per_agent"] = {
            name: {"results": agent.results, **agent.figures()} for name, agent in self._agents.items()
        }
        return merged

    def quality(self) -> dict[str, int]:
        """How many results were looked at, and how many have each flaw."""
        return {"results_checked": self._checked, **{flaw.value: self._flaws[flaw] for flaw in Flaw}}

    def _judge(self, result: Result) -> Verdict:
        flaws = [Flaw.OFF_CONTRACT] if result.problems else []
        if result.output is None:
            return Verdict(flaws=tuple(flaws))
        if is_empty(result.output):
            return Verdict(flaws=(Flaw.EMPTY, *flaws))
        if is_cut(result.output, result.finish_reason):
            flaws.append(Flaw.TRUNCATED)
        earlier = self._firsts.claim(number_of(result.agent_name, result.output), result.task_id)
        if earlier is not None:
            flaws.append(Flaw.DUPLICATE)
        return Verdict(flaws=tuple(flaws), duplicate_of=earlier or None)

    def _note_concept(self, text: str) -> None:
        words = words_of(text)
        self._concepts = self._concepts or 0
        if words and self._firsts.claim(digest_of(words), "") is None:
            self._concepts += 1
            self._neighbours.compare(text)


class Totals:
    """Figures of some results; a figure that no result had is absent."""

    def __init__(self) -> None:
        self.results = 0
        self._unscored = 0
        self._questions: int | None = None
        self._guided = 0
        self._difficulties: Counter[str] = Counter()
        self._scored = 0
        self._points = 0
        self._broken_down = 0
        self._dimensions: Counter[str] = Counter()
        self._explanations: int | None = None

    def add(self, result: Result) -> None:
        """Count one result that was accepted."""
        self.results += 1
        self._unscored += result.status == "unscored"
        output = result.output
        if output is None:
            return
        if has_questions(output):
            self._questions = self._questions or 0
        for question in questions_in(output):
            self._questions = (self._questions or 0) + 1
            self._guided += bool(question.get("guidance"))
            difficulty = str(question.get("difficulty") or "unknown")
            self._difficulties[DIFFICULTIES.get(difficulty, difficulty)] += 1
        self._add_score(output)
        if "markdown" in output:
            self._explanations = (self._explanations or 0) + 1

    def figures(self) -> dict[str, Any]:
        """What was counted."""
        found: dict[str, Any] = {}
        if self._questions is not None:
            found["total_sub_questions"] = self._questions
            found["guidance_provided_count"] = self._guided
            found["difficulty_distribution"] = {level: self._difficulties[level] for level in _LEVELS}
            if others := {name: n for name, n in self._difficulties.items() if name not in _LEVELS}:
                found["other_difficulties"] = others
        if self._scored:
            found["scored_count"] = self._scored
            found["average_score"] = round(self._points / self._scored, 2)
        if self._broken_down:
            means = {name: round(self._dimensions[name] / self._broken_down, 2) for name in DIMENSIONS}
            found["average_breakdown"] = means
        if self._unscored:
            found["unscored_count"] = self._unscored
        if self._explanations is not None:
            found["explanations_count"] = self._explanations
        return found

    def _add_score(self, output: Mapping[str, Any]) -> None:
        score = output.get("total_score")
        if not isinstance(score, int) or isinstance(score, bool):
            return
        self._scored += 1
        self._points += score
        breakdown = output.get("breakdown")
        points = cast("dict[str, Any]", breakdown) if isinstance(breakdown, dict) else {}
        if all(isinstance(points.get(name), int) for name in DIMENSIONS):
            self._broken_down += 1
            self._dimensions.update({name: points[name] for name in DIMENSIONS})


class _Neighbours:
    """Pairs of different concepts that are nearly alike, among the first that came: each is compared with all of them.

    Bounded in number and in time; only a suggestion, nothing is merged by it.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[str, Shape]] = []
        self.found: list[dict[str, Any]] = []

    def compare(self, text: str) -> None:
        if len(self._seen) >= _COMPARED or len(self.found) >= _SUGGESTED or len(text) > _LONGEST:
            return
        shape = Shape(text)
        for other, its_shape in self._seen:
            alike = shape.likeness(its_shape, least=_ALIKE)
            if alike >= _ALIKE and len(self.found) < _SUGGESTED:
                self.found.append({"one": other, "other": text, "likeness": round(alike, 2)})
        self._seen.append((text, shape))


def has_questions(output: Mapping[str, Any] | None) -> bool:
    """Tell whether an output is one of questions, if only of none."""
    return output is not None and any(key in output for key in QUESTION_KEYS)


def questions_in(output: Mapping[str, Any] | None) -> Iterable[Mapping[str, Any]]:
    """The questions of an output; nothing where it has none."""
    questions = None if output is None else next((output[key] for key in QUESTION_KEYS if key in output), None)
    if not isinstance(questions, list):
        return []
    return [cast("Mapping[str, Any]", question) for question in cast("list[object]", questions) if _is_map(question)]


def with_derived(output: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the specification's document derives from an output: `total_count` and `has_guidance`."""
    derived = dict(output)
    if any(isinstance(output.get(key), list) for key in QUESTION_KEYS):
        items = list(questions_in(output))
        derived["total_count"] = len(items)
        derived["has_guidance"] = any(bool(item.get("guidance")) for item in items)
    return derived


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)
