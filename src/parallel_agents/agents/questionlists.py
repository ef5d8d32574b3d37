"""The contract of lists of questions: what is asked for, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from parallel_agents.agents.spec import SubQuestions

GUIDANCE_PREFIX = "💡 提示："


# Only keywords that the strict modes of providers take: another one would turn enforcement off.
def list_schema(output: SubQuestions) -> dict[str, Any]:
    """The JSON Schema of an answer."""
    every: dict[str, Any] = {
        "text": {"type": "string"},
        "type": {"type": "string", "enum": list(output.types)},
        "difficulty": {"type": "string", "enum": list(output.difficulties)},
        "guidance": {"type": "string", "description": f'"" or a hint that starts with "{GUIDANCE_PREFIX}"'},
    }
    question = {key: every[key] for key in output.keys}
    items = {"type": "object", "properties": question, "required": list(question), "additionalProperties": False}
    questions = {"type": "array", "minItems": output.least, "maxItems": output.most, "items": items}
    return {
        "type": "object",
        "properties": {output.key: questions},
        "required": [output.key],
        "additionalProperties": False,
    }


def list_problems(output: SubQuestions, answer: Mapping[str, object]) -> list[str]:
    """Everything that is wrong with an answer, one sentence each."""
    problems = [f"the answer has the unknown key {key!r}" for key in answer if key != output.key]
    value = answer.get(output.key)
    if not isinstance(value, list):
        return [*problems, f"{output.key} is not a list"]
    questions = cast("list[object]", value)
    for number, question in enumerate(questions, 1):
        problems += _question_problems(output, number, question)
    if not output.least <= len(questions) <= output.most:
        problems.append(f"there are {len(questions)} questions, {output.least} to {output.most} are asked for")
    return problems or _problems_together(output, cast("list[dict[str, str]]", questions))


def _problems_together(output: SubQuestions, questions: list[dict[str, str]]) -> list[str]:
    problems: list[str] = []
    kinds = {question["type"] for question in questions}
    if len(kinds) < output.least_types:
        problems.append(f"there are {len(kinds)} different types, at least {output.least_types} are asked for")
    if len({question["text"].strip() for question in questions}) < len(questions):
        problems.append("the same question stands there twice")
    return problems


def _question_problems(output: SubQuestions, number: int, value: object) -> list[str]:
    place = f"question {number}"
    if not isinstance(value, dict):
        return [f"{place} is not an object"]
    question = cast("dict[str, object]", value)
    problems = [f"{place} has no text for {key!r}" for key in output.keys if not isinstance(question.get(key), str)]
    problems += [f"{place} has the unknown key {key!r}" for key in question if key not in output.keys]
    if problems:
        return problems
    if not str(question["text"]).strip():
        problems.append(f"{place} has an empty text")
    choices = {"type": output.types, "difficulty": output.difficulties}
    for key, allowed in choices.items():
        if key in output.keys and question[key] not in allowed:
            problems.append(f"{place}: {key} {question[key]!r} is not one of {', '.join(allowed)}")
    return problems + _guidance_problems(place, str(question["guidance"]))


def _guidance_problems(place: str, guidance: str) -> list[str]:
    if guidance and not guidance.startswith(GUIDANCE_PREFIX):
        return [f"{place}: guidance is neither empty nor starts with {GUIDANCE_PREFIX!r}"]
    if guidance and not guidance.removeprefix(GUIDANCE_PREFIX).strip():
        return [f"{place}: guidance has nothing after {GUIDANCE_PREFIX!r}"]
    return []
