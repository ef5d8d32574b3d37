"""The contract of scores: four dimensions, their sum, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

DIMENSIONS = ("accuracy", "imagery", "completeness", "originality")
MOST_PER_DIMENSION = 25
PASS_AT = 80
PURPLE_AT = 60
ACTIONS = ("change_to_green", "change_to_purple", "keep_red")
_KEYS = ("total_score", "breakdown", "pass", "feedback", "color_action")


def score_schema() -> dict[str, Any]:
    """The JSON Schema of an answer."""
    dimension = {"type": "integer", "minimum": 0, "maximum": MOST_PER_DIMENSION}
    return _object(
        {
            "total_score": {"type": "integer", "minimum": 0, "maximum": MOST_PER_DIMENSION * len(DIMENSIONS)},
            "breakdown": _object(dict.fromkeys(DIMENSIONS, dimension)),
            "pass": {"type": "boolean"},
            "feedback": {"type": "string"},
            "color_action": {"type": "string", "enum": list(ACTIONS)},
        }
    )


def score_problems(answer: Mapping[str, object]) -> list[str]:
    """Everything that is wrong with an answer, one sentence each."""
    problems = [f"the answer has the unknown key {key!r}" for key in answer if key not in _KEYS]
    value = answer.get("breakdown")
    breakdown = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    in_parts = [f"breakdown has the unknown key {key!r}" for key in breakdown if key not in DIMENSIONS]
    for name in DIMENSIONS:
        score = breakdown.get(name)
        if not _is_whole(score) or not 0 <= cast("int", score) <= MOST_PER_DIMENSION:
            in_parts.append(f"breakdown.{name} is {score!r}, not a whole number from 0 to {MOST_PER_DIMENSION}")
    # Nothing can be said of a sum whose parts are wrong.
    if in_parts:
        return [*problems, *in_parts]
    return problems + _problems_of_the_sum(answer, sum(cast("int", breakdown[name]) for name in DIMENSIONS))


def action_of(total: int) -> str:
    """What a score of 0–100 does to the question's colour."""
    if total >= PASS_AT:
        return "change_to_green"
    return "change_to_purple" if total >= PURPLE_AT else "keep_red"


def _problems_of_the_sum(answer: Mapping[str, object], total: int) -> list[str]:
    problems: list[str] = []
    if not _is_whole(answer.get("total_score")) or answer["total_score"] != total:
        problems.append(f"total_score is {answer.get('total_score')!r}, the four dimensions add up to {total}")
    if answer.get("pass") is not (total >= PASS_AT):
        problems.append(f"pass is {answer.get('pass')!r} at a score of {total}; it is true from {PASS_AT} on")
    action = action_of(total)
    if answer.get("color_action") != action:
        problems.append(f"color_action is {answer.get('color_action')!r}; a score of {total} gives {action!r}")
    feedback = answer.get("feedback")
    if not isinstance(feedback, str) or not feedback.strip():
        problems.append("feedback is empty")
    return problems


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
