"""Runs an agent from a file, inside a worker: ask, check, ask once more with what was wrong, or fail honestly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from parallel_agents.agents.contract import Problems, check, name_of, schema_of, sections_of
from parallel_agents.agents.prompt import repair_prompt, system_prompt, user_prompt
from parallel_agents.agents.spec import AgentSpec, Output
from parallel_agents.core.errors import ContractError, ItemError
from parallel_agents.ports.context import Context
from parallel_agents.ports.models import Message, ModelResponse

OFFLINE_NOTICE = "extracted from the material without a language model / 由原文摘录生成，不是语言模型的回答"


async def run(context: Context) -> Mapping[str, Any]:
    """Run the agent whose spec stands in `context.parameters["spec"]`.

    Raises:
        ItemError: a required field is missing.
        ContractError: the answer did not fit, nor did the one after the problems had been named.
        UnscoredError: the model cannot judge.
    """
    spec = msgspec.convert(context.parameters["spec"], AgentSpec)
    if spec.output is None:
        raise ItemError(f"agent {spec.name!r} has no output contract")
    for field in spec.required:
        if context.input.get(field) in (None, ""):
            raise ItemError(f"agent {spec.name!r} needs the field {field!r} in input_data")
    messages = [Message("user", user_prompt(tuple(spec.inputs), context.input))]
    response = await _ask(context, spec, spec.output, messages)
    try:
        return _accepted(spec.output, response)
    except Problems as first:
        messages += [Message("assistant", response.text), Message("user", repair_prompt(first.problems))]
    response = await _ask(context, spec, spec.output, messages)
    try:
        return _accepted(spec.output, response)
    except Problems as second:
        raise ContractError(second.problems, response.text) from None


async def _ask(context: Context, spec: AgentSpec, output: Output, messages: list[Message]) -> ModelResponse:
    return await context.model.complete(
        messages,
        system=system_prompt(spec),
        output=schema_of(output),
        contract=name_of(output),
        inputs=context.input,
        sections=sections_of(output),
    )


def _accepted(output: Output, response: ModelResponse) -> dict[str, Any]:
    answer = check(output, response.text, from_language_model=response.is_language_model)
    if not response.is_language_model:
        answer["generator"] = {"model": response.model, "is_language_model": False, "notice": OFFLINE_NOTICE}
    return answer
