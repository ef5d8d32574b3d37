"""The commands with their arguments and options, read from the command line's own definition."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from parallel_agents.cli.app import app

Kind = Literal["flag", "text", "path", "whole", "number", "choice"]


@dataclass(frozen=True)
class Value:
    """An argument or an option. `default` is empty where there is none worth telling."""

    names: tuple[str, ...]
    help: str
    kind: Kind
    choices: tuple[str, ...]
    required: bool
    many: bool
    default: str

    @property
    def name(self) -> str:
        """Its first name."""
        return self.names[0]


@dataclass(frozen=True)
class Command:
    """A command or a group of them; the empty words are the program itself."""

    words: tuple[str, ...]
    help: str
    arguments: tuple[Value, ...]
    options: tuple[Value, ...]
    children: tuple[Command, ...]


def commands() -> list[Command]:
    """Every command, parents first."""

    def below(command: Command) -> list[Command]:
        return [command, *(inner for child in command.children for inner in below(child))]

    return below(_command(app, ()))


def _command(node: Any, words: tuple[str, ...]) -> Command:
    names = [name for name in node if not name.startswith("-")]
    children = tuple(_command(node[name], (*words, name)) for name in sorted(names))
    # What is not shown are parameters that only hold options.
    found = [] if children else [one for one in node.assemble_argument_collection(parse_docstring=True) if one.show]
    values = [_value(one) for one in found]
    return Command(
        words=words,
        help=" ".join(node.help.split("Parameters\n")[0].split()),
        arguments=tuple(value for value in values if not value.name.startswith("-")),
        options=tuple(value for value in values if value.name.startswith("-")),
        children=children,
    )


def _value(argument: Any) -> Value:
    hint = argument.hint
    origin = typing.get_origin(hint)
    if origin in {types.UnionType, typing.Union}:
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
        origin = typing.get_origin(hint)
    many = origin in {list, tuple}
    kind, choices = _kind(typing.get_args(hint)[0] if many else hint)
    default = argument.field_info.default
    return Value(
        names=tuple(argument.names),
        help=argument.parameter.help or "",
        kind=kind,
        choices=choices,
        required=argument.required,
        many=many,
        default="" if kind == "flag" or default in {None, argument.field_info.empty} else str(default),
    )


def _kind(hint: Any) -> tuple[Kind, tuple[str, ...]]:
    if typing.get_origin(hint) is Literal:
        return "choice", typing.get_args(hint)
    kinds: dict[Any, Kind] = {bool: "flag", int: "whole", float: "number", Path: "path"}
    return kinds.get(hint, "text"), ()
