"""What a provider says of its rate limits, in the headers of its answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from parallel_agents.core.rates import Limits, Quota

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s|d)")
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)")
_WINDOW = re.compile(r";\s*w=(\d+)")
Headers = Mapping[str, str]


def limits_from(headers: Headers, now: float) -> Limits | None:
    """Read the limits of one answer; None where it says nothing. `now` is seconds since the epoch.

    Knows `x-ratelimit-*` (OpenAI and those who speak its protocol), `anthropic-ratelimit-*`, and the `ratelimit-*`
    headers of the IETF's draft. Looking a name up must not depend on its case.
    """
    if "x-ratelimit-limit-requests" in headers or "x-ratelimit-limit-tokens" in headers:
        return Limits(requests=_openai(headers, "requests"), tokens=_openai(headers, "tokens"))
    if any(f"anthropic-ratelimit-{name}-limit" in headers for name in ("requests", "input-tokens", "tokens")):
        return Limits(
            requests=_anthropic(headers, "requests", now),
            input_tokens=_anthropic(headers, "input-tokens", now),
            output_tokens=_anthropic(headers, "output-tokens", now),
            tokens=_anthropic(headers, "tokens", now),
        )
    if "ratelimit-limit" in headers:
        return Limits(requests=_draft(headers))
    return None


def span_s(text: str) -> float | None:
    """Read a span such as `1s`, `6m0s`, `120ms` or `1h2m3.5s`, or plain seconds; None where it is none of these."""
    stripped = text.strip()
    found = _SPAN.findall(stripped)
    if found and "".join(number + unit for number, unit in found) == stripped:
        return sum(float(number) * _UNIT_S[unit] for number, unit in found)
    return _number(stripped) if _NUMBER.fullmatch(stripped) else None


def _openai(headers: Headers, what: str) -> Quota | None:
    return _quota(
        headers.get(f"x-ratelimit-limit-{what}"),
        headers.get(f"x-ratelimit-remaining-{what}"),
        headers.get(f"x-ratelimit-reset-{what}"),
        span_s,
    )


def _anthropic(headers: Headers, what: str, now: float) -> Quota | None:
    return _quota(
        headers.get(f"anthropic-ratelimit-{what}-limit"),
        headers.get(f"anthropic-ratelimit-{what}-remaining"),
        headers.get(f"anthropic-ratelimit-{what}-reset"),
        lambda text: _until(text, now),
    )


def _draft(headers: Headers) -> Quota | None:
    stated = headers.get("ratelimit-limit")
    window = _WINDOW.search(headers.get("ratelimit-policy") or stated or "")
    return _quota(
        stated,
        headers.get("ratelimit-remaining"),
        headers.get("ratelimit-reset"),
        span_s,
        window_s=max(1.0, float(window[1])) if window else 60.0,
    )


def _quota(
    limit: str | None,
    remaining: str | None,
    reset: str | None,
    read_reset: Callable[[str], float | None],
    *,
    window_s: float = 60.0,
) -> Quota | None:
    most = _number(limit)
    if most is None or most <= 0:
        return None
    left = _number(remaining)
    return Quota(
        limit=most,
        remaining=None if left is None else min(left, most),
        reset_s=None if reset is None else read_reset(reset),
        window_s=window_s,
    )


def _number(text: str | None) -> float | None:
    found = _NUMBER.match(text) if text is not None else None
    return float(found[1]) if found else None


def _until(text: str, now: float) -> float | None:
    try:
        return max(0.0, datetime.fromisoformat(text.strip()).timestamp() - now)
    except (ValueError, OverflowError, OSError):
        return None
