from __future__ import annotations

import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.fingerprint import Asking, Fingerprints, batch_digest

ASKING = Asking(
    prompts=1,
    target="module:run",
    spec="# Explain",
    code=None,
    model="openai:m",
    place="openai:m at 127.0.0.1:80/v1",
    temperature=None,
    max_tokens=None,
)
OTHERS: list[dict[str, Any]] = [
    {"prompts": 2},
    {"target": "module:walk"},
    {"spec": "# Explain."},
    {"spec": None},
    {"code": "ab"},
    {"model": "openai:n"},
    {"place": "openai:m"},
    {"temperature": 0.0},
    {"max_tokens": 9},
    {"fallback": "openai:n"},
]
values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
inputs = st.dictionaries(st.text(max_size=4), values, max_size=4)


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: next(iter(other)))
def test_whatever_an_answer_depends_on_makes_another_fingerprint(other: dict[str, Any]) -> None:
    changed = Fingerprints(msgspec.structs.replace(ASKING, **other))
    assert changed.of({"a": 1}) != Fingerprints(ASKING).of({"a": 1})


@given(inputs, inputs)
def test_two_inputs_have_one_fingerprint_only_where_they_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    fingerprints = Fingerprints(ASKING)
    # As JSON has them: to Python, True is 1.
    is_same = msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")
    assert (fingerprints.of(one) == fingerprints.of(other)) == is_same


def test_the_order_of_keys_makes_no_difference_and_the_form_of_a_text_does() -> None:
    of = Fingerprints(ASKING).of
    assert of({"a": {"b": 1, "c": 2}, "d": 3}) == of({"d": 3, "a": {"c": 2, "b": 1}})
    assert of({"a": unicodedata.normalize("NFC", "é")}) != of({"a": unicodedata.normalize("NFD", "é")})


def test_fields_that_are_not_sent_make_no_difference() -> None:
    of = Fingerprints(msgspec.structs.replace(ASKING, fields=("one", "two"))).of
    assert of({"one": 1, "line": 7}) == of({"one": 1})
    assert of({"one": 1, "two": None}) != of({"one": 1})


def test_a_batch_is_known_by_its_parts_in_their_order() -> None:
    assert batch_digest([["a"], {"b": 1, "c": 2}]) == batch_digest([["a"], {"c": 2, "b": 1}])
    assert len({batch_digest(parts) for parts in (["a", "b"], ["b", "a"], ["ab"], ["a"], [])}) == 5
