"""A Markdown page of excerpts under given headings: quotations of the material and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from parallel_agents.models.extraction import Language, excerpt_of, language_of, sentences_of, terms_of

PAGE_LIMIT = 1100
SENTENCE_LIMIT = 240

_LABEL: dict[Language, str] = {
    "zh": "> 本页为离线摘录，不是语言模型撰写：以下引文均逐字出自原材料，没有补充任何内容。",
    "en": "> Excerpted offline, not written by a language model: every quotation below stands in the material, "
    "and nothing was added.",
}
_NO_MATCH: dict[Language, str] = {
    "zh": "（按关键词没有找到属于本节的句子，下面是材料中的其他句子。）",
    "en": "(No sentence for this section was found by keyword; these are other sentences of the material.)",
}

# Words of a heading, and the words of sentences that may belong under it. The first row that fits counts.
_TOPICS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("为什么", "意义", "why"),
        ("因为", "所以", "为了", "重要", "作用", "帮助", "意义", "because", "important", "so that"),
    ),
    (
        ("误区", "易错", "注意", "mistake", "pitfall"),
        ("误", "错", "注意", "不是", "并非", "不能", "混淆", "not ", "mistake"),
    ),
    (("例", "example"), ("例如", "比如", "例", "譬如", "for example", "e.g.", "such as")),
    (("相关", "资料", "related"), ("[[", "http", "参见", "参考", "see also")),
)


def page_of_excerpts(material: str, sections: Sequence[str]) -> str:
    """Write the page; empty when the material has no sentence. Sentences are shared out once while they last."""
    sentences = sentences_of(material)
    if not sentences:
        return ""
    language = language_of(material)
    shares = _shared_out(sentences, terms_of(material), sections or ("",))
    lines = [_LABEL[language]]
    for section, (chosen, matches) in zip(sections or ("",), shares, strict=True):
        heading = section.lstrip("# ").strip()
        lines += ["", f"## {heading}"] if heading else []
        lines += [] if matches else ["", _NO_MATCH[language]]
        for sentence in chosen:
            lines += ["", "> " + excerpt_of(sentence, SENTENCE_LIMIT)]
    return "\n".join(lines) + "\n"


def _shared_out(
    sentences: Sequence[str], terms: Sequence[str], sections: Sequence[str]
) -> list[tuple[list[str], bool]]:
    """Choose for each section its sentences, and tell whether that section could be looked for by keyword."""
    room = PAGE_LIMIT // len(sections)
    left = list(sentences)
    shares: dict[int, list[str]] = {}
    for place, section in enumerate(sections):
        shares[place] = _within(_fitting(left, section), room)
        left = [sentence for sentence in left if sentence not in shares[place]]
    ranked = sorted(left, key=lambda sentence: -sum(term in sentence for term in terms))
    # Sections that no keyword speaks for come first: what is weightiest belongs to them.
    empty = sorted((place for place in shares if not shares[place]), key=lambda place: bool(_keywords(sections[place])))
    missed = {place for place in empty if _keywords(sections[place])}
    for place in empty:
        shares[place] = _within(ranked, room) or [sentences[place % len(sentences)]]
        ranked = [sentence for sentence in ranked if sentence not in shares[place]]
    return [(sorted(shares[place], key=sentences.index), place not in missed) for place in range(len(sections))]


def _fitting(sentences: Sequence[str], section: str) -> list[str]:
    return [sentence for sentence in sentences if any(word in sentence.lower() for word in _keywords(section))]


def _keywords(section: str) -> tuple[str, ...]:
    lowered = section.lower()
    return next((words for marks, words in _TOPICS if any(mark in lowered for mark in marks)), ())


def _within(sentences: Sequence[str], room: int) -> list[str]:
    """Take sentences from the front while they fit, one at least."""
    chosen: list[str] = []
    for sentence in sentences:
        size = min(len(sentence), SENTENCE_LIMIT)
        if chosen and size > room:
            break
        chosen.append(sentence)
        room -= size
    return chosen
