"""The commands and their options. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from parallel_agents import __version__
from parallel_agents.cli import codes
from parallel_agents.core.errors import ParallelAgentsError

app = App(
    name="parallel-agents",
    version=__version__,
    help="Run LLM agents over a whole Obsidian canvas or a file of tasks, many at a time: isolated, durable, measured.",
)

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
    max_concurrent: Annotated[int | None, Parameter(help="How many tasks run at once.")] = None,
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
    port: Annotated[int, Parameter(help="Port to listen on; 0 takes a free one.")] = 0,
    latency: Annotated[float, Parameter(help="Seconds before each answer.")] = 0.0,
) -> int:
    """Serve a simulated OpenAI and Anthropic provider on real HTTP, for tests. It is no language model."""
    from parallel_agents.cli.simulating import simulate

    return _await(simulate(host=host, port=port, latency_s=latency))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. Errors of ours are one line, never a traceback."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        return _complain(f"{error}\n`parallel-agents --help` shows the commands.", codes.USAGE)
    except ParallelAgentsError as error:
        return _complain(str(error), error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has read enough; what the interpreter flushes at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return codes.OK
    return code if isinstance(code, int) else codes.OK


def _await(command: Coroutine[Any, Any, int]) -> int:
    return asyncio.run(command)


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"parallel-agents: {message}\n")
    return code
