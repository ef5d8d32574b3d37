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
    from parallel_agents.cli.fasthelp import text_for

    if (text := text_for(arguments)) is None:
        from parallel_agents.cli.app import run_command

        return run_command(arguments)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, AttributeError):
        from parallel_agents.cli.app import print_again

        return print_again(text)
    return 0
