"""What a simulated provider answers: text that fits what was asked, and says that it is simulated."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import msgspec

from parallel_agents.simulator.schemas import FILLER, value_for

PAGE_CHARACTERS = 1000
_HEADING = re.compile(r"(?<!#)##[ \t]+([^\n#`]+)")
_WIDE = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request, whatever the wire format. `turns` are role and text, the system's first.

    `tool` is the name of a function whose arguments are asked for, `schema` what they or the answer must fit.
    """

    model: str
    turns: tuple[tuple[str, str], ...]
    schema: dict[str, Any] | None = None
    tool: str | None = None
    max_tokens: int | None = None

    @property
    def prompt(self) -> str:
        """All of its text."""
        return "\n".join(text for _, text in self.turns)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, whatever the wire format."""

    text: str
    input_tokens: int
    output_tokens: int
    is_cut: bool


def prompt_hash(turns: tuple[tuple[str, str], ...]) -> str:
    """Hash the messages of a request: SHA-256 of the JSON list of [role, text], the system's first."""
    return hashlib.sha256(json.dumps(turns, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def answer_to(asked: Asked, seed: str) -> Answer:
    """Make up an answer: JSON that fits the schema, else Markdown under the headings that the prompt names."""
    text = json.dumps(value_for(asked.schema, seed), ensure_ascii=False) if asked.schema else _page(asked)
    is_cut = asked.max_tokens is not None and tokens_in(text) > asked.max_tokens
    if is_cut and asked.max_tokens is not None:
        text = _cut(text, asked.max_tokens)
    return Answer(text=text, input_tokens=tokens_in(asked.prompt), output_tokens=tokens_in(text), is_cut=is_cut)


def said(asked: Asked, text: str | None) -> Answer:
    """Answer with `text`, or a sentence, whatever was asked."""
    text = FILLER if text is None else text
    return Answer(text=text, input_tokens=tokens_in(asked.prompt), output_tokens=tokens_in(text), is_cut=False)


def tokens_in(text: str) -> int:
    """Count tokens by rule: 1 for a Chinese, Japanese or Korean character, 1 for every 4 others, rounded up."""
    wide = len(_WIDE.findall(text))
    return wide + (len(text) - wide + 3) // 4


def _page(asked: Asked) -> str:
    """Write about `PAGE_CHARACTERS` characters. Headings in the system's text count; without any, those of the rest."""
    system = "\n".join(text for role, text in asked.turns if role == "system")
    headings = _headings(system) or _headings(asked.prompt)
    if not headings:
        return f"（模拟回答）{FILLER}"
    share = PAGE_CHARACTERS // len(headings)
    parts = [f"## {heading}\n\n（模拟）{(FILLER * (share // len(FILLER) + 1))[:share]}" for heading in headings]
    return "\n\n".join(parts) + "\n"


def _headings(text: str) -> list[str]:
    return list(dict.fromkeys(found.strip(" *\"'“”」") for found in _HEADING.findall(text)))


def _cut(text: str, tokens: int) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tokens_in(text[:middle]) <= tokens else (low, middle - 1)
    return text[:low]
