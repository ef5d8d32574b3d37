"""Expressions over results: values out, never more than the author wrote."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from parallel_agents.pipelines.expressions import (
    ExpressionError,
    evaluate,
    names_in,
    names_in_template,
    rendered,
)

SCORE = {"pass": False, "breakdown": {"accuracy": 20, "imagery": 8, "completeness": 8, "originality": 19}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("score.pass", False),
        ('score["pass"]', False),
        ("score.breakdown | weakest", "imagery"),
        ('not score.pass and (score.breakdown | weakest) == "imagery"', True),
        ("score.breakdown.values() | sum", 55),
        ("items.items", [1, 2]),
        ("items.items | map('string') | map('upper')", ["1", "2"]),
        ("nothing and nothing.pass", None),
        ("range(3)", [0, 1, 2]),
        ("'逆否' in text", True),
    ],
)
def test_an_expression_gives_a_plain_value(expression: str, value: object) -> None:
    names = {"score": SCORE, "items": {"items": [1, 2]}, "nothing": None, "text": "逆否命题"}
    found = evaluate(expression, names)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("score.passed", "no attribute 'passed'"),
        ("other", "'other' is undefined"),
        ("[other]", "'other' is undefined"),
        ("score |", "is not well-formed"),
        ("score | random", "No filter named 'random'"),
        ("score.keys", "no value"),
        ("score.__class__", "unsafe"),
        ("score.update({'pass': true})", "'update' of 'dict' object is unsafe"),
        ("score.breakdown.accuracy | weakest", "needs a mapping of numbers"),
        ("{} | weakest", "needs a mapping of numbers"),
        ("{'a': true} | weakest", "'a' is True"),
        ("other | weakest", "'other' is undefined"),
        ("lipsum()", "'lipsum' is undefined"),
        ("'x' * 1000000000", "longer than"),
        ("1000000000 * [1]", "longer than"),
        ("9 ** 999999", "numbers up to 64"),
        ("range(1000000)", "Range too big"),
        ("1e308 * 10", "inf"),
        ("1 / 0", "division by zero"),
    ],
)
def test_what_gives_no_value_is_refused_with_its_reason(expression: str, problem: str) -> None:
    with pytest.raises(ExpressionError, match="expression") as caught:
        evaluate(expression, {"score": SCORE})
    assert problem in caught.value.problem
    assert caught.value.expression == expression


def test_a_text_that_is_one_expression_gives_the_value_and_any_other_text_is_filled_in() -> None:
    names = {"source": {"topic": "命题", "level": 3, "tags": ["a", "b"], "nothing": None}}
    given: dict[str, Any] = {
        "number": "{{ source.level }}",
        "list": "{{ source.tags }}",
        "text": "{{ source.topic }}：{{ source.level }}\n",
        "empty": "[{{ source.nothing }}]",
        "nothing": "{{ source.nothing }}",
        "two": "{{ source.level }}{{ source.level }}",
        "spaced": " {{ source.level }}",
        "braces": "{{ {'a': {'b': source.level}} }}",
        "loop": "{% for tag in source.tags %}[{{ tag }}]{% endfor %}",
        "literal": ["plain", 4, None, {"deep": "{{ source.tags[1] }}"}],
    }
    assert rendered(given, names) == {
        "number": 3,
        "list": ["a", "b"],
        "text": "命题：3\n",
        "empty": "[]",
        "nothing": None,
        "two": "33",
        "spaced": " 3",
        "braces": {"a": {"b": 3}},
        "loop": "[a][b]",
        "literal": ["plain", 4, None, {"deep": "b"}],
    }


def test_what_a_note_says_is_never_read_as_an_expression() -> None:
    note = "{{ 7 * 7 }} {% for x in range(9) %}x{% endfor %} {{ secret }}"
    names = {"source": {"text": note}, "secret": "key"}
    assert rendered("{{ source.text }}", names) == note
    assert rendered("Note: {{ source.text }}", names) == f"Note: {note}"
    assert evaluate("source.text", names) == note
    assert evaluate("'<b>' ~ source.text | escape", names).startswith("&lt;b&gt;" + "{{") is False


def test_a_text_that_grows_beyond_a_megabyte_is_refused() -> None:
    names = {"source": {"text": "x" * 1000}}
    with pytest.raises(ExpressionError, match="more than 1048576 characters"):
        rendered("{% for n in range(2000) %}{{ source.text }}{% endfor %}", names)
    with pytest.raises(ExpressionError, match="'absent'"):
        rendered("{{ source.absent }}.", names)


def test_an_expression_leaves_the_values_that_it_was_given_as_they_are() -> None:
    names = {"score": {"list": [3, 1, 2]}}
    assert evaluate("score.list | sort", names) == [1, 2, 3]
    with pytest.raises(ExpressionError):
        evaluate("score.list.append(4)", names)
    assert names == {"score": {"list": [3, 1, 2]}}


def test_the_names_that_an_expression_uses_are_known_before_it_runs() -> None:
    assert names_in("not score.pass and item.type != source.kind") == {"score", "item", "source"}
    assert names_in("range(3) | map('string')") == frozenset()
    assert names_in_template("plain") == frozenset()
    assert names_in_template("{{ a.b }}") == {"a"}
    assert names_in_template("{% for x in a %}{{ x }}{{ b }}{% endfor %}") == {"a", "b"}
    with pytest.raises(ExpressionError, match="takes in another template"):
        names_in_template("{% include 'other' %}")
    with pytest.raises(ExpressionError, match="not well-formed"):
        names_in("a }} {{ b")


def test_whoever_names_the_package_does_not_load_jinja() -> None:
    program = (
        "import sys, parallel_agents.pipelines.expressions, parallel_agents.pipelines.reading; "
        "print('jinja2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "False"
