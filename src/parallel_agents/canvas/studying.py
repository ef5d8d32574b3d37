"""What an execution tells a learner: scores, weak spots, open questions, and what to study next. Values, no rendering.

Every number was counted; what nobody observed is None.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import msgspec

from parallel_agents.canvas.survey import Named

Why: TypeAlias = Literal["scored_low", "unanswered", "never_scored"]

MASTERED = 80
"""Points of 100 from which an understanding counts as mastered."""

HALF_UNDERSTOOD = 60
"""Points of 100 from which it counts as half understood."""

STEPS = 3
LISTED = 50
"""How many of each kind a report names; all are counted."""


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A node that a report speaks of. `text` names it; the path is that of its canvas, as the task has it."""

    text: str
    node_id: str | None = None
    canvas_path: str | None = None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted score of 100, and by dimension of 25 where the agent gave all four."""

    spot: Spot
    total: int
    breakdown: Mapping[str, int] | None = None

    @property
    def weakest(self) -> str | None:
        """The dimension with the fewest points; of equals the first."""
        return min(self.breakdown, key=self.breakdown.__getitem__) if self.breakdown else None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A task that failed for good. `error_class` and `message` are None where the journal has no error of it."""

    spot: Spot
    task_id: str
    agent_name: str
    error_class: str | None
    message: str | None


class Explained(msgspec.Struct, frozen=True):
    """An explanation that was written."""

    spot: Spot
    agent_name: str


class Dimension(msgspec.Struct, frozen=True):
    """The mean of one dimension, of 25 points."""

    name: str
    mean: float


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """All accepted scores; `dimensions` has the weakest first and is empty where no score had all four."""

    scored: int
    unscored: int
    mean: float | None
    dimensions: tuple[Dimension, ...]
    lowest: tuple[Score, ...]


class CanvasStudy(msgspec.Struct, frozen=True, kw_only=True):
    """A canvas of the execution. `problem` says why it cannot be read now; then all else of it is None or empty.

    Colours are counted as the palette names them. What was `before` is None where no check of a landing tells it.
    `vault_root` and `in_vault` (the canvas's path below it) are None where it lies in no vault.
    """

    path: str
    problem: str | None = None
    vault_root: str | None = None
    in_vault: str | None = None
    nodes_before: int | None = None
    nodes_after: int | None = None
    edges_before: int | None = None
    edges_after: int | None = None
    colours_before: Mapping[str, int] | None = None
    colours_after: Mapping[str, int] | None = None
    questions: int | None = None
    unanswered: tuple[Named, ...] = ()
    never_scored: tuple[Named, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something to study next, and the agent that helps with it, None where it is the learner's turn."""

    why: Why
    spot: Spot
    score: Score | None = None
    agent: str | None = None


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """What a study report tells. `questions_asked` is None where no result had questions."""

    execution_id: str
    status: str
    submitted_at: str | None
    source: str | None
    model: str | None
    is_language_model: bool | None
    tasks: Mapping[str, int]
    canvases: tuple[CanvasStudy, ...]
    scores: Scores
    questions_asked: int | None
    explanations: int
    explained: tuple[Explained, ...]
    failures: int
    failed: tuple[Failure, ...]
    steps: tuple[Step, ...]


class ScoreSheet:
    """Adds scores up, one at a time, and keeps the lowest ones."""

    def __init__(self, dimensions: Iterable[str]) -> None:
        self._dimensions = dict.fromkeys(dimensions, 0)
        self._scored = self._points = self._broken_down = self.unscored = 0
        self._lowest: list[tuple[int, int, Score]] = []

    def add(self, score: Score) -> None:
        """Count a score."""
        self._scored += 1
        self._points += score.total
        if score.breakdown is not None:
            self._broken_down += 1
            for name in self._dimensions:
                self._dimensions[name] += score.breakdown[name]
        # The highest of those that are kept stands first and goes; of equals, the one that came last.
        heapq.heappush(self._lowest, (-score.total, -self._scored, score))
        if len(self._lowest) > LISTED:
            heapq.heappop(self._lowest)

    def told(self) -> Scores:
        """The scores so far."""
        by_mean = sorted(self._dimensions.items(), key=lambda item: item[1])
        means = [Dimension(name, round(points / self._broken_down, 2)) for name, points in by_mean if self._broken_down]
        return Scores(
            scored=self._scored,
            unscored=self.unscored,
            mean=round(self._points / self._scored, 2) if self._scored else None,
            dimensions=tuple(means),
            lowest=tuple(score for _, _, score in sorted(self._lowest, reverse=True, key=lambda item: item[:2])),
        )


def next_steps(scores: Scores, canvases: Iterable[CanvasStudy]) -> tuple[Step, ...]:
    """The next three things to study: lowest scores first, then open questions, then what was never scored.

    A low score asks for an explanation, a middling one for deeper questions, as the learner's loop has it.
    """
    found: list[Step] = []
    seen: set[tuple[str | None, str | None]] = set()
    for step in _candidates(scores, list(canvases)):
        place = (step.spot.canvas_path, step.spot.node_id)
        if place not in seen and len(found) < STEPS:
            seen.add(place)
            found.append(step)
    return tuple(found)


def _candidates(scores: Scores, canvases: list[CanvasStudy]) -> Iterator[Step]:
    for score in scores.lowest:
        if score.total < MASTERED:
            agent = "oral-explanation" if score.total < HALF_UNDERSTOOD else "deep-decomposition"
            yield Step(why="scored_low", spot=score.spot, score=score, agent=agent)
    for canvas in canvases:
        for named in canvas.unanswered:
            yield Step(why="unanswered", spot=_spot(canvas, named))
    for canvas in canvases:
        for named in canvas.never_scored:
            yield Step(why="never_scored", spot=_spot(canvas, named), agent="scoring-agent")


def _spot(canvas: CanvasStudy, named: Named) -> Spot:
    return Spot(text=named.text, node_id=named.node_id, canvas_path=canvas.path)
