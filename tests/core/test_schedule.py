"""How long tasks take together, on a clock of the schedule's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.schedule import Job, LaneLimits, Slots, makespan_s

TIMES = st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=40)


def jobs(*busy_s: float, **others: object) -> list[Job]:
    return [Job(busy_s=one, agent="a", lane="l", **others) for one in busy_s]  # pyright: ignore[reportArgumentType]


def test_four_tasks_in_two_slots_take_two_rounds() -> None:
    assert makespan_s(jobs(3, 3, 3, 3), Slots(at_once=2)) == 6


def test_a_slot_that_is_free_early_is_used_early() -> None:
    assert makespan_s(jobs(5, 1, 1, 1, 1), Slots(at_once=2)) == 5


def test_an_agent_s_own_limit_holds_back_its_tasks() -> None:
    assert makespan_s(jobs(2, 2, 2), Slots(at_once=8, by_agent={"a": 1})) == 6


def test_a_lane_s_limit_at_once_holds_back_its_tasks() -> None:
    assert makespan_s(jobs(2, 2, 2), Slots(at_once=8, lanes={"l": LaneLimits(at_once=1)})) == 6


def test_sixty_requests_a_minute_are_one_a_second_from_the_start() -> None:
    slots = Slots(at_once=100, lanes={"l": LaneLimits(requests_per_minute=60)})
    assert makespan_s(jobs(*[0.5] * 11), slots) == pytest.approx(10.5)


def test_more_requests_than_a_second_holds_go_at_once_at_the_start() -> None:
    slots = Slots(at_once=1000, lanes={"l": LaneLimits(requests_per_minute=600)})
    assert makespan_s(jobs(*[0.0] * 30), slots) == pytest.approx(2.0)


def test_tokens_of_a_minute_hold_back_what_would_use_more() -> None:
    slots = Slots(at_once=100, lanes={"l": LaneLimits(input_tokens_per_minute=600)})
    # The bucket holds 100 tokens: the first goes at once, each later one has to wait for 100 more, 10 s.
    assert makespan_s(jobs(0, 0, 0, input_tokens=100), slots) == pytest.approx(20)


def test_a_request_larger_than_the_bucket_goes_when_that_is_full_and_leaves_a_debt() -> None:
    slots = Slots(at_once=100, lanes={"l": LaneLimits(output_tokens_per_minute=60)})
    assert makespan_s(jobs(0, output_tokens=1000), slots) == 0
    assert makespan_s(jobs(0, 0, output_tokens=1000), slots) == pytest.approx(1000)


@given(TIMES, st.integers(min_value=1, max_value=9))
def test_a_schedule_is_no_shorter_than_the_work_and_no_longer_than_all_of_it_in_a_row(
    busy: list[float], at_once: int
) -> None:
    span = makespan_s(jobs(*busy), Slots(at_once=at_once))
    assert max(max(busy), sum(busy) / at_once) - 1e-9 <= span <= sum(busy) + 1e-9
    assert span <= sum(busy) / at_once + max(busy) + 1e-9
