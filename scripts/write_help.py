"""Write what the command line prints without loading anything: help in two languages, completions, the table of usage.

python scripts/write_help.py            write them
python scripts/write_help.py --check    change nothing; exit 1 when one is out of date

Commands and options are read from the command line itself, examples from `help/examples.toml`, Chinese texts from
`help/zh.txt`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import completions
import helppages
from commandtable import Command, commands

from parallel_agents.cli.fasthelp import COMPLETIONS, FOLDER, SHELLS, file_for
from parallel_agents.cli.usage import COMMANDS


def main(check: bool) -> int:
    """Write or check; returns the exit code."""
    wanted = dict(texts())
    there = [*FOLDER.rglob("*.txt"), *COMPLETIONS.glob("*")]
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += [path for path in there if path not in wanted]
    if check:
        for path in stale:
            sys.stderr.write(f"{path.name} is out of date: run `python scripts/write_help.py`\n")
        return 1 if stale else 0
    for path in stale:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


def texts() -> Iterator[tuple[Path, str]]:
    """Every file and what belongs in it."""
    found = commands()
    yield COMMANDS, json.dumps({" ".join(one.words): _usage(one) for one in found}, indent=1) + "\n"
    for one in found:
        yield file_for(one.words, "en"), helppages.page(one, "en")
        yield file_for(one.words, "zh"), helppages.page(one, "zh")
    for shell in SHELLS:
        yield COMPLETIONS / f"parallel-agents.{shell}", completions.script(shell, found)


def _usage(command: Command) -> dict[str, object]:
    if command.children:
        return {"commands": [child.words[-1] for child in command.children]}
    arguments = [
        {"name": one.name, "required": one.required, "many": one.many}
        | ({"choices": list(one.choices)} if one.choices else {})
        for one in command.arguments
    ]
    options: dict[str, object] = {}
    for option in command.options:
        known: dict[str, object] = {"kind": option.kind}
        if option.choices:
            known["choices"] = list(option.choices)
        if option.many:
            known["many"] = True
        options.update(dict.fromkeys(option.names, known))
    return {"arguments": arguments, "options": options}


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
