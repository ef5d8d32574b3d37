"""The commands and their options. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter, Token

from parallel_agents import __version__
from parallel_agents.cli.guard import guarded, refuse
from parallel_agents.cli.landing import Recolour
from parallel_agents.cli.landing import register as register_landing
from parallel_agents.cli.looking import PaletteName, agents, configuration, journal, print_completion, report, show
from parallel_agents.cli.streams import prepare
from parallel_agents.cli.usage import command_words, known_commands, with_help
from parallel_agents.core.errors import InputError

if TYPE_CHECKING:
    from parallel_agents.canvas.choice import NodeChoice

app = App(
    name="parallel-agents",
    version=__version__,
    help="Run LLM agents over a whole Obsidian canvas or a file of tasks, many at a time: isolated, durable, measured.",
)


def _whole(_: type, tokens: Sequence[Token]) -> int:
    # The library rounds 2.7 to 3, and a concurrency that nobody asked for is worse than a refusal.
    value = tokens[0].value
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None


Config = Annotated[Path | None, Parameter(name="--config", help="Configuration file.")]
Journal = Annotated[Path | None, Parameter(name="--journal", help="Journal file (or PARALLEL_AGENTS_JOURNAL).")]
Output = Annotated[
    Path | None, Parameter(name="--output", help="Where results go; an existing file is never replaced.")
]
Quiet = Annotated[
    bool,
    Parameter(
        name="--quiet", alias="-q", negative="", help="No progress: print only where the results are, and what failed."
    ),
]
Wait = Annotated[
    bool,
    Parameter(name="--wait", negative="", help="Where the provider takes no calls, wait until it does, and go on."),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the JSON document and nothing else.")]
Format = Annotated[
    Literal["json", "jsonl", "csv"] | None,
    Parameter(name="--format", help="json, jsonl or csv; by default what the ending of --output says, else json."),
]
Aggregate = Annotated[
    Literal["merge", "preserve_individual"] | None,
    Parameter(name="--aggregate", help="merge: totals only; preserve_individual: totals and each result beside them."),
]

Source = Annotated[str, Parameter(help="A .canvas, a folder of them, a .md note, or a .jsonl with one task a line.")]
Nodes = Annotated[str | None, Parameter(help="Ids of canvas nodes, separated by commas; in a folder also CANVAS#ID.")]
Notes = Annotated[
    bool, Parameter(negative="", help="A task for each Markdown note of the folder, instead of its canvases.")
]
SkipUnreadable = Annotated[
    bool, Parameter(negative="", help="Leave out what cannot be read in the folder instead of refusing all of it.")
]
Apply = Annotated[
    bool, Parameter(negative="", help="Put results on their canvases while they come in; undo takes them off again.")
]
Select = Annotated[
    str | None,
    Parameter(
        help="Nodes by colour (red, yellow, …), part (question, understanding, …), filled, unanswered, unscored, "
        "changed-since-last-run, group:LABEL, subtree:NODE or text:WORDS; with commas, and, or, not, parentheses."
    ),
]


@app.command
def run(
    source: Source,
    /,
    *,
    agent: Annotated[str | None, Parameter(help="Name of an agent, or path of an agent file.")] = None,
    model: Annotated[str | None, Parameter(help="openai:NAME, anthropic:NAME or offline.")] = None,
    nodes: Nodes = None,
    select: Select = None,
    palette: PaletteName = None,
    notes: Notes = False,
    skip_unreadable: SkipUnreadable = False,
    apply: Apply = False,
    recolour: Recolour = False,
    max_concurrent: Annotated[int | None, Parameter(converter=_whole, help="How many tasks run at once.")] = None,
    wait: Wait = False,
    config: Config = None,
    journal: Journal = None,
    output: Output = None,
    format: Format = None,  # noqa: A002 - the option's name
    aggregate: Aggregate = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Run an agent on a canvas, a folder of canvases or notes, or the tasks of a .jsonl file."""
    from parallel_agents.cli.running import LandingChoice, RunOptions, run_source
    from parallel_agents.cli.writing import view_of

    view, choice = view_of(format, aggregate, output), _choice(nodes, select, palette)
    landing = LandingChoice(apply=apply, recolour=recolour, palette=choice.palette)
    options = RunOptions(
        config=config, journal=journal, output=output, json=json, quiet=quiet, wait=wait, view=view
    ).for_run(model=model, max_concurrent=max_concurrent, notes=notes, skip_unreadable=skip_unreadable, landing=landing)
    return _await(run_source(source, agent, choice, options))


def _choice(nodes: str | None, select: str | None, palette: Path | None) -> NodeChoice:
    from parallel_agents.canvas.choice import NodeChoice

    return NodeChoice(
        node_ids=_listed("--nodes", nodes),
        select=_listed("--select", select),
        palette=None if palette is None else str(palette),
    )


def _listed(option: str, value: str | None) -> list[str] | None:
    chosen = None if value is None else [item.strip() for item in value.split(",") if item.strip()]
    if chosen == []:
        raise InputError(f"{option} {value!r} names no node. Give one or more, separated by commas.")
    return chosen


