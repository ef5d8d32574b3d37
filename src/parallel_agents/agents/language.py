"""Tells when an answer is written in a script that nobody used or asked for.

Only what can be told honestly: scripts, not languages, of texts long enough, and only where next to nothing of the
answer is in a script that is expected. A formula, a name or a quotation in another script says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

_LEAST_WORDS = 20
_EXPECTED_FROM = 0.2
_FOREIGN_BELOW = 0.05
# Japanese shares its ideographs with Chinese: kana tell.
_JAPANESE_FROM = 0.25
_NO_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|\\[A-Za-z]+|https?://\S+|\[\[.*?\]\]", re.DOTALL
)
_WORD = re.compile(r"[^\W\d_]+")
_CLOSED = {"type", "difficulty", "color_action"}
"""Fields whose values the contract gives."""
_SCRIPTS = {
    "CJK": "han",
    "HIRAGANA": "kana",
    "KATAKANA": "kana",
    "HANGUL": "hangul",
    "LATIN": "latin",
    "CYRILLIC": "cyrillic",
    "ARABIC": "arabic",
    "HEBREW": "hebrew",
    "GREEK": "greek",
    "THAI": "thai",
    "DEVANAGARI": "devanagari",
}
_BY_SIGN = {"han", "kana", "thai"}


def language_problems(held: Mapping[str, Any], headings: Sequence[str], allowed: Mapping[str, Any]) -> list[str]:
    """Say that an output is in a script that none of the `allowed` texts is written in; at most one sentence.

    `headings` are those that its contract prescribes; they do not count.
    """
    answer = _words("\n".join(_prose(held, headings)))
    total = answer.total()
    if total < _LEAST_WORDS:
        return []
    expected = [_words(text) for text in _texts(allowed)]
    known = {script for words in expected for script, n in words.items() if n >= words.total() * _EXPECTED_FROM}
    if not known:
        return []
    written = max(answer, key=lambda script: answer[script])
    is_japanese = "kana" not in known and answer["kana"] >= total * _JAPANESE_FROM
    if not is_japanese and sum(answer[script] for script in known) >= total * _FOREIGN_BELOW:
        return []
    told = "kana" if is_japanese else written
    return [f"it is written in another script ({told}) than the material ({', '.join(sorted(known))})"]


def _words(text: str) -> Counter[str]:
    """Count words by script: signs of scripts without spaces one by one; single letters are symbols, and left out."""
    found: Counter[str] = Counter()
    for word in _WORD.findall(_NO_PROSE.sub(" ", text)):
        signs = Counter(_script(sign) for sign in word)
        for script, count in signs.items():
            if script in _BY_SIGN:
                found[script] += count
            elif count > 1:
                found[script] += 1
    return found


def _script(sign: str) -> str:
    name = unicodedata.name(sign, "").partition(" ")[0].partition("-")[0]
    return _SCRIPTS.get(name, "other")


def _prose(held: Mapping[str, Any], headings: Sequence[str]) -> Iterable[str]:
    for text in _texts({key: value for key, value in held.items() if key not in _CLOSED}):
        lines = text.removeprefix("💡 提示：").split("\n")
        yield "\n".join(line for line in lines if not any(heading in line for heading in headings))


def _texts(value: object) -> Iterable[str]:
    match value:
        case str():
            yield value
        case Mapping():
            told = cast("Mapping[str, object]", value)
            for key in told:
                if key not in _CLOSED:
                    yield from _texts(told[key])
        case list() | tuple():
            for item in cast("Sequence[object]", value):
                yield from _texts(item)
        case _:
            return
