"""The command line: parse, call, render; no logic of its own."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from parallel_agents.cli.app import run_command

    sys.exit(run_command(sys.argv[1:]))
