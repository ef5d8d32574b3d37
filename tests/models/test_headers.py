"""Rate-limit headers of every kind of provider, as they are documented, and nonsense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.rates import Limits, Quota
from parallel_agents.models.headers import limits_from, span_s

NOW = 1_800_000_000.0


def later(seconds: float) -> str:
    return (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("2m59.56s", 179.56),
        ("0s", 0.0),
        ("30", 30.0),
        ("", None),
        ("soon", None),
        ("1s later", None),
    ],
)
def test_a_span_is_read_in_every_form(text: str, seconds: float | None) -> None:
    assert span_s(text) == (None if seconds is None else pytest.approx(seconds))


def test_openais_headers_are_read() -> None:
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert limits_from(headers, NOW) == Limits(
        requests=Quota(limit=60, remaining=59, reset_s=1), tokens=Quota(limit=150000, remaining=149984, reset_s=360)
    )


def test_anthropics_input_and_output_are_not_mistaken_for_one_another() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": later(2),
        "anthropic-ratelimit-input-tokens-limit": "30000",
        "anthropic-ratelimit-input-tokens-remaining": "29000",
        "anthropic-ratelimit-input-tokens-reset": later(3),
        "anthropic-ratelimit-output-tokens-limit": "8000",
        "anthropic-ratelimit-output-tokens-remaining": "0",
        "anthropic-ratelimit-output-tokens-reset": later(60),
    }
    found = limits_from(headers, NOW)
    assert found is not None
    assert found.requests == Quota(limit=50, remaining=49, reset_s=2)
    assert found.input_tokens == Quota(limit=30000, remaining=29000, reset_s=3)
    assert found.output_tokens == Quota(limit=8000, remaining=0, reset_s=60)
    assert found.is_used_up


def test_the_headers_of_the_draft_are_read_with_their_window() -> None:
    headers = {"ratelimit-limit": "100, 100;w=10", "ratelimit-remaining": "50", "ratelimit-reset": "5"}
    found = limits_from(headers, NOW)
    assert found is not None
    assert found.requests == Quota(limit=100, remaining=50, reset_s=5, window_s=10)
    assert found.requests is not None
    assert found.requests.per_s == 10


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "text/plain"}, {"x-ratelimit-limit-requests": "many"}, {"ratelimit-limit": "0"}]
)
def test_without_a_limit_there_is_nothing_to_hold_to(headers: dict[str, str]) -> None:
    found = limits_from(headers, NOW)
    assert found is None or found.requests is None


@given(st.text(), st.text(), st.text())
def test_no_header_breaks_the_reading(limit: str, remaining: str, reset: str) -> None:
    for prefix in ("x-ratelimit-limit-requests", "anthropic-ratelimit-requests-limit", "ratelimit-limit"):
        headers = {
            prefix: limit,
            prefix.replace("limit-requests", "remaining-requests").replace("-limit", "-remaining"): remaining,
            prefix.replace("limit-requests", "reset-requests").replace("-limit", "-reset"): reset,
        }
        found = limits_from(headers, NOW)
        assert found is None or found.requests is None or found.requests.limit > 0
