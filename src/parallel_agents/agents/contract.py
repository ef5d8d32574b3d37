"""Output contracts: the schema that a model is asked for, and the check that its answer has to pass.

Answers are read tolerantly (fences, prose around, sections after) and checked strictly; nothing is ever made up or
mended. Rules and ranges are those of the agents' own descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from parallel_agents.agents.answers import Problems, json_object, length_of, markdown_of, sections_in
from parallel_agents.agents.gathered import GUIDANCE_PREFIX, checked_table, checked_verification, questions_schema
from parallel_agents.agents.spec import Explanation, Output, Score, SubQuestions, Table, Text, Verification
from parallel_agents.ports.models import OutputSchema

DIMENSIONS = ("accuracy", "imagery", "completeness", "originality")
MOST_PER_DIMENSION = 25
PASS_AT = 80
PURPLE_AT = 60
ACTIONS = ("change_to_green", "change_to_purple", "keep_red")
# A model counts characters badly: what is clearly shorter or longer than asked fails, what is near is kept, because
# the user has paid for it.
_SHORTEST, _LONGEST = 0.75, 1.5


def name_of(output: Output) -> str:
    """The contract's name."""
    match output:
        case SubQuestions():
            return "sub_questions"
        case Explanation():
            return "explanation"
        case Score():
            return "score"
        case Text():
            return "text"
        case Table():
            return "table"
        case Verification():
            return "verification_questions"


def schema_of(output: Output, inputs: Mapping[str, Any] | None = None) -> OutputSchema | None:
    """The JSON Schema to ask for, which may depend on the input; None where the answer is Markdown."""
    match output:
        case SubQuestions():
            return OutputSchema("sub_questions", _questions_schema(output))
        case Score():
            return OutputSchema("score", _score_schema())
        case Verification():
            return OutputSchema("verification_questions", questions_schema(output, inputs))
        case Explanation() | Text() | Table():
            return None


def sections_of(output: Output) -> tuple[str, ...]:
    """Headings that a Markdown answer must have."""
    return output.sections if isinstance(output, Explanation) else ()


