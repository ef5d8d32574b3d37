"""The corpus of model outputs: one JSON object a line, each with what is to become of it.

`raw` is what the model gives; `⟦zh 250⟧` in it stands for so many characters (or words) of prose in that language, so
that lines stay short enough to read. `verdict` is `accepted` or `refused`; `says` are parts of problems that must be
named; `holds` is what must come of an accepted one: the output of a JSON agent, the Markdown of another; without it
the Markdown is all of `raw`. `input` stands where the usual Chinese input does not do.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

from parallel_agents.agents.parsing import parse_spec
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.agents.spec import AgentSpec

FILE = Path(__file__).with_name("malformed.jsonl")
USUAL = {
    "material_content": "原命题与逆否命题的真值表相同，所以等价；逆命题与否命题也等价，但与原命题不等价。",
    "topic": "逆否命题",
    "concept": "什么是逆否命题？",
    "question_text": "什么是逆否命题？",
    "user_understanding": "就是把两边都否定，再倒过来说，意思和原来一样。",
    "reference_material": "由原命题可以写出逆命题、否命题和逆否命题。",
}
_PROSE = {
    "zh": "要说清一件事就先说它是什么再说它不是什么然后举一个例子最后想一想哪里容易弄错",
    "en": "first we say what the statement means and then we look at one small example of it ",
    "ru": "сначала мы говорим что это значит а потом смотрим на один небольшой пример ",
    "ko": "먼저 이것이 무엇을 뜻하는지 말하고 나서 작은 보기를 하나 살펴봅니다 ",
    "ja": "まずこれがなにをいみするのかをのべてからちいさな例をひとつみてみましょう",
}
_FILL = re.compile(r"⟦(\w+) (\d+)⟧")


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line; see above."""

    name: str
    agent: str
    raw: str
    verdict: str
    says: tuple[str, ...] = ()
    holds: dict[str, Any] | str | None = None
    input: dict[str, str] | None = None

    @property
    def text(self) -> str:
        """What the model gives, written out."""
        return filled(self.raw)

    @property
    def output(self) -> dict[str, Any]:
        """What must come of it, where it is accepted."""
        if isinstance(self.holds, dict):
            return self.holds
        return {"markdown": filled(self.raw if self.holds is None else self.holds).strip()}

    @property
    def given(self) -> dict[str, str]:
        """The input of the agent."""
        return USUAL if self.input is None else self.input


def lines() -> list[Line]:
    """Every line of the corpus."""
    return [msgspec.json.decode(line, type=Line) for line in FILE.read_bytes().splitlines()]


def filled(text: str) -> str:
    """Write out what stands for prose."""
    return _FILL.sub(lambda found: _prose(found[1], int(found[2])), text)


@functools.cache
def spec_of(agent: str) -> AgentSpec:
    """The spec of an agent that ships."""
    return parse_spec(AgentRegistry().resolve(agent).spec or "", agent)


def invented(output: object, raw: str) -> list[object]:
    """What stands in an output and not in the answer that it came from; a text may have been escaped there."""
    told = raw.replace("\r\n", "\n")
    there = {told, *_unescaped(told)}
    return [leaf for leaf in _leaves(output) if not any(_as_written(leaf) in text for text in there)]


def _prose(script: str, count: int) -> str:
    if script in {"zh", "ja"}:
        return (_PROSE[script] * (count // len(_PROSE[script]) + 1))[:count]
    words = _PROSE[script].split()
    return " ".join((words * (count // len(words) + 1))[:count])


def _unescaped(text: str) -> Iterable[str]:
    for at in (found.start() for found in re.finditer(r'["{]', text)):
        try:
            value: object = json.JSONDecoder(strict=False).raw_decode(text, at)[0]
        except (ValueError, RecursionError):
            continue
        if isinstance(value, str):
            yield value
            yield from _unescaped(value) if "{" in value else ()


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for key, inner in cast("dict[object, object]", value).items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _leaves(inner)
    else:
        yield value


def _as_written(leaf: object) -> str:
    return leaf if isinstance(leaf, str) else json.dumps(leaf)
