"""Buckets: never more than was agreed, nobody left waiting, and what a provider says is taken at its word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.rates import Meter, Quota, TokenBucket

amounts = st.lists(st.floats(0.1, 300), min_size=1, max_size=12)
pauses = st.lists(st.floats(0, 30), min_size=12, max_size=12)


@given(st.floats(0.1, 50), st.floats(1, 100), amounts, pauses)
def test_no_span_of_time_sees_more_than_capacity_and_what_flowed_in(
    per_s: float, capacity: float, wanted: list[float], later: list[float]
) -> None:
    bucket, at, taken = TokenBucket(per_s=per_s, capacity=capacity, at=0.0), 0.0, list[tuple[float, float]]()
    for amount, pause in zip(wanted, later, strict=False):
        at += pause
        at += bucket.delay_s(amount, at)
        bucket.take(amount, at)
        taken.append((at, amount))
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            # What is bigger than the bucket goes into debt for the rest, and only the last one's is still open.
            debt = max(0.0, taken[last][1] - capacity)
            total = sum(amount for _, amount in taken[first : last + 1])
            flowed = per_s * (taken[last][0] - taken[first][0])
            assert total <= capacity + flowed + debt + 1e-6 * (capacity + flowed)


@given(st.floats(0.1, 50), st.floats(1, 100), amounts)
def test_everybody_gets_through_in_the_time_that_the_rate_allows(
    per_s: float, capacity: float, wanted: list[float]
) -> None:
    bucket, at = TokenBucket(per_s=per_s, capacity=capacity, at=0.0), 0.0
    for amount in wanted:
        at += bucket.delay_s(amount, at)
        bucket.take(amount, at)
    assert at <= sum(wanted) / per_s + 1e-6


def test_what_is_bigger_than_the_bucket_waits_until_it_is_full_and_then_goes_into_debt() -> None:
    bucket = TokenBucket(per_s=1, capacity=10, at=0)
    bucket.take(4, 0)
    assert bucket.delay_s(25, 0) == pytest.approx(4)
    bucket.take(25, 4)
    assert bucket.level(4) == pytest.approx(-15)
    assert bucket.delay_s(1, 4) == pytest.approx(16)


def test_an_estimate_is_settled_to_what_it_was() -> None:
    meter = Meter(600, burst_s=10, at=0)
    meter.take(90, 0)
    meter.settle(90, 40, 0)
    assert meter.ready(0) == pytest.approx(60)


def test_a_limit_is_learnt_from_an_answer_and_one_left_for_those_that_swap_places() -> None:
    meter = Meter(None, burst_s=1, at=0)
    assert meter.ready(0) == float("inf")
    taken = meter.take(1, 0)
    meter.heard(Quota(limit=1200, remaining=19, reset_s=0.05), sent_at=0, taken=taken, at=0.2)
    assert meter.per_minute == 1200
    assert meter.ready(0.2) == pytest.approx(18)
    assert meter.ready(60) == pytest.approx(19)


def test_what_was_sent_since_is_not_in_an_answer() -> None:
    meter = Meter(None, burst_s=1, at=0)
    taken = meter.take(1, 0)
    for _ in range(6):
        meter.take(1, 0)
    meter.heard(Quota(limit=60, remaining=9, reset_s=1), sent_at=0, taken=taken, at=0)
    assert meter.ready(0) == pytest.approx(2)


def test_an_answer_that_was_overtaken_is_no_news() -> None:
    meter = Meter(None, burst_s=1, at=0)
    first = meter.take(1, 0)
    second = meter.take(1, 1)
    meter.heard(Quota(limit=60, remaining=10, reset_s=1), sent_at=1, taken=second, at=2)
    before = meter.ready(2)
    meter.heard(Quota(limit=60, remaining=0, reset_s=60), sent_at=0, taken=first, at=2)
    assert meter.ready(2) == before


def test_a_configured_limit_wins_where_it_is_lower() -> None:
    meter = Meter(60, burst_s=1, at=0)
    taken = meter.take(1, 0)
    meter.heard(Quota(limit=6000, remaining=5999, reset_s=0.01), sent_at=0, taken=taken, at=0)
    assert meter.per_minute == 60
    assert meter.delay_s(1, 0) == pytest.approx(1)
    meter.heard(Quota(limit=30, remaining=29, reset_s=2), sent_at=1, taken=taken, at=1)
    assert meter.per_minute == 30


def test_a_limit_of_a_day_is_not_taken_for_one_of_a_minute() -> None:
    quota = Quota(limit=14_400, remaining=14_370, reset_s=179.56)
    assert quota.per_s == pytest.approx(14_400 / 86_400, rel=0.01)
