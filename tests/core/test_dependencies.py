from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.errors import TaskError
from parallel_agents.core.submission import parse_task, parse_tasks


def batch(depends_on: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    return [
        {"agent_name": "echo", "input_data": {}, "task_id": name, "depends_on": names}
        for name, names in depends_on.items()
    ]


@pytest.mark.parametrize(
    ("depends_on", "position", "words"),
    [
        ({"a": ["a"]}, 0, "'a' depends on itself"),
        ({"a": ["b"], "b": ["a"]}, 0, "in a circle: 'a' → 'b' → 'a'"),
        ({"x": [], "a": ["x", "b"], "b": ["c"], "c": ["a"]}, 1, "in a circle: 'a' → 'b' → 'c' → 'a'"),
        ({"start": ["a"], "a": ["b"], "b": ["a"]}, 1, "in a circle: 'a' → 'b' → 'a'"),
        ({"step-one": [], "b": ["step-on"]}, 1, "'step-on' is no task of this batch. Did you mean 'step-one'?"),
    ],
)
def test_what_could_never_run_is_refused_and_named(
    depends_on: Mapping[str, list[str]], position: int, words: str
) -> None:
    with pytest.raises(TaskError) as raised:
        parse_tasks(batch(depends_on), [f"tasks.jsonl:{line}" for line in range(1, len(depends_on) + 1)])

    assert words in str(raised.value)
    assert (raised.value.position, raised.value.key) == (position, "depends_on")
    assert f"tasks.jsonl:{position + 1}" in str(raised.value)


def test_tasks_without_names_cannot_be_depended_on_and_the_message_says_so() -> None:
    with pytest.raises(TaskError, match="A task that others depend on needs a task_id"):
        parse_tasks([{"agent_name": "echo", "input_data": {}, "depends_on": ["a"]}])


def test_a_text_is_not_taken_for_a_list_of_ids() -> None:
    with pytest.raises(TaskError, match="depends_on"):
        parse_tasks([{"agent_name": "echo", "input_data": {}, "depends_on": "a"}])


def test_a_task_that_comes_in_alone_cannot_depend_on_itself() -> None:
    with pytest.raises(TaskError, match="depends on itself"):
        parse_task({"agent_name": "echo", "input_data": {}, "task_id": "a", "depends_on": ["a"]}, 0, "")


def test_a_chain_as_long_as_a_large_batch_is_no_circle() -> None:
    length = 20_000
    chain = {f"t{number}": [f"t{number + 1}"] for number in range(length)} | {f"t{length}": []}

    assert len(parse_tasks(batch(chain))) == length + 1
    with pytest.raises(TaskError, match=r"'t0' → 't1' → .* → … → 't0'"):
        parse_tasks(batch(chain | {f"t{length}": ["t0"]}))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_a_batch_is_refused_exactly_when_no_order_of_its_tasks_fits(edges: list[tuple[int, int]]) -> None:
    depends_on: dict[str, list[str]] = {str(number): [] for number in range(8)}
    for one, other in edges:
        depends_on[str(one)].append(str(other))
    left = {name: set(names) for name, names in depends_on.items()}
    while free := [name for name, names in left.items() if not names & left.keys()]:
        for name in free:
            del left[name]

    try:
        parse_tasks(batch(depends_on))
    except TaskError:
        assert left
    else:
        assert not left
