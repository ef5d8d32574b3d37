"""What is wrong with a command line, found without loading the library that parses it.

`commands.json` holds every command with its arguments and options; `scripts/write_help.py` writes it. What is not
clearly wrong is left to the library, which has the last word.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

COMMANDS = Path(__file__).with_name("commands.json")
Command: TypeAlias = Mapping[str, Any]


def complaint_of(arguments: Sequence[str]) -> str | None:
    """Say what is wrong and where help stands; None where nothing is seen to be wrong."""
    if "--" in arguments:
        return None
    commands = known_commands()
    words = command_words(arguments, commands)
    rest = arguments[len(words) :]
    problem = next(_problems(commands[" ".join(words)], rest), None)
    return None if problem is None else with_help(problem, words)


def known_commands() -> dict[str, Command]:
    """Every command, by the words that name it."""
    return json.loads(COMMANDS.read_text(encoding="utf-8"))


def command_words(arguments: Sequence[str], commands: Mapping[str, object]) -> Sequence[str]:
    """The words at the start that name a command."""
    for length in (2, 1):
        if len(arguments) >= length and " ".join(arguments[:length]) in commands:
            return arguments[:length]
    return ()


def with_help(problem: str, words: Sequence[str]) -> str:
    """A problem with the command that explains the usage; a question mark of its own ends it."""
    end = "" if problem.endswith("?") else "."
    return f"{problem.rstrip('.')}{end} `{' '.join(('parallel-agents', *words, '--help'))}` says how to use it."


def _problems(command: Command, arguments: Sequence[str]) -> Iterator[str]:
    if "commands" in command:
        yield from _no_such_command(command["commands"], arguments)
        return
    options: dict[str, Command] = command["options"]
    given: list[str] = []
    values: list[str] = []
    for name, value in _parts(arguments, options):
        if name is None:
            values.append(value or "")
        elif name not in options:
            yield f"unknown option {name!r}{_nearest(name, list(options))}"
        else:
            yield from _wrong_option(name, options[name], value, is_second=name in given)
            given.append(name)
    yield from _wrong_arguments(command["arguments"], values)


def _parts(arguments: Sequence[str], options: Mapping[str, Command]) -> Iterator[tuple[str | None, str | None]]:
    """Options with their values, None where one has none; what is no option has no name."""
    tokens = list(arguments)
    while tokens:
        token = tokens.pop(0)
        name, equals, value = token.partition("=")
        if not _is_option(token):
            yield None, token
        elif equals:
            yield name, value
        else:
            takes = name in options and options[name]["kind"] != "flag" and tokens and not _is_option(tokens[0])
            yield name, tokens.pop(0) if takes else None


def _no_such_command(known: Sequence[str], arguments: Sequence[str]) -> Iterator[str]:
    for token in arguments[:1]:
        if token.startswith("-"):
            yield f"unknown option {token!r}"
        else:
            near = _nearest(token, known) or "."
            yield f"unknown command {token!r}{near} The commands are {', '.join(known)}"


def _wrong_option(name: str, option: Command, value: str | None, *, is_second: bool) -> Iterator[str]:
    if is_second and not option.get("many"):
        yield f"{name} is given twice"
    if option["kind"] == "flag":
        return
    if value is None:
        yield f"{name} needs a value"
        return
    choices: list[str] = option.get("choices", [])
    reads: dict[str, tuple[Callable[[str], object], str]] = {
        "whole": (int, "is not a whole number"),
        "number": (float, "is not a number"),
        "choice": (choices.index, f"is not one of {', '.join(choices)}"),
    }
    read, problem = reads.get(option["kind"], (str, ""))
    try:
        read(value)
    except ValueError:
        yield f"{name}: {value!r} {problem}"


def _wrong_arguments(arguments: Sequence[Mapping[str, Any]], values: Sequence[str]) -> Iterator[str]:
    for argument, value in zip(arguments, values, strict=False):
        if "choices" in argument and value not in argument["choices"]:
            yield f"{argument['name']}: {value!r} is not one of {', '.join(argument['choices'])}"
    for argument in arguments[len(values) :]:
        if argument["required"]:
            yield f"{argument['name']} is missing"
    if len(values) > len(arguments) and not (arguments and arguments[-1]["many"]):
        yield f"unexpected argument {values[len(arguments)]!r}"


def _is_option(token: str) -> bool:
    return token.startswith("-") and token != "-" and not token.lstrip("-").replace(".", "", 1).isdigit()


def _nearest(name: str, known: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f". Did you mean {close[0]!r}?" if close else ""
