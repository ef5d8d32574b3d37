"""Sentences and key terms of a text, Chinese or English, by counting: nothing is made up, nothing is imported.

Everything returned is a substring of the text. Only the first `READ_LIMIT` characters are read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

Language = Literal["zh", "en"]

READ_LIMIT = 20_000
TERM_LIMIT = 12
LONGEST_GRAM = 6
LONGEST_TERM = 24

_CHINESE_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9'-]*")
_SENTENCE_END = re.compile(r"(?<=[。！？；!?;])\s*|(?<=[.])\s+")
_LINE_START = re.compile(r"^(?:[\s#>*+\-|]+|\d+[.)、]\s*|```\w*)+")
_LINE_END = re.compile(r"[\s|]+$")
_MARKED = (
    re.compile(r"\*\*([^*\n]+)\*\*"),
    re.compile(r"[「《“]([^」》”\n]+)[」》”]"),
    re.compile(r"\[\[(?:[^\]|#\n]*[|#])?([^\]|#\n]+)\]\]"),
    re.compile(r"`([^`\n]+)`"),
    re.compile(r"^#+\s+([^\n]+?)\s*$", re.MULTILINE),
    re.compile(
        r"(?:^|[。！？；，,、\n])\s*(?:所谓)?([\u4e00-\u9fff]{2,8}?)(?:，)?(?:是指|指的是|就是|是)", re.MULTILINE
    ),
)
_MARKED_WEIGHT = 3.0

# A run of characters that begins or ends with one of these is a piece of a sentence, not a term.
_CHINESE_EDGES = frozenset(
    "的了是在和与或不有就也都而及着被把对从以为于则若如这那其之个一上中下等所它他她我你们会能可要将使让由到去来又"
    "很更最每各某该此即因但并且还只种些什么怎哪呢吗吧啊"
)
_ENGLISH_STOPS = frozenset(
    _WORD.findall(
        "a about after all also an and any are as at be because been before but by can could did do does each even "
        "every for from get had has have how if in into is it its just like made make many may more most much must no "
        "not of on one only or other our out over same see she should so some such than that the their them then "
        "there these they this those through to two under up use used using very was we were what when where which "
        "while who why will with would you your "
    )
)


def language_of(text: str) -> Language:
    """Tell which language questions about a text should be in: that of most of its words."""
    read = text[:READ_LIMIT]
    chinese = sum(len(run) for run in _CHINESE_RUN.findall(read))
    # About two characters to a Chinese word.
    return "zh" if chinese / 2 >= len(_WORD.findall(read)) else "en"


def sentences_of(text: str) -> list[str]:
    """Split a text into its sentences, in order, without Markdown's marks at their ends and without repetitions."""
    seen: dict[str, None] = {}
    for line in text[:READ_LIMIT].splitlines():
        for part in _SENTENCE_END.split(line):
            sentence = _LINE_END.sub("", _LINE_START.sub("", part))
            if any(character.isalnum() for character in sentence):
                seen.setdefault(sentence)
    return list(seen)


def terms_of(text: str) -> list[str]:
    """Find up to `TERM_LIMIT` key terms, the weightiest first.

    What the author marked (bold, quoted, linked, a heading, what is defined) weighs more than what is only repeated.
    """
    read = text[:READ_LIMIT]
    weights: Counter[str] = Counter()
    for term in _marked(read):
        weights[term] += _MARKED_WEIGHT * _size(term)  # pyright: ignore[reportArgumentType] # weights are fractions
    for term, count in _repeated(read):
        weights[term] += count * _size(term)  # pyright: ignore[reportArgumentType]
    ranked = sorted(weights, key=lambda term: (-weights[term], read.find(term), term))
    return _without_overlaps(ranked)


def excerpt_of(sentence: str, limit: int) -> str:
    """Cut a sentence to at most `limit` characters, at a clause where there is one; always a beginning of it."""
    if len(sentence) <= limit:
        return sentence
    cut = max(sentence.rfind(mark, 0, limit) for mark in "，,、；：: ")
    return sentence[: cut if cut >= limit // 2 else limit].rstrip()


def _marked(text: str) -> Iterator[str]:
    for pattern in _MARKED:
        for found in pattern.findall(text):
            term = found.strip()
            if 1 < len(term) <= LONGEST_TERM and any(character.isalnum() for character in term):
                yield term


def _repeated(text: str) -> Iterator[tuple[str, int]]:
    yield from _chinese_grams(text)
    yield from _english_phrases(text)


def _chinese_grams(text: str) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for run in _CHINESE_RUN.findall(text):
        for size in range(2, LONGEST_GRAM + 1):
            counts.update(run[start : start + size] for start in range(len(run) - size + 1))
    return [
        (gram, count)
        for gram, count in counts.items()
        if count > 1 and gram[0] not in _CHINESE_EDGES and gram[-1] not in _CHINESE_EDGES
    ]


def _english_phrases(text: str) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for phrase in _phrases(text):
        counts[phrase.lower()] += 1
        spelled.setdefault(phrase.lower(), phrase)
    return [(spelled[phrase], count) for phrase, count in counts.items()]


def _phrases(text: str) -> Iterator[str]:
    before: re.Match[str] | None = None
    for word in _WORD.finditer(text):
        if len(word.group()) < 3 or word.group().lower() in _ENGLISH_STOPS:
            before = None
            continue
        yield word.group()
        if before is not None and text[before.end() : word.start()] == " ":
            yield text[before.start() : word.end()]
        before = word


def _size(term: str) -> float:
    words = len(_WORD.findall(term)) or len(term) / 2
    return words**0.5


def _without_overlaps(ranked: Iterable[str]) -> list[str]:
    chosen: list[str] = []
    for term in ranked:
        folded = term.lower()
        if not any(folded in other.lower() or other.lower() in folded for other in chosen):
            chosen.append(term)
        if len(chosen) == TERM_LIMIT:
            break
    return chosen
