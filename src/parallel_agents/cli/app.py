"""The commands and their options. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from parallel_agents import __version__
from parallel_agents.cli.guard import guarded, refuse
from parallel_agents.cli.landing import register as register_landing
from parallel_agents.cli.looking import agents, configuration, journal, pipelines, print_completion, report, show
from parallel_agents.cli.options import (
    NO_BUDGET,
    NO_LANDING,
    NOT_AGAIN,
    NOTHING_CHOSEN,
    USUAL_RESULTS,
    AgainOptions,
    Aggregate,
    ChosenOptions,
    Config,
    Format,
    Journal,
    Json,
    LandingOptions,
    MaxConcurrent,
    Output,
    ResultOptions,
    Source,
    SpendingOptions,
    whole,
)
from parallel_agents.cli.simulatoroptions import NOTHING_GIVEN, SimulatorOptions
from parallel_agents.cli.streams import prepare
from parallel_agents.cli.usage import command_words, known_commands, with_help
from parallel_agents.core.errors import InputError

app = App(
    name="parallel-agents",
    version=__version__,
    help="Run LLM agents over a whole Obsidian canvas or a file of tasks, many at a time: isolated, durable, measured.",
)


@app.command
def run(
    source: Source,
    /,
    *,
    chosen: ChosenOptions = NOTHING_CHOSEN,
    landing: LandingOptions = NO_LANDING,
    max_concurrent: MaxConcurrent = None,
    yes: Annotated[
        bool, Parameter(negative="", help="Do not ask on a terminal before a run that may cost money.")
    ] = False,
    spending: SpendingOptions = NO_BUDGET,
    again: AgainOptions = NOT_AGAIN,
    results: ResultOptions = USUAL_RESULTS,
) -> int:
    """Run agents or a pipeline on a canvas, a folder of canvases or notes, or the tasks of a .jsonl file."""
    from parallel_agents.cli.running import LandingChoice, run_source

    reading = chosen.reading(source)
    options = results.to_run(spending.budget()).for_run(
        model=chosen.model,
        max_concurrent=max_concurrent,
        again=again,
        landing=LandingChoice(apply=landing.apply, recolour=landing.recolour, palette=reading.choice.palette),
        yes=yes,
    )
    return _await(run_source(reading, options))


@app.command
def plan(
    source: Source,
    /,
    *,
    chosen: ChosenOptions = NOTHING_CHOSEN,
    max_concurrent: MaxConcurrent = None,
    pilot: Annotated[
        int | None, Parameter(converter=whole, help="Really run so many of the tasks, and go by what they did.")
    ] = None,
    config: Config = None,
    journal: Journal = None,
    json: Json = False,
) -> int:
    """Show what a run would do, need and cost. Without a pilot nothing is called and nothing is kept."""
    from parallel_agents.cli.planning import PlanOptions, show_plan

    options = PlanOptions(
        config=config, journal=journal, model=chosen.model, max_concurrent=max_concurrent, pilot=pilot, json=json
    )
    return _await(show_plan(chosen.reading(source), options))


@app.command
def resume(
    execution_id: str | None = None,
    /,
    *,
    spending: SpendingOptions = NO_BUDGET,
    results: ResultOptions = USUAL_RESULTS,
) -> int:
    """Go on with an execution that was interrupted; without an id, with the newest one.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.running import resume_execution

    return _await(resume_execution(execution_id, results.to_run(spending.budget())))


@app.command
def retry(
    execution_id: str,
    /,
    *,
    task: Annotated[
        list[str] | None, Parameter(negative="", help="Id of a task to try again; may be given several times.")
    ] = None,
    failed: Annotated[bool, Parameter(negative="", help="Only the tasks that failed.")] = False,
    results: ResultOptions = USUAL_RESULTS,
) -> int:
    """Try the failed, skipped and cancelled tasks of an execution again.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.running import retry_execution

    if failed and task:
        raise InputError("--failed and --task exclude one another: name tasks, or take all that failed")
    return _await(retry_execution(execution_id, "failed" if failed else task, results.to_run()))


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
    number: Annotated[int, Parameter(converter=whole)],
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
app.command(pipelines)
app.command(configuration)
app.command(journal)
app.command(name="completion")(print_completion)


@app.command(name="simulate-provider")
def simulate_provider(*, options: SimulatorOptions = NOTHING_GIVEN) -> int:
    """Serve a simulated OpenAI and Anthropic provider on real HTTP, for tests. It is no language model."""
    from parallel_agents.cli.simulating import simulate

    return _await(simulate(options))


@app.command
def chaos(
    *,
    tasks: Annotated[int, Parameter(converter=whole, help="How many tasks the batch has.")] = 500,
    kills: Annotated[int, Parameter(converter=whole, help="How many times a worker is killed.")] = 50,
    engine_kills: Annotated[int, Parameter(converter=whole, help="How many times the engine is killed.")] = 3,
    seed: Annotated[int, Parameter(converter=whole, help="What every choice is drawn from.")] = 0,
    max_concurrent: Annotated[int, Parameter(converter=whole, help="How many tasks run at once.")] = 8,
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
