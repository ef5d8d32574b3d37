"""Contracts of agents whose one task is about several nodes: a table of concepts, questions about nodes.

What an answer has to fit follows from the input: its columns, its ids. Both are held against what was given, and
nothing that a node says can add to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from parallel_agents.agents.answers import Problems, markdown_of
from parallel_agents.agents.questionlists import GUIDANCE_PREFIX
from parallel_agents.agents.spec import AgentSpec, Table, Verification
from parallel_agents.agents.tables import plain, table_in
from parallel_agents.core.gathering import FIELDS

_KINDS = ("red", "purple")
_TEXTS = ("source_node_id", "question_text", "question_type", "difficulty", "guidance", "rationale")


def input_problem(spec: AgentSpec, given: Mapping[str, Any]) -> str | None:
    """Why an input cannot be worked on, found before a model is asked; None where it can."""
    if spec.gathers is not None:
        for field in FIELDS:
            if field in spec.inputs and given.get(field) is not None:
                problem = _number_problem(field, given[field], spec.gathers.least, spec.gathers.most)
                if problem is not None:
                    return problem
    match spec.output:
        case Table():
            return _concepts_problem(given.get("concepts"))
        case Verification():
            return _nodes_problem(given.get("nodes"))
        case _:
            return None


def _number_problem(field: str, value: object, least: int, most: int | None) -> str | None:
    if not isinstance(value, list):
        return f"the field {field!r} is not a list"
    number = len(cast("list[object]", value))
    if most is None:
        return None if least <= number else f"the field {field!r} has {number} entries, at least {least} are needed"
    return (
        None if least <= number <= most else f"the field {field!r} has {number} entries, {least} to {most} are needed"
    )


def _concepts_problem(value: object) -> str | None:
    concepts = cast("list[object]", value) if isinstance(value, list) else []
    if not concepts or not all(isinstance(one, str) and plain(one) for one in concepts):
        return "the field 'concepts' is not a list of texts"
    if len({plain(str(one)) for one in concepts}) < len(concepts):
        return "the field 'concepts' has the same concept twice"
    return None


def _nodes_problem(value: object) -> str | None:
    nodes = _mappings(value)
    if not nodes:
        return "the field 'nodes' is not a list of mappings"
    for number, node in enumerate(nodes, 1):
        for key in ("id", "content"):
            if not isinstance(node.get(key), str) or not str(node[key]).strip():
                return f"node {number} of the field 'nodes' has no text for {key!r}"
        if node.get("type") not in _KINDS:
            return f"node {number} of the field 'nodes' has the type {node.get('type')!r}, not red or purple"
    if len({node["id"] for node in nodes}) < len(nodes):
        return "the field 'nodes' has the same id twice"
    return None


def _mappings(value: object) -> list[dict[str, Any]]:
    listed = cast("list[object]", value) if isinstance(value, list) else []
    found = [cast("dict[str, Any]", one) for one in listed if isinstance(one, dict)]
    return found if len(found) == len(listed) else []


def checked_table(output: Table, text: str, inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The answer, whose table fits. Without `inputs`, what heads its columns is not looked at.

    Raises:
        Problems: it does not fit; every misfit is named.
    """
    markdown = markdown_of(text)
    heads, *rows = [[plain(cell) for cell in row] for row in table_in(markdown)]
    problems: list[str] = []
    if heads[0] != output.corner:
        problems.append(f"the first column is headed {heads[0]!r}, not {output.corner!r}")
    wanted = None if inputs is None else [plain(str(one)) for one in inputs.get("concepts") or ()]
    if wanted is not None and heads[1:] != wanted:
        problems.append(f"the columns are {', '.join(heads[1:])}; asked for are {', '.join(wanted)}, in this order")
    numbers = Counter(row[0] for row in rows)
    problems += [f"the row {name!r} is missing" for name in output.rows if name not in numbers]
    problems += [f"the row {name!r} stands there {number} times" for name, number in numbers.items() if number > 1]
    if problems:
        raise Problems(*problems)
    return {"markdown": markdown}


