"""Reads agent files. Everything wrong is named with its line and key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from parallel_agents.agents.commandline import check_command, with_contract
from parallel_agents.agents.frontmatter import FrontMatter, split
from parallel_agents.agents.spec import (
    AgentSpec,
    Explanation,
    Output,
    Score,
    SpecLanding,
    SubQuestions,
    Text,
    Verification,
)
from parallel_agents.agents.subagents import FIELDS, is_subagent, spec_of
from parallel_agents.core.errors import AgentError
from parallel_agents.core.gathering import problem_of

_KEYS = tuple(field.name for field in msgspec.structs.fields(AgentSpec) if field.name not in {"prompt", "subagent"})


def read_spec(path: Path) -> tuple[AgentSpec, str]:
    """Read an agent file; returns the spec and the file's text.

    Raises:
        AgentError: the file cannot be read or is not an agent.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise AgentError(path.name, f"is not UTF-8 text (byte {error.start})", place=str(path)) from None
    except OSError as error:
        raise AgentError(path.name, f"cannot be read: {error.strerror}", place=str(path)) from None
    return parse_spec(text, str(path)), text


def parse_spec(text: str, place: str) -> AgentSpec:
    """Parse the text of an agent file, ours or in the subagent format. The same text gives the same agent.

    Raises:
        AgentError: names the place, line and key.
    """
    file = split(text, Path(place).stem, place)
    try:
        front = file.values()
    except AgentError:
        # Many files of the other format have a description that strict YAML refuses.
        front = file.values_with_open_description({*FIELDS, *_KEYS})
        if front is None or not is_subagent(front, _KEYS):
            raise
        return spec_of(file, front, has_open_description=True)
    return spec_of(file, front) if is_subagent(front, _KEYS) else _own_spec(file, front)


def _own_spec(file: FrontMatter, front: Mapping[Any, Any]) -> AgentSpec:
    for key in front:
        if key not in _KEYS:
            _refuse_key(file, str(key))
    try:
        spec = with_contract(msgspec.convert({**front, "prompt": file.body}, AgentSpec))
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at ")
        key = where.strip("`").removeprefix("$").removeprefix(".")
        problem = f"has a wrong value at {key or 'the top'}: {problem}"
        raise AgentError(file.name, problem, place=file.at(key)) from None
    _check_parts(spec, file.place)
    if spec.isolation == "container":
        problem = "asks for the `isolation` container, which is not available in this version"
        raise AgentError(spec.name, problem, place=file.at("isolation"), hint="Use 'process'.")
    return spec


def _refuse_key(file: FrontMatter, key: str) -> NoReturn:
    close = difflib.get_close_matches(key, _KEYS, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"The keys are {', '.join(_KEYS)}."
    if key in FIELDS:
        hint = "It is one of the subagent format, and other keys of the file are not: it has to keep to one of the two."
    raise AgentError(file.name, f"has the unknown key {key!r}", place=file.at(key), hint=hint)


def _check_parts(spec: AgentSpec, place: str) -> None:
    check_command(spec, place)
    if spec.entry is None and spec.output is None and spec.command is None:
        problem = "needs an `output` contract, an `entry` for a Python agent, or a `command` for another program"
        raise AgentError(spec.name, problem, place=place)
    if spec.entry is not None and spec.output is not None:
        raise AgentError(spec.name, "has both `entry` and `output`; one of them says how it works", place=place)
    gathering = problem_of(spec.gathers, spec.inputs)
    if gathering is not None:
        raise AgentError(spec.name, f"cannot gather nodes: {gathering}", place=place)
    problem = _range_problem(spec.output)
    if problem is not None:
        raise AgentError(spec.name, f"has an `output` that no answer can fit: {problem}", place=place)
    if spec.landing != SpecLanding() and (spec.output is None or isinstance(spec.output, Score)):
        problem = "has a `landing`, but no questions or explanations that could land"
        raise AgentError(spec.name, problem, place=place, hint="Leave it out.")
    if spec.output is not None and spec.command is None and not spec.prompt:
        raise AgentError(spec.name, "has no prompt below its front matter", place=place)


def _range_problem(output: Output | None) -> str | None:
    match output:
        case SubQuestions() if output.least > output.most:
            return f"least is {output.least}, most is {output.most}"
        case SubQuestions() if output.least_types > min(len(set(output.types)), output.most):
            return f"least_types is {output.least_types}, with {len(set(output.types))} types and most {output.most}"
        case Verification() if output.red[0] > output.red[1] or output.purple[0] > output.purple[1]:
            return f"red is {output.red[0]} to {output.red[1]}, purple {output.purple[0]} to {output.purple[1]}"
        case Explanation() | Text():
            least, most = output.characters or (0, None)
            return f"characters is {least} to {most}" if most is not None and least > most else None
        case _:
            return None
