"""What a simulated provider answers: text that fits what was asked, and says that it is simulated."""

from __future__ import annotations

import hashlib
import json
import random
import re
from typing import Any

import msgspec

from parallel_agents.simulator.options import TokenRule
from parallel_agents.simulator.schemas import FILLER, value_for
from parallel_agents.simulator.tables import table_for
from parallel_agents.simulator.tokens import FRAME_TOKENS, counted
from parallel_agents.simulator.tokens import tokens_in as tokens_in

PAGE_CHARACTERS = 1000
# The length that is asked for last counts: the form of the answer stands at the end.
_LENGTH = re.compile(r"(?:(\d+)\s*[-–~至到]\s*(\d+)|(?:至少|不少于|at least)\s*(\d+))\s*(?:字|characters)")
_HEADING = re.compile(r"(?<!#)##[ \t]+([^\n#`]+)")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request, whatever the wire format. `turns` are role and text, the system's first.

    `tool` is the name of a function whose arguments are asked for, `schema` what they or the answer must fit.
    `may_cache`: what it begins with may be kept in a prompt cache.
    """

    model: str
    turns: tuple[tuple[str, str], ...]
    schema: dict[str, Any] | None = None
    tool: str | None = None
    max_tokens: int | None = None
    may_cache: bool = True

    @property
    def system(self) -> str:
        """The text of the system."""
        return "\n".join(text for role, text in self.turns if role == "system")

    @property
    def schema_text(self) -> str:
        """The schema as JSON; empty without one."""
        return json.dumps(self.schema, ensure_ascii=False, separators=(",", ":")) if self.schema else ""

    @property
    def prompt(self) -> str:
        """All of its text."""
        return "\n".join(text for _, text in self.turns)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, whatever the wire format. `input_tokens` holds those from the prompt cache and those put there."""

    text: str
    input_tokens: int
    output_tokens: int
    is_cut: bool
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0


def prompt_hash(turns: tuple[tuple[str, str], ...]) -> str:
    """Hash the messages of a request: SHA-256 of the JSON list of [role, text], the system's first."""
    return hashlib.sha256(json.dumps(turns, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def answer_to(asked: Asked, seed: str, rule: TokenRule = "characters") -> Answer:
    """Make up an answer: JSON that fits the schema, else Markdown under its headings, or a table where it shows one."""
    if asked.schema:
        text = json.dumps(value_for(asked.schema, seed), ensure_ascii=False)
    else:
        text = table_for(asked.system, asked.prompt, FILLER) or _page(asked)
    is_cut = asked.max_tokens is not None and counted(text, rule) > asked.max_tokens
    if is_cut and asked.max_tokens is not None:
        text = _cut(text, asked.max_tokens, rule)
    return _answer(asked, text, rule, is_cut=is_cut)


def said(asked: Asked, text: str | None, rule: TokenRule = "characters") -> Answer:
    """Answer with `text`, or a sentence, whatever was asked."""
    return _answer(asked, FILLER if text is None else text, rule, is_cut=False)


def misfit(asked: Asked, answer: Answer, chance: random.Random, rule: TokenRule) -> tuple[Asked, Answer]:
    """Return an answer in due form that does not fit the schema: prose, or an object without one of its fields."""
    required = list((asked.schema or {}).get("required", []))
    if not required or answer.is_cut or chance.random() < 0.5:
        # A model that does not do as told calls no function either.
        loose = msgspec.structs.replace(asked, tool=None)
        return loose, said(asked, None, rule)
    value: dict[str, Any] = json.loads(answer.text)
    del value[chance.choice(required)]
    return asked, _answer(asked, json.dumps(value, ensure_ascii=False), rule, is_cut=False)


def input_tokens(asked: Asked, rule: TokenRule) -> int:
    """Count what was asked. The rule of characters counts the text of the messages alone."""
    counts = counted(asked.prompt, rule)
    if rule == "bytes":
        counts += counted(asked.schema_text, rule) + FRAME_TOKENS * len(asked.turns)
    return counts


def prefix_tokens(asked: Asked, rule: TokenRule) -> tuple[int, int]:
    """Count the prefix that requests may share, system and schema; second, what of it `input_tokens` counts."""
    system, schema = counted(asked.system, rule), counted(asked.schema_text, rule)
    return system + schema, system + (schema if rule == "bytes" else 0)


def _answer(asked: Asked, text: str, rule: TokenRule, *, is_cut: bool) -> Answer:
    output = counted(text, rule)
    return Answer(text=text, input_tokens=input_tokens(asked, rule), output_tokens=output, is_cut=is_cut)


def _page(asked: Asked) -> str:
    """Write about as much as the system's text asks for, else `PAGE_CHARACTERS`.

    Headings in the system's text count; without any, those of the rest.
    """
    headings = _headings(asked.system) or _headings(asked.prompt)
    if not headings:
        return f"（模拟回答）{FILLER}"
    share = _asked_length(asked.system) // len(headings)
    parts = [f"## {heading}\n\n（模拟）{(FILLER * (share // len(FILLER) + 1))[:share]}" for heading in headings]
    return "\n\n".join(parts) + "\n"


def _asked_length(text: str) -> int:
    found = _LENGTH.findall(text)
    if not found:
        return PAGE_CHARACTERS
    least, most, at_least = (int(figure or 0) for figure in found[-1])
    return int(at_least * 1.2) or (least + most) // 2


def _headings(text: str) -> list[str]:
    return list(dict.fromkeys(found.strip(" *\"'“”」") for found in _HEADING.findall(text)))


def _cut(text: str, tokens: int, rule: TokenRule) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if counted(text[:middle], rule) <= tokens else (low, middle - 1)
    return text[:low]
