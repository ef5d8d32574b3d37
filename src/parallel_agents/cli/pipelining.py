"""The commands that show pipelines; nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.cli import codes
from parallel_agents.cli.streams import tell, tell_data, tell_json
from parallel_agents.cli.translation import localized
from parallel_agents.pipelines.reading import builtin_pipelines, load_pipeline
from parallel_agents.pipelines.spec import Pipeline, Step
from parallel_agents.sources.pipelines import with_agents

_LABEL_CELLS = 12


def list_pipelines(*, as_json: bool) -> int:
    """One line for every pipeline that ships."""
    found = [load_pipeline(name) for name in builtin_pipelines()]
    if as_json:
        tell_json([_document_of(pipeline) for pipeline in found])
        return codes.OK
    for pipeline in found:
        tell_data(f"{pipeline.name:24} {pipeline.description}")
    return codes.OK


def show_pipeline(name: str, *, as_json: bool) -> int:
    """The steps of one pipeline, each behind what it follows from."""
    pipeline = load_pipeline(name)
    if as_json:
        tell_json(_document_of(pipeline))
        return codes.OK
    tell_data("\n".join(_drawn(pipeline)))
    return codes.OK


def check_pipelines(paths: tuple[Path, ...]) -> int:
    """Check pipeline files and their agents; a wrong one ends the command with its error."""
    for path in paths:
        pipeline = with_agents(load_pipeline(str(path)), AgentRegistry())
        tell(f"{path}: {pipeline.name} is fine")
    return codes.OK


def _drawn(pipeline: Pipeline) -> Iterator[str]:
    yield f"{pipeline.name}: {pipeline.description}" if pipeline.description else pipeline.name
    for step in pipeline.steps:
        yield ""
        before = f"{', '.join(step.depends_on)} → " if step.depends_on else ""
        yield f"{before}{step.name}"
        for label, value in _facts_of(step).items():
            shown = localized(label)
            yield f"  {shown}{' ' * max(1, _LABEL_CELLS - cell_len(shown))}{value}"


def _facts_of(step: Step) -> dict[str, str]:
    facts = {
        "agent": step.agent,
        "for each of": step.for_each,
        "when": step.when,
        "given": ", ".join(step.input),
        "runs on": None if step.depends_on else localized("the source"),
    }
    return {label: value for label, value in facts.items() if value}


def _document_of(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "name": pipeline.name,
        "description": pipeline.description,
        "steps": [
            {
                "step": step.name,
                "agent": step.agent,
                "depends_on": list(step.depends_on),
                "for_each": step.for_each,
                "when": step.when,
                "input": step.input,
            }
            for step in pipeline.steps
        ],
    }
