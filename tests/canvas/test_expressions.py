"""The grammar of `--select`: what binds how, and errors that name their column."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.canvas.expressions import All, Expression, Not, Some, Term, parse, terms_of
from parallel_agents.core.errors import InputError


def shown(expression: Expression) -> str:
    match expression:
        case Term():
            return expression.text
        case Not():
            return f"!{shown(expression.part)}"
        case All():
            return f"[{' & '.join(map(shown, expression.parts))}]"
        case Some():
            return f"[{' | '.join(map(shown, expression.parts))}]"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("red", "red"),
        ("red,yellow", "[red | yellow]"),
        (" red ， yellow ,", "[red | yellow]"),
        ("red or yellow and filled", "[red | [yellow & filled]]"),
        ("red, yellow and filled", "[red | [yellow & filled]]"),
        ("(red or yellow) and not filled", "[[red | yellow] & !filled]"),
        ("not not red", "red"),
        ("not (a, b)", "![a | b]"),
        ("NOT a And b", "[!a & b]"),
        ("非 a 且 b 或 c", "[[!a & b] | c]"),
        ("#a020f0 or 6", "[#a020f0 | 6]"),
        ("group:命题逻辑 and filled", "[group:命题逻辑 & filled]"),
        ('group:"Linear maps (2)"', "group:Linear maps (2)"),
        ('text:"say \\"no\\""', 'text:say "no"'),
        ("text:/a b|c\\/(d)/ and red", "[text:/a b|c\\/(d)/ & red]"),
        ("text:a/b", "text:a/b"),
        ("组：命题", "组:命题"),
        ('"and"', "and"),
        ("changed-since-last-run,unscored", "[changed-since-last-run | unscored]"),
        ("subtree:a:b", "subtree:a:b"),
        ("((a))", "a"),
        ("(,a,)", "a"),
    ],
)
def test_an_expression_means_what_one_would_expect(text: str, meant: str) -> None:
    assert shown(parse(text)) == meant


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "a term is missing here"),
        (" , ", 4, "a term is missing here"),
        ("red and", 8, "a term is missing here"),
        ("red or , blue", 8, "a term is missing here"),
        ("and red", 1, "a term is missing here"),
        ("red and )", 9, "a term is missing here"),
        ("red blue", 5, "and, or, or a comma has to stand before 'blue'"),
        ("red (blue)", 5, "has to stand before '('"),
        ("a or (b and (c)", 6, "this parenthesis is not closed"),
        ("a or b)", 7, "a closing parenthesis too many"),
        ("a or group:", 12, "group: needs a value"),
        ("group: a", 7, "group: needs a value"),
        ('a, text:"b', 9, "this quote is not closed"),
        ('"b', 1, "this quote is not closed"),
        (":a", 1, "a term does not begin with ':'"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_column(text: str, column: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert f"--select {text!r}, column {column}: " in str(caught.value)
    assert words in str(caught.value)


@given(st.text(alphabet='ab:(),"/\\ 且not#，', max_size=14))
def test_any_text_is_an_expression_or_an_input_error(text: str) -> None:
    columns = [len(text) + 1]
    try:
        columns += [term.column for term in terms_of(parse(text))]
    except InputError as error:
        columns += [int(re.findall(r", column (\d+): ", str(error))[0])]
    assert all(1 <= column <= len(text) + 1 for column in columns)
    assert len(columns) > 1


NAMES = st.sampled_from(["red", "filled", "group:x", 'text:"a b"'])
WRITTEN = st.recursive(
    NAMES,
    lambda inner: (
        inner.map(lambda one: f"not ({one})")
        | st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda made: f"({' '.join(made)})")
    ),
    max_leaves=6,
)


@given(WRITTEN)
def test_what_is_written_with_parentheses_is_read_with_every_term(text: str) -> None:
    expression = parse(text)
    assert len(list(terms_of(expression))) == text.count("red") + text.count("filled") + text.count("group:") + (
        text.count("text:")
    )
