"""Sentences and key terms of a text, Chinese or English, by counting: nothing is made up, nothing is imported.

Everything returned is a substring of the text. Only the first `READ_LIMIT` characters are read.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

Language = Literal["zh", "en"]

READ_LIMIT = 20_000
TERM_LIMIT = 12
LONGEST_GRAM = 6
LONGEST_TERM = 24

_CHINESE_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9'-]*")
_SENTENCE_END = re.compile(r"(?<=[。！？；!?;])\s*|(?<=[.])\s+")
_LINE_START = re.compile(r"^(?:[\s#>|]+|[*+-]\s+|\d+[.)、]\s+|```\w*)+")
_LINE_END = re.compile(r"[\s|]+$")
_MARKED = (
    re.compile(r"\*\*([^*\n]+)\*\*"),
    re.compile(r"[「《“]([^」》”\n]+)[」》”]"),
    re.compile(r"\[\[(?:[^\]|#\n]*[|#])?([^\]|#\n]+)\]\]"),
    re.compile(r"`([^`\n]+)`"),
    re.compile(r"^#+\s+([^\n]+?)\s*$", re.MULTILINE),
)
_DEFINED = (
    re.compile(r"(?:^|[。！？；，,、])\s*(?:所谓)?([\u4e00-\u9fff]{2,8}?)，?(?:是指|指的是|就是|是)", re.MULTILINE),
    re.compile(r"(?:^|[.!?;]\s)(?:An?|The)\s+([a-z]+(?: [a-z]+){0,2}?)\s+(?:is|are|means)\b", re.MULTILINE),
)
_MARKED_TIMES = 3

# A run of characters that holds one of the first, or begins or ends with one of the others, is a piece of a sentence,
# not a term.
_CHINESE_BREAKS = re.compile(r"[的了是在和与或则若把被]")
_CHINESE_EDGES = frozenset(
    "不有就也都而及着对从以为于如这那其之个一上中下等所它他她我你们会能可要将使让由到去来又"
    "很更最每各某该此即因但并且还只种些什么怎哪呢吗吧啊"
)
_ENGLISH_STOPS = frozenset(
    _WORD.findall(
        "a about after all also an and any are as at be because been before but by can common could did do does each "
        "even every for from get had has have how if in into is it its just like made make many may more most much "
        "must no not of on one only or other our out over same see she should so some such than that the their them "
        "then there these they this those through to together two under up use used using very was we were what when "
        "where whether which while who why will with within without would you your"
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
    weights: dict[str, float] = {}
    for term, times in [*((term, _MARKED_TIMES) for term in _marked(read)), *_repeated(read)]:
        weights[term] = weights.get(term, 0.0) + times * _size(term)
    ranked = sorted(weights, key=lambda term: (-weights[term], read.find(term), term))
    by_spelling: dict[str, str] = {}
    for term in ranked:
        by_spelling.setdefault(term.lower(), term)
    return list(by_spelling.values())[:TERM_LIMIT]


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
    for pattern in _DEFINED:
        yield from (term for term in pattern.findall(text) if _is_term(term))


def _is_term(text: str) -> bool:
    if text.isascii():
        words = text.lower().split()
        return words[0] not in _ENGLISH_STOPS and words[-1] not in _ENGLISH_STOPS
    return text[0] not in _CHINESE_EDGES and text[-1] not in _CHINESE_EDGES and not _CHINESE_BREAKS.search(text)


def _repeated(text: str) -> list[tuple[str, int]]:
    """Count what is there more than once, without what is only ever a part of something longer."""
    spelled: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for gram in _grams(text):
        counts[gram.lower()] += 1
        spelled.setdefault(gram.lower(), gram)
    often = [gram for gram, count in counts.items() if count > 1]
    parts = {part for gram in often for part in _grams(gram) if part != gram and counts[part] == counts[gram]}
    return [(spelled[gram], counts[gram]) for gram in often if gram not in parts]


def _grams(text: str) -> Iterator[str]:
    return itertools.chain(_chinese_grams(text), _english_phrases(text))


def _chinese_grams(text: str) -> Iterator[str]:
    for run in _CHINESE_RUN.findall(text):
        for piece in _CHINESE_BREAKS.split(run):
            for size in range(2, LONGEST_GRAM + 1):
                grams = (piece[start : start + size] for start in range(len(piece) - size + 1))
                yield from (gram for gram in grams if _is_term(gram))


def _english_phrases(text: str) -> Iterator[str]:
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
