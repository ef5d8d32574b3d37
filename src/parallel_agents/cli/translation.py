"""Finished English sentences turned into Chinese, by templates.

Messages arise in English, wherever they arise; only the command line knows who reads them. A template is matched
against the finished sentence, and values are carried over as they are. `{}` stands for a value, `{#}` for a number,
`{w}` for a single word, `{n}` for words with commas between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import takewhile
from pathlib import Path

from parallel_agents.cli.language import spoken
from parallel_agents.core.errors import ParallelAgentsError

FOLDER = Path(__file__).with_name("zh")
_NUMERIC = frozenset("0123456789.,")
_FITS: dict[str, Callable[[str], bool]] = {
    "": lambda _: True,
    "#": lambda value: bool(value) and _NUMERIC.issuperset(value),
    "w": lambda value: len(value.split()) == 1,
    "n": lambda value: all(len(name.split()) == 1 for name in value.split(", ")),
}
# Sentences that are tried as ends of one; a text with more of them is somebody's prose and no message of ours.
_MOST_ENDS = 12
_LISTS = {"; ": "；", ", ": "，"}


class Template:
    """One English sentence with places for values, and what it is in Chinese.

    In the Chinese text `{2}` is the second value as it is, `{2*}` the second value translated where that can be done.
    """

    def __init__(self, english: str, chinese: str) -> None:
        start, *pieces = english.split("{")
        places = [piece.partition("}") for piece in pieces]
        self._kinds = [kind for kind, _, _ in places]
        self._literals = [start, *(literal for _, _, literal in places)]
        self._chinese = chinese
        self._weight = sum(map(len, self._literals))

    def rank(self) -> tuple[bool, int]:
        """Where to stand among others: one that starts with a value would swallow what introduces the sentence."""
        return not self._literals[0], -self._weight

    def values(self, text: str) -> list[str] | None:
        """Values that make this template the text; None where it is another text."""
        first, *rest = self._literals
        if not rest:
            return [] if text == first else None
        last = rest.pop()
        if len(text) < self._weight or not text.startswith(first) or not text.endswith(last):
            return None
        found: list[str] = []
        text = text[len(first) : len(text) - len(last)]
        for literal in rest:
            value, separator, text = text.partition(literal)
            if not separator:
                return None
            found.append(value)
        found.append(text)
        fits = all(_FITS[kind](value) for kind, value in zip(self._kinds, found, strict=True))
        return found if fits else None

    def filled(self, values: list[str], catalogue: Catalogue) -> str:
        """The Chinese text with its values."""
        start, *pieces = self._chinese.split("{")
        text = start
        for piece in pieces:
            place, _, literal = piece.partition("}")
            value = values[int(place.rstrip("*")) - 1]
            text += (catalogue.translated(value) or value if place.endswith("*") else value) + literal
        return text


class Catalogue:
    """All templates, the most telling first."""

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self._exact = {english: chinese for english, chinese in pairs.items() if "{" not in english}
        templates = [Template(english, chinese) for english, chinese in pairs.items() if "{" in english]
        self._templates = sorted(templates, key=Template.rank)

    def translated(self, text: str, *, closed: bool = False) -> str | None:
        """A text of one or more sentences in Chinese; None where any part of it is not known.

        The shortest first sentence is tried first, and taken only where all that follows is known too: a path or a
        provider's words may hold what looks like the end of a sentence. With `closed` a full stop at the end is one,
        and no part of a value.
        """
        text = text.strip()
        for end in _ends(text):
            first = self._sentence(text[:end], closed=True)
            rest = None if first is None else self.translated(text[end:], closed=True)
            if first is not None and rest is not None:
                return first + rest
        return self._sentence(text, closed=closed) or self._list(text)

    def _sentence(self, text: str, *, closed: bool) -> str | None:
        as_it_is = None if closed and text.endswith(".") else self._one(text)
        if as_it_is is not None or not text.endswith("."):
            return as_it_is
        found = self._one(text[:-1])
        return None if found is None else f"{found}。"

    def _one(self, text: str) -> str | None:
        if text in self._exact:
            return self._exact[text]
        for template in self._templates:
            values = template.values(text)
            if values is not None:
                return template.filled(values, self)
        return None

    def _list(self, text: str) -> str | None:
        for separator, chinese in _LISTS.items():
            parts = text.split(separator)
            found = list(takewhile(bool, map(self.translated, parts))) if len(parts) > 1 else []
            if len(found) == len(parts):
                return chinese.join(filter(None, found))
        return None


def read_pairs(text: str) -> dict[str, str]:
    """Read a file of pairs: an English line, then its Chinese one, indented. `#` starts a comment.

    Raises:
        ValueError: a line has no partner, or an English line stands twice.
    """
    pairs: dict[str, str] = {}
    english: str | None = None
    for line in text.splitlines():
        if not line.strip() or line.startswith("# "):
            continue
        if line.startswith("    ") and english is not None:
            pairs[english] = line.strip()
            english = None
        elif english is None and line not in pairs and not line.startswith(" "):
            english = line
        else:
            raise ValueError(f"{line!r} has no partner, or stands twice")
    if english is not None:
        raise ValueError(f"{english!r} has no Chinese line")
    return pairs


@cache
def catalogue() -> Catalogue:
    """The Chinese catalogue that ships; read at its first use."""
    return Catalogue(read_pairs((FOLDER / "messages.txt").read_text(encoding="utf-8")))


def localized(text: str, *, closed: bool = False) -> str:
    """Say one line in the language of this process; what is not known stays as it is. `closed` as in the catalogue."""
    return text if spoken() == "en" else catalogue().translated(text, closed=closed) or text


def sentence_of(error: ParallelAgentsError) -> str:
    """Say an error in the language of this process. The place stays, its problem and its hint are translated."""
    message = str(error)
    if spoken() == "en":
        return message
    problem, hint = str(getattr(error, "problem", "")), str(getattr(error, "hint", ""))
    english = f"{problem}. {hint}" if hint else problem
    if not problem or not message.endswith(english):
        return localized(message)
    place = message[: len(message) - len(english)]
    return f"{_place(place)}{localized(problem)}{'。' if hint else ''}{localized(hint, closed=True)}"


def _place(place: str) -> str:
    if place.endswith(": "):
        return f"{localized(place[:-2])}："
    return f"{localized(place.strip())} " if place else ""


def _ends(text: str) -> Iterator[int]:
    position = 0
    for _ in range(_MOST_ENDS):
        found = [at for at in (text.find(". ", position), text.find("? ", position)) if at != -1]
        if not found:
            return
        position = min(found) + 1
        yield position
