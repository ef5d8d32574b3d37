"""What a text is about, as a set of words: equal sets are one concept, near ones are only pointed out.

Chinese has no spaces, so a text is cut at its function words (的, 是, 什么, 和 …) and at everything that is no letter,
digit or ideograph; what is left between two cuts is a word. No dictionary is needed, the same text gives the same set
on every machine, and questions that differ only in how they ask ("X的定义是什么", "什么是X的定义") give the same one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter

# Words only where no term of a subject is cut by them: 被 would make 被除数 of 除数, 有 would halve 有理数.
_FUNCTION_WORDS_ZH = (
    "用自己的话说说",
    "用自己的话",
    "为什么",
    "怎么样",
    "是不是",
    "有没有",
    "能不能",
    "会不会",
    "是否",
    "什么",
    "如何",
    "怎样",
    "怎么",
    "哪些",
    "哪个",
    "哪里",
    "多少",
    "这个",
    "那个",
    "这些",
    "那些",
    "一个",
    "之间",
    "它们",
    "你们",
    "我们",
    "的",
    "了",
    "是",
    "吗",
    "呢",
    "吧",
    "啊",
    "请",
    "你",
    "它",
)
# These join or oppose two terms, and "p 与 q" is not "p 或 q": they cut, and they count.
_JOINING_ZH = {"以及": "与", "和": "与", "跟": "与", "与": "与", "或者": "或", "或": "或", "并且": "且", "且": "且"}
_FUNCTION_WORDS_EN = frozenset(
    re.findall(
        r"\w+",
        """
        a an are as at be by can could did do does for from had has have how in is it its of on should than that the
        their then there these they this those to was were what when where which who whom whose why will with would
        you your
        """,
    )
)
_CUT_ZH = re.compile(f"{'|'.join(_FUNCTION_WORDS_ZH)}|({'|'.join(_JOINING_ZH)})")
_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_IDEOGRAPHS = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_TYPE_MARK = re.compile(r"\A\s*(?:\*\*)?\[[^\]\n]{1,12}\](?:\*\*)?")


def words_of(text: str) -> frozenset[str]:
    """The words of a text that carry its meaning, in one form (NFKC, lower case), without order or number.

    A question's `[type]` mark in front does not count. A text of nothing but such a mark or function words keeps those,
    so that it is not taken for an empty one.
    """
    whole = unicodedata.normalize("NFKC", text).casefold()
    plain = _POSSESSIVE.sub("", _TYPE_MARK.sub("", whole, count=1))
    found = {word for chunk in _WORD.findall(plain) for word in _cut(chunk)}
    if not _IDEOGRAPHS.search(plain):  # beside Chinese, a single letter is a symbol: "集合 A"
        found -= _FUNCTION_WORDS_EN
    return frozenset(found or _WORD.findall(whole))


def digest_of(words: frozenset[str]) -> int:
    """A number from 0 to 2**63 - 1 for a set of words; two sets share one with a chance of about 1 in 10**19."""
    joined = "\x1f".join(sorted(words)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest()) >> 1


class Shape:
    """The pairs of neighbouring characters of a text, to be compared with those of others."""

    def __init__(self, text: str) -> None:
        plain = "".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
        self._pairs = Counter(plain[place : place + 2] for place in range(len(plain) - 1))
        self._total = self._pairs.total()

    def likeness(self, other: Shape, *, least: float = 0.0) -> float:
        """How alike two texts are, 0 to 1 (Sørensen-Dice); 0 also where it cannot reach `least`."""
        total = self._total + other._total
        if not total or 2 * min(self._total, other._total) < least * total:
            return 0.0
        return 2 * (self._pairs & other._pairs).total() / total


def _cut(chunk: str) -> list[str]:
    parts: list[str] = []
    rest = 0
    for run in _IDEOGRAPHS.finditer(chunk):
        parts.append(chunk[rest : run.start()])
        parts += (_JOINING_ZH.get(part, part) for part in _CUT_ZH.split(run.group()) if part)
        rest = run.end()
    parts.append(chunk[rest:])
    return [part for part in parts if part]
