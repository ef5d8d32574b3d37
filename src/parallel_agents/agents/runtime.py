"""Runs an agent from a file, inside a worker: ask, check, ask once more with what was wrong, or fail honestly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from parallel_agents.agents.answers import Problems
from parallel_agents.agents.contract import check, name_of, schema_of, sections_of
from parallel_agents.agents.gathered import input_problem
from parallel_agents.agents.prompt import first_turn, is_blank, repair_prompt, system_prompt
from parallel_agents.agents.spec import AgentSpec, Output, Score
from parallel_agents.core.errors import ContractError, ItemError, UnscoredError
from parallel_agents.ports.context import Context
from parallel_agents.ports.models import Message, ModelResponse

OFFLINE_NOTICE = "extracted from the material without a language model / 由原文摘录生成，不是语言模型的回答"


# What providers say when an answer reached its limit of tokens.
_CUT = frozenset({"length", "max_tokens"})


async def run(context: Context) -> Mapping[str, Any]:
    """Run the agent whose spec stands in `context.parameters["spec"]`.

    Raises:
        ItemError: a required field is missing or blank, or does not hold what the agent gathers.
        ContractError: the answer did not fit, nor did the one after the problems had been named.
        UnscoredError: the model cannot judge.
    """
    spec = msgspec.convert(context.parameters["spec"], AgentSpec)
    if spec.output is None:
        raise ItemError(f"agent {spec.name!r} has no output contract")
    for field in spec.required:
        if is_blank(context.input.get(field)):
            raise ItemError(f"agent {spec.name!r} needs the field {field!r} in input_data")
    problem = input_problem(spec, context.input)
    if problem is not None:
        raise ItemError(f"agent {spec.name!r} cannot work on this: {problem}")
    question = first_turn(spec, context.input)
    response = await _ask(context, spec, spec.output, [Message("user", question)])
    try:
        return _accepted(spec, spec.output, context.input, response)
    except Problems as first:
        # What is no language model would give the same answer again.
        if not response.is_language_model or not spec.may_ask_again:
            raise ContractError(first.problems, response.text) from None
        context.progress(None, "asks once more: " + "; ".join(first.problems))
        messages = _once_more(question, response, first.problems)
    response = await _ask(context, spec, spec.output, messages)
    try:
        return _accepted(spec, spec.output, context.input, response)
    except Problems as second:
        raise ContractError(_all_problems(response, second.problems), response.text) from None


def _once_more(question: str, response: ModelResponse, problems: Sequence[str]) -> list[Message]:
    repair = repair_prompt(_all_problems(response, problems))
    if not response.text.strip():  # providers refuse a turn without a text
        return [Message("user", f"{question}\n\n{repair}")]
    return [Message("user", question), Message("assistant", response.text.rstrip()), Message("user", repair)]


def _all_problems(response: ModelResponse, problems: Sequence[str]) -> tuple[str, ...]:
    cut = ("the answer was cut off at the limit of its length",) if response.finish_reason in _CUT else ()
    return (*cut, *problems)


async def _ask(context: Context, spec: AgentSpec, output: Output, messages: list[Message]) -> ModelResponse:
    return await context.model.complete(
        messages,
        system=system_prompt(spec),
        output=schema_of(output, context.input),
        contract=name_of(output),
        inputs=context.input,
        sections=sections_of(output),
    )


def _accepted(spec: AgentSpec, output: Output, given: Mapping[str, Any], response: ModelResponse) -> dict[str, Any]:
    if isinstance(output, Score) and not response.is_language_model:
        raise UnscoredError(f"{response.model} is not a language model and cannot judge")
    # Whoever writes an agent says in its prompt what language it is to speak; the input may not forbid that.
    allowed = {**{field: given.get(field) for field in spec.inputs}, "": spec.prompt}
    is_model = response.is_language_model
    answer = check(output, response.text, from_language_model=is_model, inputs=given, allowed=allowed)
    if not response.is_language_model:
        answer["generator"] = {"model": response.model, "is_language_model": False, "notice": OFFLINE_NOTICE}
    return answer
