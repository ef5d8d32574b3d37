"""Questions about a text that only ask: every term and every quotation in them stands in the text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from parallel_agents.models.extraction import Language, excerpt_of, language_of, sentences_of, terms_of

HINT_PREFIX = "💡 提示："
EXCERPT_LIMIT = 80
_SAYS_SOMETHING = 4

# What is asked, by the type's own word. {x} and {y} are key terms, {q} is a quotation.
_TEMPLATES: dict[Language, dict[str, tuple[str, ...]]] = {
    "zh": {
        "定义型": ("「{x}」的定义是什么？", "如何用自己的话说明「{x}」？"),
        "实例型": ("你能举一个「{x}」的具体例子吗？", "材料中的哪些内容可以作为「{x}」的例子？"),
        "对比型": ("「{x}」与「{y}」有什么区别和联系？",),
        "探索型": ("如果改变「{x}」的条件，「{q}」还成立吗？", "关于「{x}」，还可以追问什么？"),
        "原因型": ("为什么说「{q}」？", "「{x}」为什么重要？"),
        "应用型": ("怎样用「{x}」解决一个具体问题？", "「{q}」可以用在什么地方？"),
        "边界型": ("「{x}」在什么情况下不成立或不适用？", "「{q}」有没有例外？"),
        "推理型": ("从「{q}」可以推出什么？",),
        "检验型": ("怎样检验自己理解了「{x}」？",),
    },
    "en": {
        "定义型": ('What is the definition of "{x}"?', 'How would you explain "{x}" in your own words?'),
        "实例型": ('Can you give a concrete example of "{x}"?', 'What in the material is an example of "{x}"?'),
        "对比型": ('How do "{x}" and "{y}" differ, and how are they related?',),
        "探索型": (
            'If the conditions of "{x}" changed, would "{q}" still hold?',
            'What else is worth asking about "{x}"?',
        ),
        "原因型": ('Why does the material say "{q}"?', 'Why does "{x}" matter?'),
        "应用型": ('How would you use "{x}" to solve a concrete problem?', 'Where could "{q}" be applied?'),
        "边界型": ('When does "{x}" not hold or not apply?', 'Are there exceptions to "{q}"?'),
        "推理型": ('What follows from "{q}"?',),
        "检验型": ('How could you check that you understand "{x}"?',),
    },
}
_ANY_TYPE: dict[Language, tuple[str, ...]] = {
    "zh": ("从{t}的角度看，「{q}」说明了什么？", "从{t}的角度看，「{x}」有什么值得注意的地方？"),
    "en": ('Seen as {t}, what does "{q}" tell?', 'Seen as {t}, what is notable about "{x}"?'),
}
_HINT: dict[Language, str] = {"zh": "材料中写道「{q}」", "en": 'the material says "{q}"'}


class QuestionSchema(msgspec.Struct, frozen=True, kw_only=True):
    """What a contract allows: how many questions, which types and difficulties; None is no upper limit.

    `keys` are those that a question has.
    """

    least: int
    most: int | None
    types: tuple[str, ...]
    difficulties: tuple[str, ...]
    keys: tuple[str, ...]


class Question(msgspec.Struct, frozen=True):
    """One question as the contract wants it."""

    text: str
    type: str
    difficulty: str
    guidance: str


class _Anchor(msgspec.Struct, frozen=True):
    term: str
    other: str | None
    sentence: str


def questions_about(material: str, schema: QuestionSchema) -> list[Question]:
    """Ask about a text: as many questions as it has key terms or sentences, within the schema's limits.

    The types take turns. Returns fewer than `schema.least` when the text does not give as many different questions.
    """
    language = language_of(material)
    anchors = _anchors(material)
    if not anchors:
        return []
    wanted = max(schema.least, len(anchors), len(sentences_of(material)))
    if schema.most is not None:
        wanted = min(wanted, schema.most)
    asked: dict[str, Question] = {}
    for kind, text, anchor in _candidates(anchors, schema.types, language):
        if len(asked) == wanted:
            break
        if text not in asked:
            hint = HINT_PREFIX + _HINT[language].format(q=_quoted(anchor))
            difficulty = schema.difficulties[len(asked) % len(schema.difficulties)]
            asked[text] = Question(text, kind, difficulty, hint)
    return list(asked.values())


def _anchors(material: str) -> list[_Anchor]:
    """Pair every key term with a sentence that says something of it; without terms, sentences stand for themselves."""
    sentences = sentences_of(material)
    used: set[str] = set()
    pairs: list[tuple[str, str]] = []
    for term in terms_of(material):
        held = [line for line in sentences if term in line]
        if held:
            line = min(held, key=lambda line: (len(line) < len(term) + _SAYS_SOMETHING, line in used))
            used.add(line)
            pairs.append((term, line))
    if not pairs:
        pairs = [(excerpt_of(line, EXCERPT_LIMIT // 2), line) for line in sentences]
    ring = [term for term, _ in pairs]
    return [
        _Anchor(term, ring[(place + 1) % len(ring)] if len(ring) > 1 else None, line)
        for place, (term, line) in enumerate(pairs)
    ]


def _candidates(
    anchors: Sequence[_Anchor], types: Sequence[str], language: Language
) -> Iterator[tuple[str, str, _Anchor]]:
    """Yield type, text and anchor until every combination was there; types and anchors take turns all along."""
    plans = {kind: _TEMPLATES[language].get(kind, ()) + _ANY_TYPE[language] for kind in types}
    turns = range(max(len(plan) for plan in plans.values()))
    places = range(max(len(anchors), len(types)))
    for turn, shift, place in itertools.product(turns, range(len(anchors)), places):
        kind, anchor = types[place % len(types)], anchors[(place + shift) % len(anchors)]
        fitting = [template for template in plans[kind] if "{y}" not in template or anchor.other is not None]
        if turn < len(fitting):
            yield kind, fitting[turn].format(x=anchor.term, y=anchor.other, q=_quoted(anchor), t=kind), anchor


def _quoted(anchor: _Anchor) -> str:
    return excerpt_of(anchor.sentence, EXCERPT_LIMIT).rstrip("。.；;，,") or anchor.term
