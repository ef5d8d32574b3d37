"""The commands and their options. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

from cyclopts import App, CycloptsError, Parameter, Token

from parallel_agents import __version__
from parallel_agents.cli import codes
from parallel_agents.cli.fasthelp import help_for
from parallel_agents.cli.streams import note, prepare, tell
from parallel_agents.core.errors import InputError, ParallelAgentsError

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
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the JSON document and nothing else.")]


@app.command
def run(
    source: Path,
    /,
    *,
    agent: Annotated[str | None, Parameter(help="Name of an agent, or path of an agent file.")] = None,
    model: Annotated[str | None, Parameter(help="openai:NAME, anthropic:NAME or offline.")] = None,
    nodes: Annotated[str | None, Parameter(help="Ids of canvas nodes, separated by commas.")] = None,
    max_concurrent: Annotated[int | None, Parameter(converter=_whole, help="How many tasks run at once.")] = None,
    config: Config = None,
    journal: Journal = None,
    output: Output = None,
    json: Json = False,
) -> int:
    """Run an agent on a .canvas, or the tasks of a .jsonl file.

    Parameters
    ----------
    source:
        A .canvas, or a .jsonl with one task a line.
    """
    from parallel_agents.cli.running import RunOptions, run_source

    chosen = None if nodes is None else [node.strip() for node in nodes.split(",") if node.strip()]
    if chosen == []:
        raise InputError(f"--nodes {nodes!r} names no node. Give ids of canvas nodes, separated by commas.")
    options = RunOptions(
        config=config, journal=journal, output=output, json=json, model=model, max_concurrent=max_concurrent
    )
    return _await(run_source(source, agent, chosen, options))


@app.command
def resume(
    execution_id: str | None = None,
    /,
    *,
    config: Config = None,
    journal: Journal = None,
    output: Output = None,
    json: Json = False,
) -> int:
    """Go on with an execution that was interrupted; without an id, with the newest one.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.running import RunOptions, resume_execution

    options = RunOptions(config=config, journal=journal, output=output, json=json)
    return _await(resume_execution(execution_id, options))


@app.command
def retry(
    execution_id: str,
    /,
    *,
    task: Annotated[list[str] | None, Parameter(help="Id of a task to try again; may be given several times.")] = None,
    config: Config = None,
    journal: Journal = None,
    output: Output = None,
    json: Json = False,
) -> int:
    """Try the failed, skipped and cancelled tasks of an execution again.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.running import RunOptions, retry_execution

    options = RunOptions(config=config, journal=journal, output=output, json=json)
    return _await(retry_execution(execution_id, task, options))


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
def results(execution_id: str, /, *, config: Config = None, journal: Journal = None, output: Output = None) -> int:
    """Print the results of an execution as JSON, or write them to a file.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.reading import show_results

    return _await(show_results(execution_id, config=config, journal=journal, output=output))


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


agents = App(name="agents", help="Show and check agents.")
configuration = App(name="config", help="Show and check the configuration.")
app.command(agents)
app.command(configuration)


@agents.command(name="list")
def list_agents() -> int:
    """List the agents that ship."""
    from parallel_agents.cli.describing import list_agents as listed

    return listed()


@agents.command(name="show")
def show_agent(name: str, /) -> int:
    """Show one agent: its input, limits and prompt.

    Parameters
    ----------
    name:
        Name of an agent, or path of an agent file.
    """
    from parallel_agents.cli.describing import show_agent as shown

    return shown(name)


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
def show_configuration(config: Path | None = None, /) -> int:
    """Print the configuration in force as JSON: defaults, file and environment together.

    Parameters
    ----------
    config:
        Configuration file; the default one where none is named.
    """
    from parallel_agents.cli.describing import show_configuration as shown

    return shown(config)


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


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. Errors of ours are one line, never a traceback."""
    prepare()
    try:
        return _guarded(lambda: app(arguments, exit_on_error=False, print_error=False))
    except CycloptsError as error:
        problem = str(error).rstrip(".")
        return _complain(f"{problem}. `{_help_command(arguments)}` says how to use it.", codes.USAGE)


def print_again(text: str) -> int:
    """Print what could not be printed; returns the exit code that this deserves."""
    return _guarded(lambda: tell(text.rstrip("\n")))


def _guarded(command: Callable[[], Any]) -> int:
    try:
        code = command()
    except ParallelAgentsError as error:
        return _complain(str(error), error.exit_code)
    except BaseExceptionGroup as group:
        known = _known(group)
        if known is None:
            raise
        return _complain(str(known), known.exit_code)
    return code if isinstance(code, int) else codes.OK


def _await(command: Coroutine[Any, Any, int]) -> int:
    return asyncio.run(command)


def _help_command(arguments: Sequence[str]) -> str:
    for length in (2, 1):
        tokens = arguments[:length]
        if len(tokens) == length and help_for([*tokens, "--help"]) is not None:
            return " ".join(("parallel-agents", *tokens, "--help"))
    return "parallel-agents --help"


def _known(group: BaseExceptionGroup[BaseException]) -> ParallelAgentsError | None:
    # A disk that fails, fails several tasks at once: one of their errors says it. Anything else is a defect.
    errors = list(_leaves(group))
    ours = [error for error in errors if isinstance(error, ParallelAgentsError)]
    return ours[0] if len(ours) == len(errors) else None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _complain(message: str, code: int) -> int:
    note(f"parallel-agents: {message}")
    return code
