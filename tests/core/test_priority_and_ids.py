"""Priority levels and ids."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.ids import Kind, derived_id, new_id
from parallel_agents.core.priority import rank_of

LEVELS = ("urgent", "high", "normal", "low")
KINDS: list[Kind] = ["exec", "session", "task", "ctx", "cmd"]
parts = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=1, max_size=4)


@pytest.mark.parametrize(("priority", "rank"), [*zip(LEVELS, range(4), strict=True), ("medium", 2), (None, 2)])
def test_a_level_ranks_by_its_place(priority: str | None, rank: int) -> None:
    assert rank_of(priority, LEVELS) == rank


def test_a_level_of_the_configurations_own_goes_before_an_alias() -> None:
    assert rank_of("medium", ("normal", "medium")) == 1


@pytest.mark.parametrize(("levels", "rank"), [(("a",), 0), (("a", "b"), 1), (("a", "b", "c"), 1), (("b", "normal"), 1)])
def test_without_a_priority_it_is_normal_or_else_the_middle_level(levels: tuple[str, ...], rank: int) -> None:
    assert rank_of(None, levels) == rank


@pytest.mark.parametrize(("priority", "levels"), [("critical", LEVELS), ("medium", ("high", "low")), ("", LEVELS)])
def test_an_unknown_level_is_refused_with_those_there_are(priority: str, levels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"priority {priority!r} is not one of {', '.join(levels)}"):
        rank_of(priority, levels)


@given(st.sampled_from(KINDS), st.binary(min_size=8, max_size=8))
def test_an_id_is_its_kind_and_sixteen_hexadecimal_characters(kind: Kind, random_bytes: bytes) -> None:
    made = new_id(kind, random_bytes)
    assert re.fullmatch(rf"{kind}-[0-9a-f]{{16}}", made)
    assert bytes.fromhex(made.partition("-")[2]) == random_bytes


@pytest.mark.parametrize("length", [0, 7, 9])
def test_an_id_takes_exactly_eight_random_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=f"not {length}"):
        new_id("task", bytes(length))


@given(st.sampled_from(KINDS), parts, parts)
def test_a_derived_id_belongs_to_its_parts(kind: Kind, one: list[str], other: list[str]) -> None:
    assert re.fullmatch(rf"{kind}-[0-9a-f]{{16}}", derived_id(kind, *one))
    assert (derived_id(kind, *one) == derived_id(kind, *other)) == (one == other)
