"""What becomes of a command that cannot go on: one line for a known error, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from parallel_agents.cli import codes
from parallel_agents.cli.streams import note, tell_data
from parallel_agents.cli.translation import localized, sentence_of
from parallel_agents.core.errors import ParallelAgentsError


def guarded(command: Callable[[], Any]) -> int:
    """Run a command; returns its exit code, or the one that its error deserves."""
    try:
        code = command()
    except ParallelAgentsError as error:
        return complain(sentence_of(error), error.exit_code)
    except BaseExceptionGroup as group:
        known = _known(group)
        if known is None:
            raise
        return complain(sentence_of(known), known.exit_code)
    return code if isinstance(code, int) else codes.OK


def refuse(problem: str) -> int:
    """Say what is wrong with a command line; returns the exit code for it."""
    return complain(localized(problem), codes.USAGE)


def complain(message: str, code: int) -> int:
    """Say why a command ends; returns its exit code."""
    note(f"parallel-agents: {message}")
    return code


def print_text(text: str) -> int:
    """Print a text that was written beforehand; returns the exit code."""
    return guarded(lambda: tell_data(text.removesuffix("\n")))


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
