"""What an agent from a file will send and get, told before it has run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from parallel_agents.agents.contract import schema_of
from parallel_agents.agents.gatheredneeds import gathered_output
from parallel_agents.agents.prompt import first_turn, system_prompt
from parallel_agents.agents.spec import AgentSpec, Explanation, Score, SubQuestions, Table, Text, Verification
from parallel_agents.core.forecast import Range
from parallel_agents.core.tokens import TOKENS_A_MESSAGE, likely_tokens

# How long texts are that a contract leaves open, in characters of the material's language: short, usual, long.
_QUESTION = (12, 30, 80)
_GUIDANCE = (0, 20, 60)
_FEEDBACK = (30, 150, 500)
_FREE = (50, 800, 3000)


def foreseen_input(spec: AgentSpec, values: Mapping[str, Any]) -> int:
    """Tokens that its first call sends for this input, estimated: system text, fenced input and schema."""
    schema = None if spec.output is None else schema_of(spec.output, values)
    asked = "" if schema is None else json.dumps(schema.json_schema, ensure_ascii=False)
    texts = (system_prompt(spec), first_turn(spec, values), asked)
    return sum(likely_tokens(text) for text in texts) + 2 * TOKENS_A_MESSAGE


def contract_output(spec: AgentSpec, values: Mapping[str, Any]) -> Range | None:
    """Tokens of one answer that fits the contract, estimated; None where there is no contract.

    A model that thinks before it answers may be charged for many times as much, which no contract tells.
    """
    if spec.output is None:
        return None
    text = first_turn(spec, values)
    match spec.output:
        case Table() | Verification():
            return gathered_output(spec.output, values, likely_tokens(text) / len(text))
        case _:
            return _of(spec.output, likely_tokens(text) / len(text))


def _of(output: SubQuestions | Score | Explanation | Text, tokens_a_character: float) -> Range:
    def written(characters: float) -> float:
        return characters * tokens_a_character

    match output:
        case SubQuestions():
            closed = {"type": output.types[0], "difficulty": (*output.difficulties, "")[0]}
            frame = {key: closed.get(key, "") for key in output.keys}
            each = likely_tokens(json.dumps(frame, ensure_ascii=False))
            short, usual, long = (written(sum(pair)) + each for pair in zip(_QUESTION, _GUIDANCE, strict=True))
            return Range(output.least * short, (output.least + output.most) / 2 * usual, output.most * long)
        case Score():
            frame = json.dumps(_SCORE, ensure_ascii=False)
            short, usual, long = (written(each) + likely_tokens(frame) for each in _FEEDBACK)
            return Range(short, usual, long)
        case Explanation() | Text():
            least, usual, most = _lengths(output.characters)
            return Range(written(least), written(usual), written(most))


def _lengths(asked: tuple[int, int | None] | None) -> tuple[float, float, float]:
    """Least, usual and most characters. Where no most is asked for, twice the least is taken for it."""
    if asked is None:
        return _FREE
    least, most = asked[0], asked[1] or asked[0] * 2
    return least, (least + most) / 2, most


_SCORE = {
    "total_score": 80,
    "breakdown": {"accuracy": 20, "imagery": 20, "completeness": 20, "originality": 20},
    "pass": True,
    "feedback": "",
    "color_action": "change_to_green",
}
