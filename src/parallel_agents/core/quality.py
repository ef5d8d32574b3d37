"""What is wrong with a result although its agent gave it: told beside it, never a reason to change or drop it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, cast

import msgspec


class Flaw(StrEnum):
    """What a look at a result can find."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    OFF_CONTRACT = "off_contract"
    DUPLICATE = "duplicate"


CUT_REASONS = frozenset({"length", "max_tokens", "max_output_tokens"})
"""What providers call an answer that ended at its limit of tokens."""


def is_empty(output: Mapping[str, Any]) -> bool:
    """Tell whether an output says nothing: no text that is not blank, no number and no truth value anywhere in it.

    Who generated it (`generator`) says nothing.
    """
    return not any(_says_something(value) for key, value in output.items() if key != "generator")


def is_cut(output: Mapping[str, Any], finish_reason: str | None) -> bool:
    """Tell whether the model was stopped at its limit, or a Markdown text ends within a fence that it opened."""
    if finish_reason in CUT_REASONS:
        return True
    markdown = output.get("markdown")
    return isinstance(markdown, str) and _ends_in_a_fence(markdown.split("\n"))


def number_of(agent_name: str, output: Mapping[str, Any]) -> int:
    """A number from 0 to 2**63 - 1 that equal outputs of one agent share."""
    try:
        told = msgspec.json.encode([agent_name, output], order="sorted")
    except UnicodeEncodeError:  # half a character
        told = json.dumps([agent_name, output], sort_keys=True, default=str).encode()
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest()) >> 1


def _says_something(value: object) -> bool:
    match value:
        case None:
            return False
        case str():
            return bool(value.strip())
        case dict():
            return any(map(_says_something, cast("dict[str, object]", value).values()))
        case list() | tuple():
            return any(map(_says_something, cast("Iterable[object]", value)))
        case _:
            return True


def _ends_in_a_fence(lines: Iterable[str]) -> bool:
    fence = ""
    for line in lines:
        mark = line.strip()
        if fence and mark.startswith(fence) and not mark.strip(fence[0]):
            fence = ""
        elif not fence and mark.startswith(("```", "~~~")):
            fence = mark[: len(mark) - len(mark.lstrip(mark[0]))]
    return bool(fence)