@app.command
def resume(
    execution_id: str | None = None,
    /,
    *,
    wait: Wait = False,
    config: Config = None,
    journal: Journal = None,
    output: Output = None,
    format: Format = None,  # noqa: A002 - the option's name
    aggregate: Aggregate = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Go on with an execution that was interrupted; without an id, with the newest one.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.running import RunOptions, resume_execution
    from parallel_agents.cli.writing import view_of

    view = view_of(format, aggregate, output)
    options = RunOptions(config=config, journal=journal, output=output, json=json, quiet=quiet, wait=wait, view=view)
    return _await(resume_execution(execution_id, options))


@app.command
def retry(
    execution_id: str,
    /,
    *,
    task: Annotated[
        list[str] | None, Parameter(negative="", help="Id of a task to try again; may be given several times.")
    ] = None,
    failed: Annotated[bool, Parameter(negative="", help="Only the tasks that failed.")] = False,
    wait: Wait = False,
    config: Config = None,
    journal: Journal = None,
    output: Output = None,
    format: Format = None,  # noqa: A002 - the option's name
    aggregate: Aggregate = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Try the failed, skipped and cancelled tasks of an execution again.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.running import RunOptions, retry_execution
    from parallel_agents.cli.writing import view_of

    if failed and task:
        raise InputError("--failed and --task exclude one another: name tasks, or take all that failed")
    view = view_of(format, aggregate, output)
    options = RunOptions(config=config, journal=journal, output=output, json=json, quiet=quiet, wait=wait, view=view)
    return _await(retry_execution(execution_id, "failed" if failed else task, options))


@app.command
def status(
    execution_id: str | None = None, /, *, config: Config = None, journal: Journal = None, json: Json = False
) -> int:
    """Show one execution, or all of them.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.reading import show_status

    return _await(show_status(execution_id, config=config, journal=journal, as_json=json))


@app.command
def results(
    execution_id: str,
    /,
    *,
    format: Format = None,  # noqa: A002 - the option's name
    aggregate: Aggregate = None,
    config: Config = None,
    journal: Journal = None,
    output: Output = None,
) -> int:
    """Print the results of an execution, or write them to a file: the document, lines, a table, or totals.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.reading import show_results
    from parallel_agents.cli.writing import view_of

    view = view_of(format, aggregate, output)
    return _await(show_results(execution_id, config=config, journal=journal, output=output, view=view))


@app.command
def events(
    execution_id: str,
    /,
    *,
    follow: Annotated[
        bool, Parameter(negative="", help="Go on until the execution has ended or nobody runs it.")
    ] = False,
    config: Config = None,
    journal: Journal = None,
) -> int:
    """Print what happened to the tasks of an execution, one JSON object a line.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.events import print_events

    return _await(print_events(execution_id, follow=follow, config=config, journal=journal))


@app.command
def errors(execution_id: str, /, *, config: Config = None, journal: Journal = None, json: Json = False) -> int:
    """Show what went wrong in an execution: by class and by agent, how often, and what to do about it.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.failures import show_errors

    return _await(show_errors(execution_id, config=config, journal=journal, as_json=json))


@app.command
def pause(execution_id: str, /, *, config: Config = None, journal: Journal = None) -> int:
    """Pause an execution, whichever process runs it: what runs goes on to its end, nothing more starts.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.reading import pause_execution

    return _await(pause_execution(execution_id, config=config, journal=journal))


@app.command
def concurrency(
    execution_id: str,
    number: Annotated[int, Parameter(converter=_whole)],
    /,
    *,
    agent: Annotated[str | None, Parameter(help="Change it for this agent alone.")] = None,
    config: Config = None,
    journal: Journal = None,
) -> int:
    """Change how many tasks of an execution run at once, whichever process runs it.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    number:
        How many tasks run at once from now on.
    """
    from parallel_agents.cli.reading import change_concurrency

    return _await(change_concurrency(execution_id, number, agent=agent, config=config, journal=journal))


@app.command
def cancel(execution_id: str, /, *, config: Config = None, journal: Journal = None) -> int:
    """Cancel an execution, whichever process runs it. Finished results are kept.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.reading import cancel_execution

    return _await(cancel_execution(execution_id, config=config, journal=journal))


register_landing(app)
app.command(show)
app.command(report)
app.command(agents)
app.command(configuration)
app.command(journal)
app.command(name="completion")(print_completion)


@app.command(name="simulate-provider")
def simulate_provider(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(converter=_whole, help="Port to listen on; 0 takes a free one.")] = 0,
    latency: Annotated[float, Parameter(help="Seconds before each answer.")] = 0.0,
) -> int:
    """Serve a simulated OpenAI and Anthropic provider on real HTTP, for tests. It is no language model."""
    from parallel_agents.cli.simulating import simulate

    return _await(simulate(host=host, port=port, latency_s=latency))


@app.command
def chaos(
    *,
    tasks: Annotated[int, Parameter(converter=_whole, help="How many tasks the batch has.")] = 500,
    kills: Annotated[int, Parameter(converter=_whole, help="How many times a worker is killed.")] = 50,
    engine_kills: Annotated[int, Parameter(converter=_whole, help="How many times the engine is killed.")] = 3,
    seed: Annotated[int, Parameter(converter=_whole, help="What every choice is drawn from.")] = 0,
    max_concurrent: Annotated[int, Parameter(converter=_whole, help="How many tasks run at once.")] = 8,
    json: Json = False,
    keep: Annotated[bool, Parameter(negative="", help="Keep the folder with the journal, results and log.")] = False,
) -> int:
    """Kill workers and engine at random during a batch on a simulated provider, and prove that nothing was lost."""
    from parallel_agents.cli.chaos import ChaosOptions
    from parallel_agents.cli.chaos import chaos as run_chaos

    options = ChaosOptions(
        tasks=tasks,
        kills=kills,
        engine_kills=engine_kills,
        seed=seed,
        max_concurrent=max_concurrent,
        json=json,
        keep=keep,
    )
    return _await(run_chaos(options))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. Errors of ours are one line, never a traceback."""
    prepare()
    try:
        return guarded(lambda: app(arguments, exit_on_error=False, print_error=False))
    except CycloptsError as error:
        return refuse(with_help(str(error), command_words(arguments, known_commands())))


def _await(command: Coroutine[Any, Any, int]) -> int:
    return asyncio.run(command)
