from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.concepts import Shape, digest_of, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("逆否命题的定义是什么", "什么是逆否命题的定义？"),
        ("**[对比型]** A 和 B 有什么区别？", "A与B之间有什么区别"),
        ("ｐ→ｑ 是什么", "p→q 是什么"),
        ("What is the determinant of a matrix?", "what's a matrix's determinant"),
    ],
)
def test_what_is_asked_in_another_way_is_the_same_concept(one: str, other: str) -> None:
    assert words_of(one) == words_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("充分条件", "必要条件"),
        ("命题的否定", "否命题"),
        ("原命题与逆否命题等价", "逆命题与否命题等价"),
        ("p 与 q 的真值表", "p 或 q 的真值表"),
        ("被除数是什么", "除数是什么"),
        ("什么是能力", "什么是力"),
        ("有理数是什么", "理数是什么"),
        ("集合 A 是什么", "集合 B 是什么"),
        ("Is p and q true?", "Is p or q true?"),
        ("为什么？", "什么？"),
    ],
)
def test_different_concepts_stay_different(one: str, other: str) -> None:
    assert words_of(one) != words_of(other)
    assert digest_of(words_of(one)) != digest_of(words_of(other))


@given(st.text())
def test_every_text_has_a_concept_that_its_case_and_marks_do_not_change(text: str) -> None:
    words = words_of(text)
    assert words_of(f"{text} ？!".upper()) == words or not text.isascii()
    assert 0 <= digest_of(words) < 2**63
    if text.isascii():
        assert bool(words) == any(character.isalnum() for character in text)


@given(st.text(), st.text())
def test_likeness_is_a_share_and_the_same_from_both_sides(one: str, other: str) -> None:
    found = Shape(one).likeness(Shape(other))
    assert 0 <= found <= 1
    assert found == Shape(other).likeness(Shape(one))
    assert Shape(one).likeness(Shape(other), least=0.9) == (found if found >= 0.9 else 0.0) or found < 0.9
