"""Write the help texts of every command, so that `--help` prints a file instead of loading the command line's library.

python scripts/write_help.py            write them
python scripts/write_help.py --check    change nothing; exit 1 when one is out of date
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from parallel_agents.cli.app import app
from parallel_agents.cli.fasthelp import FOLDER, file_for

WIDTH = 80


def main(check: bool) -> int:
    """Write or check; returns the exit code."""
    wanted = dict(texts())
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += [path for path in FOLDER.glob("*.txt") if path not in wanted]
    if check:
        for path in stale:
            sys.stderr.write(f"{path.name} is out of date: run `python scripts/write_help.py`\n")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for path in stale:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


def texts() -> Iterator[tuple[Path, str]]:
    """The help text of every command and the file it belongs in."""
    for tokens in ((), *commands(app, ())):
        out = io.StringIO()
        console = Console(file=out, width=WIDTH, force_terminal=False, color_system=None)
        app.help_print(list(tokens), console=console)
        yield file_for(tokens), out.getvalue()


def commands(parent: Any, tokens: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The words that lead to every command below `parent`."""
    for name in parent:
        if not name.startswith("-"):
            yield (*tokens, name)
            yield from commands(parent[name], (*tokens, name))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
