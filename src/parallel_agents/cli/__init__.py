"""The command line: parse, call, render; no logic of its own."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:
        # Also while modules are still being loaded.
        code = 130
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    # Help and refusals are at once: neither waits for what a run needs, nor for the library that parses options.
    from parallel_agents.cli.fasthelp import text_for
    from parallel_agents.cli.language import spoken

    if (text := text_for(arguments, spoken())) is not None:
        return _print(text)

    from parallel_agents.cli.usage import complaint_of

    if (problem := complaint_of(arguments)) is not None:
        from parallel_agents.cli.guard import refuse

        return refuse(problem)

    from parallel_agents.cli.app import run_command

    return run_command(arguments)


def _print(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, AttributeError, UnicodeEncodeError):
        from parallel_agents.cli.guard import print_text
        from parallel_agents.cli.streams import prepare

        prepare()
        return print_text(text)
    return 0
