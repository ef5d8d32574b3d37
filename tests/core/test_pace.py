from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.pace import Pace


def test_nothing_is_estimated_before_a_task_was_seen_from_start_to_end() -> None:
    pace = Pace()
    assert pace.left_s(10, 0.0) is None
    pace.started("a", 0.0)
    assert pace.left_s(10, 5.0) is None
    pace.ended("unseen", 6.0, settled=True)
    assert pace.left_s(10, 6.0) is None
    pace.ended("a", 8.0, settled=False)
    assert pace.left_s(10, 8.0) is None


def test_one_after_the_other_takes_the_mean_duration_for_each_task_left() -> None:
    pace = Pace()
    for number, (start, end) in enumerate([(0.0, 2.0), (2.0, 6.0)]):
        pace.started(f"{number}", start)
        pace.ended(f"{number}", end, settled=True)
    assert pace.left_s(5, 6.0) == pytest.approx(5 * 3.0)
    assert pace.left_s(0, 6.0) == 0.0


def test_the_concurrency_is_the_one_observed_and_what_runs_is_partly_done() -> None:
    pace = Pace()
    for name in "abcd":
        pace.started(name, 0.0)
    for name in "abcd":
        pace.ended(name, 10.0, settled=True)
    assert pace.left_s(8, 10.0) == pytest.approx(8 * 10.0 / 4)
    for name in "efgh":
        pace.started(name, 10.0)
    assert pace.left_s(8, 15.0) == pytest.approx((8 * 10.0 - 4 * 5.0) / 4)


def test_attempts_that_are_tried_again_count_into_what_a_task_takes() -> None:
    pace = Pace()
    pace.started("a", 0.0)
    pace.ended("a", 2.0, settled=False)
    pace.started("a", 2.0)
    pace.ended("a", 4.0, settled=True)
    assert pace.attempts == 2
    assert pace.left_s(3, 4.0) == pytest.approx(3 * 4.0)


def test_no_more_run_at_once_than_are_left() -> None:
    pace = Pace()
    for name in "abcd":
        pace.started(name, 0.0)
    for name in "abc":
        pace.ended(name, 10.0, settled=True)
    assert pace.left_s(1, 10.0) == pytest.approx(0.0)
    assert pace.left_s(2, 10.0) == pytest.approx((2 * 10.0 - 10.0) / 2)


def test_durations_too_short_to_divide_by_are_no_fault() -> None:
    pace = Pace()
    pace.started("a", 0.0)
    pace.ended("a", 5e-324, settled=True)
    assert pace.left_s(1, 2.0) == pytest.approx(2.0)


@given(
    durations=st.lists(st.just(0.0) | st.floats(1e-3, 1e4), min_size=1, max_size=20),
    at_once=st.integers(1, 8),
    remaining=st.integers(0, 1000),
    later=st.floats(0.0, 1e5),
)
def test_an_estimate_is_never_negative_and_grows_with_what_is_left(
    durations: list[float], at_once: int, remaining: int, later: float
) -> None:
    pace = Pace()
    now = 0.0
    for batch in range(0, len(durations), at_once):
        group = dict(enumerate(durations[batch : batch + at_once], batch))
        for number in group:
            pace.started(f"{number}", now)
        for number, length in sorted(group.items(), key=lambda item: item[1]):
            pace.ended(f"{number}", now + length, settled=True)
        now += max(group.values())
    few, many = pace.left_s(remaining, now + later), pace.left_s(remaining + 1, now + later)
    assert few is not None
    assert many is not None
    assert 0.0 <= few <= many * 1.000001