def checked_verification(
    output: Verification, answer: Mapping[str, Any], inputs: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The questions of an answer. Without `inputs`, which nodes they are about is not looked at.

    Raises:
        Problems: they do not fit; every misfit is named.
    """
    value: object = answer.get("questions")
    if not isinstance(value, list) or not value:
        raise Problems("questions is not a list with something in it")
    questions = cast("list[object]", value)
    problems = [f"the answer has the unknown key {key!r}" for key in answer if key != "questions"]
    problems += [
        problem
        for number, question in enumerate(questions, 1)
        for problem in _question_problems(output, number, question)
    ]
    if not problems:
        asked = cast("list[dict[str, str]]", questions)
        if len({question["question_text"].strip() for question in asked}) < len(asked):
            problems.append("the same question stands there twice")
        if inputs is not None:
            problems += _coverage_problems(output, asked, _mappings(inputs.get("nodes")))
    if problems:
        raise Problems(*problems)
    return {"questions": questions}


def _question_problems(output: Verification, number: int, value: object) -> list[str]:
    place = f"question {number}"
    if not isinstance(value, dict):
        return [f"{place} is not an object"]
    question = cast("dict[str, object]", value)
    problems = [f"{place} has no text for {key!r}" for key in _TEXTS if not isinstance(question.get(key), str)]
    problems += [f"{place} has the unknown key {key!r}" for key in question if key not in _TEXTS]
    if problems:
        return problems
    for key in ("question_text", "rationale"):
        if not str(question[key]).strip():
            problems.append(f"{place} has an empty {key}")
    for key, allowed in (("question_type", output.types), ("difficulty", output.difficulties)):
        if question[key] not in allowed:
            problems.append(f"{place}: {key} {question[key]!r} is not one of {', '.join(allowed)}")
    guidance = str(question["guidance"])
    if guidance and not (guidance.startswith(GUIDANCE_PREFIX) and guidance.removeprefix(GUIDANCE_PREFIX).strip()):
        problems.append(f"{place}: guidance is neither empty nor a hint after {GUIDANCE_PREFIX!r}")
    return problems


def _coverage_problems(
    output: Verification, questions: Sequence[Mapping[str, str]], nodes: Sequence[Mapping[str, Any]]
) -> list[str]:
    numbers = Counter(question["source_node_id"] for question in questions)
    known = {str(node["id"]): str(node["type"]) for node in nodes}
    problems = [f"source_node_id {one!r} is none of the nodes that were given" for one in numbers if one not in known]
    for node_id, kind in known.items():
        least, most = numbers_for(output, kind)
        if not least <= numbers[node_id] <= most:
            problems.append(f"node {node_id!r} has {numbers[node_id]} questions, {least} to {most} are asked for")
    return problems


def numbers_for(output: Verification, kind: str) -> tuple[int, int]:
    """How many questions a node of this type gets: least, most."""
    return output.red if kind == "red" else output.purple


def questions_schema(output: Verification, inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The JSON Schema of the questions, with the ids of the given nodes; without inputs, any id.

    The schema is part of a prompt's beginning, so no prompt cache serves two tasks. In return a provider that enforces
    schemas cannot answer about a node that there is not.
    """
    nodes = _mappings((inputs or {}).get("nodes"))
    counts = [(str(node.get("id")), numbers_for(output, str(node.get("type")))) for node in nodes]
    source: dict[str, Any] = {"type": "string"}
    limits: dict[str, Any] = {}
    if counts:
        source["enum"] = [node_id for node_id, _ in counts]
        limits = {"minItems": sum(least for _, (least, _) in counts), "maxItems": sum(most for _, (_, most) in counts)}
    question: dict[str, Any] = {
        "source_node_id": source,
        "question_text": {"type": "string"},
        "question_type": {"type": "string", "enum": list(output.types)},
        "difficulty": {"type": "string", "enum": list(output.difficulties)},
        "guidance": {"type": "string", "description": f'"" or a hint that starts with "{GUIDANCE_PREFIX}"'},
        "rationale": {"type": "string"},
    }
    items = {"type": "object", "properties": question, "required": list(question), "additionalProperties": False}
    return {
        "type": "object",
        "properties": {"questions": {"type": "array", **limits, "items": items}},
        "required": ["questions"],
        "additionalProperties": False,
    }
