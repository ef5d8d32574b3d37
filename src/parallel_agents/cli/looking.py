"""The commands that start nothing: `show`, `report`, `agents`, `pipelines`, `config`, `journal` and `completion`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

agents = App(name="agents", help="Show and check agents.")
pipelines = App(name="pipelines", help="Show and check pipelines.")
configuration = App(name="config", help="Show, check and explain the configuration.")
journal = App(name="journal", help="Check a journal, and save what can be read of a damaged one.")

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON and nothing else.")]

PaletteName = Annotated[
    Path | None,
    Parameter(help="What the colours mean: jsoncanvas, project-v1, project-v2, or a YAML file of your own."),
]


def show(
    canvas: Annotated[Path, Parameter(help="A .canvas.")],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(name="--output", alias="-o", help="Draw it into this .svg; an existing file is never replaced."),
    ] = None,
    palette: PaletteName = None,
    json: Json = False,
) -> int:
    """Show what is on a canvas: nodes, colours, groups, open questions; or draw it as a picture."""
    from parallel_agents.cli.drawing import show_canvas

    return show_canvas(canvas, output=output, palette=None if palette is None else str(palette), as_json=json)


def report(
    execution_id: str,
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            name="--output", alias="-o", help="Write it into this .md or .html; an existing file is never replaced."
        ),
    ] = None,
    html: Annotated[bool, Parameter(negative="", help="As a page with charts instead of Markdown.")] = False,
    palette: PaletteName = None,
    config: Annotated[Path | None, Parameter(help="Configuration file.")] = None,
    journal: Annotated[Path | None, Parameter(help="Journal file (or PARALLEL_AGENTS_JOURNAL).")] = None,
    json: Json = False,
) -> int:
    """Tell what to study next: scores with the weakest first, open questions, explanations, failures.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.studying import ReportOptions, report_study

    options = ReportOptions(
        config=config,
        journal=journal,
        output=output,
        palette=None if palette is None else str(palette),
        html=html,
        json=json,
    )
    return asyncio.run(report_study(execution_id, options))


@agents.command(name="list")
def list_agents(*, json: Json = False) -> int:
    """List the agents that ship."""
    from parallel_agents.cli.describing import list_agents as listed

    return listed(as_json=json)


@agents.command(name="show")
def show_agent(name: str, /, *, json: Json = False) -> int:
    """Show one agent: its input, limits and prompt.

    Parameters
    ----------
    name:
        Name of an agent, or path of an agent file.
    """
    from parallel_agents.cli.describing import show_agent as shown

    return shown(name, as_json=json)


@agents.command(name="check")
def check_agents(path: Path, /, *paths: Path) -> int:
    """Check agent files.

    Parameters
    ----------
    path:
        An agent file.
    paths:
        More of them.
    """
    from parallel_agents.cli.describing import check_agents as checked

    return checked((path, *paths))


@pipelines.command(name="list")
def list_pipelines(*, json: Json = False) -> int:
    """List the pipelines that ship."""
    from parallel_agents.cli.pipelining import list_pipelines as listed

    return listed(as_json=json)


@pipelines.command(name="show")
def show_pipeline(name: str, /, *, json: Json = False) -> int:
    """Show one pipeline: its steps, what they follow from, and when they run.

    Parameters
    ----------
    name:
        Name of a pipeline, or path of a .yaml file.
    """
    from parallel_agents.cli.pipelining import show_pipeline as shown

    return shown(name, as_json=json)


@pipelines.command(name="check")
def check_pipelines(path: Path, /, *paths: Path) -> int:
    """Check pipeline files, and that their agents are there.

    Parameters
    ----------
    path:
        A pipeline file.
    paths:
        More of them.
    """
    from parallel_agents.cli.pipelining import check_pipelines as checked

    return checked((path, *paths))


@configuration.command(name="check")
def check_configuration(config: Path | None = None, /) -> int:
    """Read the configuration as a run would, and say what is wrong or odd.

    Parameters
    ----------
    config:
        Configuration file; the default one where none is named.
    """
    from parallel_agents.cli.describing import check_configuration as checked

    return checked(config)


@configuration.command(name="show")
def show_configuration(
    config: Path | None = None,
    /,
    *,
    origin: Annotated[bool, Parameter(negative="", help="Say of every key where its value comes from.")] = False,
) -> int:
    """Print the configuration in force as JSON: defaults, file and environment together.

    Parameters
    ----------
    config:
        Configuration file; the default one where none is named.
    """
    from parallel_agents.cli.describing import show_configuration as shown

    return shown(config, with_origins=origin)


@configuration.command(name="docs")
def explain_configuration(
    *,
    language: Annotated[
        Literal["en", "zh"] | None, Parameter(help="en or zh; by default the language of the messages.")
    ] = None,
    output: Annotated[
        Path | None, Parameter(help="Write the page to a file that does not exist yet, instead of printing it.")
    ] = None,
) -> int:
    """Print a page that explains every key of the configuration, in Markdown."""
    from parallel_agents.cli.describing import explain_configuration as explained

    return explained(language, output)


@journal.command(name="check")
def check_journal(path: Path | None = None, /, *, json: Json = False) -> int:
    """Look a journal over from end to end. It is left as it is.

    Parameters
    ----------
    path:
        Journal file; the configured one where none is named.
    """
    from parallel_agents.cli.mending import check_journal as checked

    return checked(path, as_json=json)


@journal.command(name="rebuild")
def rebuild_journal(
    path: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(help="The new journal; an existing file is never replaced.")] = None,
    json: Json = False,
) -> int:
    """Write what can be read of a damaged journal into a new one. The old one is left as it is.

    Parameters
    ----------
    path:
        Journal file.
    """
    from parallel_agents.cli.mending import rebuild_journal as rebuilt

    return rebuilt(path, output, as_json=json)


def print_completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print the completions of a shell, for its start-up file.

    Parameters
    ----------
    shell:
        bash, zsh or fish.
    """
    from parallel_agents.cli.fasthelp import completion_for
    from parallel_agents.cli.streams import tell_data

    tell_data(completion_for(shell))
    return 0
