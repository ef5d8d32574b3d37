"""Reads pipeline files. Everything wrong is named with its line and key."""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

from parallel_agents.core.errors import PipelineError
from parallel_agents.pipelines.checking import check_step, in_order
from parallel_agents.pipelines.spec import Pipeline, Step
from parallel_agents.pipelines.yamltext import Document, KeyPath

SUFFIXES = (".yaml", ".yml")
LIMIT_BYTES = 256 << 10
_TOP = ("name", "description", "steps")
_STEP = ("agent", "depends_on", "for_each", "when", "input")
_STEP_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
# Names that mean something else in an expression.
_TAKEN = frozenset({"source", "item", "self", "super", "loop", "range", "true", "false", "none", *keyword.kwlist})
_EXAMPLE = "A step is `name:` and below it, indented, `agent: oral-explanation`."


def builtin_pipelines() -> list[str]:
    """List the names of the pipelines that ship, in order."""
    return sorted(Path(file.name).stem for file in _shipped() if file.name.endswith(SUFFIXES))


def load_pipeline(name: str) -> Pipeline:
    """Find a pipeline that ships by its name, or read one from a path that ends in `.yaml` or `.yml`.

    Raises:
        PipelineError: there is none of this name, or its file cannot be read or is wrong.
    """
    if name.lower().endswith(SUFFIXES):
        return parse_pipeline(_file_text(Path(name)), name)
    known = builtin_pipelines()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        hint += f"There are {', '.join(known)}, and paths to .yaml files."
        raise PipelineError("--pipeline", f"{name!r} is no pipeline", hint=hint)
    file = next(file for file in _shipped() if Path(file.name).stem == name)
    return parse_pipeline(file.read_text(encoding="utf-8"), name)


def parse_pipeline(text: str, source: str) -> Pipeline:
    """Parse the text of a pipeline file; the same text gives the same pipeline.

    `source` is its path, or the name of one that ships. An agent file is named from the folder of the pipeline's file.

    Raises:
        PipelineError: names the file, line and key.
    """
    document = Document(text, source)
    top = _mapping(document, document.value, (), "A pipeline has `name:` and `steps:`.")
    _check_keys(document, top, (), _TOP)
    name = _text_at(document, top, ("name",), required=True) or ""
    if not _PIPELINE_NAME.fullmatch(name):
        raise document.error(("name",), f"is {name!r}: a pipeline's name has small letters, digits and dashes")
    listed = _mapping(document, top.get("steps"), ("steps",), _EXAMPLE)
    if not listed:
        raise document.error(("steps",), "has no step", _EXAMPLE)
    steps = [_step(document, step, value) for step, value in listed.items()]
    ordered = in_order(document, steps)
    for step in ordered:
        check_step(document, step)
    description = _text_at(document, top, ("description",), required=False) or ""
    return Pipeline(name=name, description=description.strip(), steps=ordered, source=source)


def _step(document: Document, name: str, value: Any) -> Step:
    at: KeyPath = ("steps", name)
    if not _STEP_NAME.fullmatch(name) or name in _TAKEN:
        taken = f"{name!r} means something else in an expression"
        shape = "a step is named with small letters, digits and _, and begins with a letter"
        raise document.error(at, taken if name in _TAKEN else shape, "Rename the step.")
    given = _mapping(document, value, at, _EXAMPLE)
    _check_keys(document, given, at, _STEP)
    agent = _text_at(document, given, (*at, "agent"), required=True) or ""
    if "{{" in agent or "{%" in agent:
        problem = "is an expression: an agent is written out, so that nothing in a note or an answer can choose it"
        raise document.error((*at, "agent"), problem, "Make a step for each agent, with `when`.")
    return Step(
        name=name,
        agent=_agent_path(document.source, agent),
        depends_on=_names(document, given.get("depends_on", []), (*at, "depends_on")),
        for_each=_text_at(document, given, (*at, "for_each"), required=False),
        when=_text_at(document, given, (*at, "when"), required=False),
        input=_mapping(document, given.get("input", {}), (*at, "input"), "It gives fields: `topic: …`."),
        line=document.line(at) or 0,
    )


def _agent_path(source: str, agent: str) -> str:
    if not agent.endswith(".md") or not source.lower().endswith(SUFFIXES):
        return agent
    return str(Path(source).parent / agent)


def _mapping(document: Document, value: Any, path: KeyPath, hint: str) -> dict[str, Any]:
    if value is None:
        raise document.error(path, "is missing", hint)
    if not isinstance(value, dict):
        raise document.error(path, f"has to be a mapping, not {_kind(value)}", hint)
    return cast("dict[str, Any]", value)


def _names(document: Document, value: Any, path: KeyPath) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise document.error(path, f"has to be a list of steps, not {_kind(value)}", "Write `depends_on: [step]`.")
    names = cast("list[Any]", listed)
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise document.error((*path, index), f"has to be the name of a step, not {_kind(name)}")
        if name in names[:index]:
            raise document.error((*path, index), f"names {name!r} twice")
    return tuple(names)


def _text_at(document: Document, given: Mapping[str, Any], path: KeyPath, *, required: bool) -> str | None:
    value = given.get(str(path[-1]))
    if value is None and str(path[-1]) not in given:
        if required:
            raise document.error(path, "is missing")
        return None
    if isinstance(value, bool) and path[-1] == "when":
        return "true" if value else "false"
    if not isinstance(value, str) or not value.strip():
        problem = "is empty" if value is None or value == "" else f"has to be text, not {_kind(value)}"
        raise document.error(path, problem, "Put it in quotes." if value is not None else "")
    return value


def _check_keys(document: Document, given: Iterable[str], path: KeyPath, known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"The keys are {', '.join(known)}."
            raise document.error((*path, key), "is no key of a pipeline", hint)


def _kind(value: Any) -> str:
    kinds = {"dict": "a mapping", "list": "a list", "bool": "a truth value", "int": "a number", "float": "a number"}
    kind = type(cast("object", value)).__name__
    return "nothing" if value is None else kinds.get(kind, kind)


def _shipped() -> list[Any]:
    return list(resources.files("parallel_agents.pipelines").joinpath("builtin").iterdir())


def _file_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise PipelineError(str(path), f"cannot be read: {problem}") from error
    if len(raw) > LIMIT_BYTES:
        raise PipelineError(str(path), f"is larger than {LIMIT_BYTES >> 10} KB, too large for a pipeline")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PipelineError(str(path), "is not UTF-8 text", line=line, hint="Save it as UTF-8.") from error
