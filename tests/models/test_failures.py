"""The classes of failures as a table, and how a pause is read."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.errors import (
    AttemptError,
    ItemError,
    LaneClosedError,
    OverloadedError,
    RateLimitedError,
    TransientError,
)
from parallel_agents.models.failures import classed, refusal_from, retry_after_s

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "", ItemError),
        (413, "", ItemError),
        (422, "", ItemError),
        (418, "", ItemError),
        (403, "content_filter", ItemError),
        (400, "billing_hard_limit_reached", LaneClosedError),
        (401, "", LaneClosedError),
        (402, "", LaneClosedError),
        (403, "", LaneClosedError),
        (404, "", LaneClosedError),
        (429, "insufficient_quota", LaneClosedError),
        (429, "rate_limit_exceeded", RateLimitedError),
        (408, "", TransientError),
        (409, "", TransientError),
        (500, "", TransientError),
        (503, "", TransientError),
        (529, "overloaded_error", TransientError),
    ],
)
def test_a_refusal_is_classed_once(status: int, code: str, kind: type[AttemptError]) -> None:
    body = {"error": {"message": "no", "type": code or None}}
    error = classed(refusal_from("lane", status, {"X-Request-Id": "req-1"}, body, ""), NOW)
    assert type(error) is kind
    assert f"HTTP {status}" in str(error)
    assert "req-1" in str(error)


def test_a_credit_that_is_used_up_closes_the_lane_though_it_comes_as_a_bad_request() -> None:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low."}}
    assert isinstance(classed(refusal_from("lane", 400, {}, body, ""), NOW), LaneClosedError)


@pytest.mark.parametrize("body", [None, "", "<html>bad gateway</html>", [1], {"error": "text"}, {"error": None}])
def test_any_body_can_be_classed(body: object) -> None:
    assert isinstance(classed(refusal_from("lane", 502, {}, body, ""), NOW), TransientError)


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_a_pause_is_read_in_every_form(headers: dict[str, str], pause_s: float | None) -> None:
    assert retry_after_s(headers, NOW) == pause_s


@given(st.text())
def test_no_header_breaks_the_reading(text: str) -> None:
    pause_s = retry_after_s({"retry-after": text}, NOW)
    assert pause_s is None or 0 <= pause_s < float("inf")


@pytest.mark.parametrize("status", [500, 503, 529])
def test_a_server_that_fails_may_ask_for_a_pause_too(status: int) -> None:
    error = classed(refusal_from("lane", status, {"Retry-After": "7"}, None, ""), NOW)
    assert isinstance(error, OverloadedError)
    assert error.retry_after_s == 7.0


def test_a_refusal_carries_what_the_provider_says_of_its_limits() -> None:
    headers = {"X-RateLimit-Limit-Requests": "60", "X-RateLimit-Remaining-Requests": "0"}
    error = classed(refusal_from("lane", 429, headers, None, ""), NOW)
    assert isinstance(error, RateLimitedError)
    assert error.limits is not None
    assert error.limits.is_used_up