def check(
    output: Output, text: str, *, from_language_model: bool = True, inputs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what an answer holds; with `inputs`, held against what was given too.

    Raises:
        Problems: it does not fit; every misfit is named.
    """
    match output:
        case SubQuestions():
            return _checked_questions(output, json_object(text, "sub_questions"))
        case Score():
            return _checked_score(json_object(text, "total_score"))
        case Explanation():
            return _checked_explanation(output, text, with_length=from_language_model)
        case Text():
            return _checked_text(output, text, with_length=from_language_model)
        case Table():
            return checked_table(output, text, inputs)
        case Verification():
            return checked_verification(output, json_object(text, "questions"), inputs)


def problems_of(output: Output, held: Mapping[str, Any], *, from_language_model: bool = True) -> tuple[str, ...]:
    """Everything that keeps an output, parsed already, from fitting; nothing where it fits."""
    try:
        match output:
            case SubQuestions():
                _checked_questions(output, {"sub_questions": held.get("sub_questions")})
            case Score():
                _checked_score(dict(held))
            case Explanation():
                _checked_explanation(output, str(held.get("markdown") or ""), with_length=from_language_model)
            case Text():
                _checked_text(output, str(held.get("markdown") or ""), with_length=from_language_model)
            case Table():
                checked_table(output, str(held.get("markdown") or ""), None)
            case Verification():
                checked_verification(output, held, None)
    except Problems as misfits:
        return misfits.problems
    return ()


# Only keywords that the strict modes of providers take: another one would turn enforcement off.
def _questions_schema(output: SubQuestions) -> dict[str, Any]:
    question = {
        "text": {"type": "string"},
        "type": {"type": "string", "enum": list(output.types)},
        "difficulty": {"type": "string", "enum": list(output.difficulties)},
        "guidance": {"type": "string", "description": f'"" or a hint that starts with "{GUIDANCE_PREFIX}"'},
    }
    items = {"type": "object", "properties": question, "required": list(question), "additionalProperties": False}
    questions = {"type": "array", "minItems": output.least, "maxItems": output.most, "items": items}
    return _object({"sub_questions": questions})


def _score_schema() -> dict[str, Any]:
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


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _checked_questions(output: SubQuestions, answer: dict[str, Any]) -> dict[str, Any]:
    value: object = answer["sub_questions"]
    if not isinstance(value, list):
        raise Problems("sub_questions is not a list")
    questions = cast("list[object]", value)
    problems = [
        problem
        for number, question in enumerate(questions, 1)
        for problem in _question_problems(output, number, question)
    ]
    if not output.least <= len(questions) <= output.most:
        problems.append(f"there are {len(questions)} questions, {output.least} to {output.most} are asked for")
    if not problems:
        asked = cast("list[dict[str, Any]]", questions)
        kinds = {question["type"] for question in asked}
        if len(kinds) < output.least_types:
            problems.append(f"there are {len(kinds)} different types, at least {output.least_types} are asked for")
        if len({question["text"].strip() for question in asked}) < len(asked):
            problems.append("the same question stands there twice")
    if problems:
        raise Problems(*problems)
    return {"sub_questions": questions}


def _question_problems(output: SubQuestions, number: int, value: object) -> list[str]:
    place = f"question {number}"
    if not isinstance(value, dict):
        return [f"{place} is not an object"]
    question = cast("dict[str, object]", value)
    keys = ("text", "type", "difficulty", "guidance")
    problems = [f"{place} has no text for {key!r}" for key in keys if not isinstance(question.get(key), str)]
    problems += [f"{place} has the unknown key {key!r}" for key in question if key not in keys]
    if problems:
        return problems
    if not str(question["text"]).strip():
        problems.append(f"{place} has an empty text")
    for key, allowed in (("type", output.types), ("difficulty", output.difficulties)):
        if question[key] not in allowed:
            problems.append(f"{place}: {key} {question[key]!r} is not one of {', '.join(allowed)}")
    return problems + _guidance_problems(place, str(question["guidance"]))


def _guidance_problems(place: str, guidance: str) -> list[str]:
    if guidance and not guidance.startswith(GUIDANCE_PREFIX):
        return [f"{place}: guidance is neither empty nor starts with {GUIDANCE_PREFIX!r}"]
    if guidance and not guidance.removeprefix(GUIDANCE_PREFIX).strip():
        return [f"{place}: guidance has nothing after {GUIDANCE_PREFIX!r}"]
    return []


def _checked_score(answer: dict[str, Any]) -> dict[str, Any]:
    value: object = answer.get("breakdown")
    breakdown = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    problems = [f"breakdown has the unknown key {key!r}" for key in breakdown if key not in DIMENSIONS]
    for name in DIMENSIONS:
        score = breakdown.get(name)
        if not _is_whole(score) or not 0 <= cast("int", score) <= MOST_PER_DIMENSION:
            problems.append(f"breakdown.{name} is {score!r}, not a whole number from 0 to {MOST_PER_DIMENSION}")
    if problems:
        raise Problems(*problems)
    total = sum(cast("int", breakdown[name]) for name in DIMENSIONS)
    problems = list(_score_problems(answer, total))
    if problems:
        raise Problems(*problems)
    return {key: answer[key] for key in ("total_score", "breakdown", "pass", "feedback", "color_action")}


def _score_problems(answer: Mapping[str, object], total: int) -> list[str]:
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


def action_of(total: int) -> str:
    """What a score of 0–100 does to the question's colour."""
    if total >= PASS_AT:
        return "change_to_green"
    return "change_to_purple" if total >= PURPLE_AT else "keep_red"


def _checked_explanation(output: Explanation, text: str, *, with_length: bool) -> dict[str, Any]:
    markdown = markdown_of(text)
    found = [(heading, body) for heading, body in sections_in(markdown) if heading in output.sections]
    headings = [heading for heading, _ in found]
    problems = [f"the section '## {section}' is missing" for section in output.sections if section not in headings]
    problems += [f"the section '## {heading}' is empty" for heading, body in found if not body]
    if not problems and headings != list(output.sections):
        problems.append(f"the sections are not in the order {', '.join(output.sections)}, once each")
    if with_length:
        problems += _length_problems(markdown, output.characters)
    if problems:
        raise Problems(*problems)
    return {"markdown": markdown}


def _checked_text(output: Text, text: str, *, with_length: bool) -> dict[str, Any]:
    markdown = markdown_of(text)
    problems = _length_problems(markdown, output.characters) if with_length and output.characters is not None else []
    if problems:
        raise Problems(*problems)
    return {"markdown": markdown}


def _length_problems(markdown: str, asked: tuple[int, int]) -> list[str]:
    count = length_of(markdown)
    if int(asked[0] * _SHORTEST) <= count <= int(asked[1] * _LONGEST):
        return []
    return [f"it has {count} characters, {asked[0]} to {asked[1]} are asked for"]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
