"""Help pages as text, 80 columns wide, in English or Chinese."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from commandtable import Command, Value
from rich.cells import cell_len

from parallel_agents.cli.language import Language
from parallel_agents.cli.translation import read_pairs

WIDTH = 80
_HERE = Path(__file__).with_name("help")
_EXAMPLES = tomllib.loads((_HERE / "examples.toml").read_text(encoding="utf-8"))
_CHINESE = read_pairs((_HERE / "zh.txt").read_text(encoding="utf-8"))
# A word, with the mark behind it that may not start a line, or a single wide character with the same.
_UNITS = re.compile(r"(?:[^\s\u2e80-\uffef]+|[\u2e80-\uffef])[，。；：、）！？]*|\s+")
_VARIABLES = (
    ("PARALLEL_AGENTS_LANG", "Language of messages and help, en or zh; else the locale says it."),
    ("PARALLEL_AGENTS_MODEL", "Model where --model names none."),
    ("PARALLEL_AGENTS_JOURNAL", "Journal file where --journal names none."),
    ("NO_COLOR", "No colours; FORCE_COLOR asks for them also where no terminal is."),
)
_METAVARS = {"text": "TEXT", "path": "PATH", "whole": "N", "number": "NUMBER"}


def page(command: Command, language: Language) -> str:
    """The whole help page of a command."""

    def say(text: str) -> str:
        return _said(text, language)

    sections = [
        [f"{say('Usage:')} {_usage(command)}"],
        [*wrapped(say(command.help), WIDTH)],
        _table(say("Commands:"), [(child.words[-1], say(child.help)) for child in command.children]),
        _table(say("Arguments:"), [(one.name, _told(one, say(one.help), language)) for one in command.arguments]),
        _table(say("Options:"), [*_options(command, language), *_always(command, language)]),
        [] if command.words else _table(say("Environment:"), [(name, say(text)) for name, text in _VARIABLES]),
        _examples(command, language),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def wrapped(text: str, width: int) -> Iterator[str]:
    """Break a text into lines; Chinese characters count twice and may be parted anywhere but before a mark."""
    line = ""
    for unit in _UNITS.findall(text):
        if cell_len((line + unit).rstrip()) > width:
            yield line.rstrip()
            line = ""
        line = (line + unit).lstrip() if not line else line + unit
    if line:
        yield line.rstrip()


def _said(text: str, language: Language) -> str:
    if language == "zh" and text not in _CHINESE:
        sys.exit(f"scripts/help/zh.txt has no Chinese line for {text!r}")
    return text if language == "en" else _CHINESE[text]


def _usage(command: Command) -> str:
    parts = ["parallel-agents", *command.words]
    parts += ["COMMAND"] if command.children else ["[OPTIONS]"] if command.options else []
    for one in command.arguments:
        name = f"{one.name}..." if one.many else one.name
        parts.append(name if one.required else f"[{name}]")
    return " ".join(parts)


def _options(command: Command, language: Language) -> Iterator[tuple[str, str]]:
    for option in command.options:
        names = ", ".join(sorted(option.names, key=len))
        metavar = "|".join(option.choices) or _METAVARS.get(option.kind, "")
        yield f"{names} {metavar}".rstrip(), _told(option, _said(option.help, language), language)


def _told(value: Value, text: str, language: Language) -> str:
    choices = f" ({', '.join(value.choices)})" if value.choices and not value.name.startswith("-") else ""
    if not value.default:
        return text + choices
    return f"{text}{choices} [{'default' if language == 'en' else '默认'}: {value.default}]"


def _always(command: Command, language: Language) -> Iterator[tuple[str, str]]:
    yield "-h, --help", "Show this text." if language == "en" else "显示本说明。"
    if not command.words:
        yield "--version", "Show the version." if language == "en" else "显示版本号。"


def _table(title: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    column = min(max(cell_len(left) for left, _ in rows), 24) + 4
    lines = [title]
    for left, text in rows:
        right = list(wrapped(text, WIDTH - column)) or [""]
        start = f"  {left}"
        if cell_len(start) + 2 > column:
            lines.append(start)
            start = ""
        lines.append(start.ljust(column) + right[0])
        lines += [" " * column + line for line in right[1:]]
    return lines


def _examples(command: Command, language: Language) -> list[str]:
    name = " ".join(command.words) or "parallel-agents"
    if name not in _EXAMPLES:
        sys.exit(f"scripts/help/examples.toml has no examples of {name!r}")
    examples = _EXAMPLES[name]
    lines = ["Examples:" if language == "en" else "示例："]
    for example in examples:
        lines += [f"  # {line}" for line in wrapped(example[language], WIDTH - 4)]
        lines.append(f"  {example['run']}")
    return lines
