"""Output contracts: the schema that a model is asked for, and the check that its answer has to pass.

Answers are read tolerantly (fences, prose around, sections after) and checked strictly; nothing is ever made up or
mended, and nothing that an answer holds is left out. What is tolerated and what is not: decision 27.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parallel_agents.agents.answers import Problems as Problems
from parallel_agents.agents.answers import json_object, markdown_of, wrapped_page_of
from parallel_agents.agents.answers import length_of as length_of
from parallel_agents.agents.gathered import checked_table, checked_verification, questions_schema
from parallel_agents.agents.language import language_problems
from parallel_agents.agents.pages import length_problems, page_problems
from parallel_agents.agents.questionlists import GUIDANCE_PREFIX as GUIDANCE_PREFIX
from parallel_agents.agents.questionlists import list_problems, list_schema
from parallel_agents.agents.scores import action_of as action_of
from parallel_agents.agents.scores import score_problems, score_schema
from parallel_agents.agents.spec import Explanation, Output, Score, SubQuestions, Table, Text, Verification
from parallel_agents.ports.models import OutputSchema

_BESIDE = ("generator",)
"""Keys that are put beside an output that was accepted."""


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
            return OutputSchema(output.key, list_schema(output))
        case Score():
            return OutputSchema("score", score_schema())
        case Verification():
            return OutputSchema("verification_questions", questions_schema(output, inputs))
        case Explanation() | Text() | Table():
            return None


def sections_of(output: Output) -> tuple[str, ...]:
    """Headings that a Markdown answer must have."""
    return output.sections if isinstance(output, Explanation) else ()


def check(
    output: Output,
    text: str,
    *,
    from_language_model: bool = True,
    inputs: Mapping[str, Any] | None = None,
    allowed: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what an answer holds, all of it and nothing else.

    With `inputs`, an answer about several nodes or concepts is held against those that were given. `allowed` are texts
    (by any key) whose scripts the answer may be written in, for a contract that asks for the material's language; None:
    any script will do.

    Raises:
        Problems: it does not fit; every misfit is named.
    """
    held = _held(output, text, inputs)
    problems = list(problems_of(output, held, from_language_model=from_language_model))
    if from_language_model and allowed is not None and _speaks_as_the_material(output):
        problems += language_problems(held, sections_of(output), allowed)
    if problems:
        raise Problems(*problems)
    return held


def problems_of(output: Output, held: Mapping[str, Any], *, from_language_model: bool = True) -> tuple[str, ...]:
    """Everything that keeps an output, parsed already, from fitting; nothing where it fits."""
    own = {key: value for key, value in held.items() if key not in _BESIDE}
    match output:
        case SubQuestions():
            found = list_problems(output, own)
        case Score():
            found = score_problems(own)
        case Explanation() | Text():
            found = _markdown_problems(output, own, with_length=from_language_model)
        case Table() | Verification():
            found = _gathered_problems(output, own)
    return tuple(found)


def _speaks_as_the_material(output: Output) -> bool:
    return isinstance(output, SubQuestions | Explanation | Score) and output.language is not None


def _gathered_problems(output: Table | Verification, own: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        if isinstance(output, Table):
            checked_table(output, str(own.get("markdown") or ""), None)
        else:
            checked_verification(output, own, None)
    except Problems as misfits:
        return misfits.problems
    return ()


def _held(output: Output, text: str, inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    match output:
        case SubQuestions():
            return json_object(text, output.key)
        case Score():
            return json_object(text, "total_score")
        case Explanation():
            return {"markdown": wrapped_page_of(text)}
        case Text():
            return {"markdown": markdown_of(text)}
        case Table():
            return checked_table(output, text, inputs)
        case Verification():
            return checked_verification(output, json_object(text, "questions"), inputs)


def _markdown_problems(output: Explanation | Text, own: Mapping[str, Any], *, with_length: bool) -> list[str]:
    problems = [f"the output has the unknown key {key!r}" for key in own if key != "markdown"]
    markdown = str(own.get("markdown") or "")
    if not markdown.strip():
        return [*problems, "the answer is empty"]
    if isinstance(output, Explanation):
        problems += page_problems(markdown, output.sections)
    if with_length and output.characters is not None:
        problems += length_problems(markdown, output.characters)
    return problems
