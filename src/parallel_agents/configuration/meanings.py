"""What every key of the configuration means, in both languages, and when a change of it takes effect.

`meanings.toml` beside this module is the one place that says it; the shipped file's comments and the pages of the
reference are made from it.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal, TypeAlias

import msgspec

from parallel_agents.configuration.layer import KeyPath

Language: TypeAlias = Literal["en", "zh"]
When: TypeAlias = Literal["now", "new", "restart"]

NAMED_ENTRIES = ("agent_configs", "models")


class Meaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key, or a section (`when` is None).

    `when` says when a change in a running executor takes effect: at once and for what runs, for tasks submitted from
    then on, or at a restart only.
    """

    en: str
    zh: str
    when: When | None = None


class Meanings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table. `deferred` maps keys without an effect in this version to the part that gives them one."""

    keys: dict[str, Meaning]
    deferred: dict[str, str]


@cache
def meanings() -> Meanings:
    """Read the table; paths of keys are dotted, with NAME for a name of the user's choice."""
    text = resources.files("parallel_agents.configuration").joinpath("meanings.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Meanings)


def general(path: KeyPath) -> str:
    """Write a key's path as the table does: names of the user's choice become NAME, positions in lists go."""
    words: list[str] = []
    for part in path:
        if isinstance(part, int):
            break
        words.append("NAME" if words and words[-1] in NAMED_ENTRIES else part)
    return ".".join(words)


def meaning_of(path: KeyPath) -> Meaning:
    """Look a key or a section up. Raises `KeyError` for one that the table lacks."""
    return meanings().keys[general(path)]


def deferred(path: KeyPath) -> str | None:
    """Name the part of the work that gives a key its effect; None for a key that has one."""
    return meanings().deferred.get(general(path))
