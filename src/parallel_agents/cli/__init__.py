"""The command line: parse, call, render; no logic of its own."""

from __future__ import annotations

import sys

from parallel_agents.cli.fasthelp import help_for


def main() -> None:
    """Run the command line and exit with its code."""
    if (text := help_for(sys.argv[1:])) is not None:
        sys.stdout.write(text)
        return
    try:
        from parallel_agents.cli.app import run_command

        code = run_command(sys.argv[1:])
    except KeyboardInterrupt:
        # Also while modules are still being loaded.
        code = 130
    sys.exit(code)
