"""Reads agent files. Everything wrong is named with its line and key."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, cast

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from parallel_agents.agents.spec import AgentSpec, Explanation, Output, SpecLanding, SubQuestions, Text
from parallel_agents.core.errors import AgentError

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?\r?\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_KEYS = tuple(field.name for field in msgspec.structs.fields(AgentSpec) if field.name != "prompt")


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
    """Parse the text of an agent file. The same text gives the same agent.

    Raises:
        AgentError: names the place, line and key.
    """
    name = Path(place).stem
    match = _FRONT.match(text)
    if match is None:
        raise AgentError(
            name, "has no front matter: a file starts with --- and YAML, then --- and the prompt", place=place
        )
    front = _front_matter(match.group(1), name, place)
    prompt = text[match.end() :].strip()
    for key in front:
        if key not in _KEYS:
            close = difflib.get_close_matches(str(key), _KEYS, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"The keys are {', '.join(_KEYS)}."
            raise AgentError(
                name, f"has the unknown key {key!r}", place=_at(place, match.group(1), str(key)), hint=hint
            )
    try:
        spec = msgspec.convert({**front, "prompt": prompt}, AgentSpec)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at ")
        key = where.strip("`").removeprefix("$").removeprefix(".")
        at = _at(place, match.group(1), key)
        raise AgentError(name, f"has a wrong value at {key or 'the top'}: {problem}", place=at) from None
    _check_parts(spec, place)
    if spec.isolation == "container":
        at = _at(place, match.group(1), "isolation")
        problem = "asks for the `isolation` container, which is not available in this version"
        raise AgentError(spec.name, problem, place=at, hint="Use 'process'.")
    return spec


def _front_matter(yaml_text: str, name: str, place: str) -> dict[str, Any]:
    try:
        value: object = YAML(typ="safe", pure=True).load(yaml_text)  # pyright: ignore[reportUnknownMemberType]
    except MarkedYAMLError as error:
        told: Any = error
        mark = told.problem_mark or told.context_mark
        line = (mark.line if mark else 0) + 2
        raise AgentError(name, f"has broken front matter: {told.problem}", place=f"{place}:{line}") from None
    except (YAMLError, ValueError) as error:  # a control character; a date that is none
        raise AgentError(name, f"has broken front matter: {error}", place=place) from None
    if not isinstance(value, dict):
        raise AgentError(name, "has front matter that is not a mapping", place=place)
    return cast("dict[str, Any]", value)


def _at(place: str, yaml_text: str, key: str) -> str:
    found: int | None = None
    lines = yaml_text.splitlines()
    start, indent = 0, ""
    for part in filter(None, re.split(r"[.\[]", key)):
        name = rf"{indent}['\"]?{re.escape(part)}['\"]?\s*:"
        line = next((number for number in range(start, len(lines)) if re.match(name, lines[number])), None)
        if line is None:
            break
        found, start, indent = line, line + 1, r"\s+"
    return place if found is None else f"{place}:{found + 2}"


def _check_parts(spec: AgentSpec, place: str) -> None:
    if spec.entry is None and spec.output is None:
        raise AgentError(spec.name, "needs an `output` contract, or an `entry` for a Python agent", place=place)
    if spec.entry is not None and spec.output is not None:
        raise AgentError(spec.name, "has both `entry` and `output`; one of them says how it works", place=place)
    problem = _range_problem(spec.output)
    if problem is not None:
        raise AgentError(spec.name, f"has an `output` that no answer can fit: {problem}", place=place)
    if spec.landing != SpecLanding() and not isinstance(spec.output, SubQuestions | Explanation | Text):
        problem = "has a `landing`, but no questions or explanations that could land"
        raise AgentError(spec.name, problem, place=place, hint="Leave it out.")
    if spec.output is not None and not spec.prompt:
        raise AgentError(spec.name, "has no prompt below its front matter", place=place)


def _range_problem(output: Output | None) -> str | None:
    match output:
        case SubQuestions() if output.least > output.most:
            return f"least is {output.least}, most is {output.most}"
        case SubQuestions() if output.least_types > min(len(set(output.types)), output.most):
            return f"least_types is {output.least_types}, with {len(set(output.types))} types and most {output.most}"
        case Explanation() | Text():
            least, most = output.characters or (0, None)
            return f"characters is {least} to {most}" if most is not None and least > most else None
        case _:
            return None
