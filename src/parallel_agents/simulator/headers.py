"""The headers in which providers state their limits and ask for a pause."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

from parallel_agents.simulator.limits import Limits
from parallel_agents.simulator.options import RetryForm


def openai_limits(limits: Limits, at: float, _epoch: float) -> dict[str, str]:
    """Return `x-ratelimit-*` for every bucket: limit, what remains, and the duration until it is full."""
    headers: dict[str, str] = {}
    for kind, bucket in limits.buckets.items():
        headers[f"x-ratelimit-limit-{kind}"] = f"{bucket.per_minute:.0f}"
        headers[f"x-ratelimit-remaining-{kind}"] = f"{max(0, math.floor(bucket.level(at)))}"
        headers[f"x-ratelimit-reset-{kind}"] = duration(bucket.full_in_s(at))
    return headers


def anthropic_limits(limits: Limits, at: float, epoch: float) -> dict[str, str]:
    """Return `anthropic-ratelimit-*` for every bucket: limit, what remains, and the moment when it is full."""
    headers: dict[str, str] = {}
    for kind, bucket in limits.buckets.items():
        full_at = datetime.fromtimestamp(math.ceil(epoch + bucket.full_in_s(at)), UTC)
        headers[f"anthropic-ratelimit-{kind}-limit"] = f"{bucket.per_minute:.0f}"
        headers[f"anthropic-ratelimit-{kind}-remaining"] = f"{max(0, math.floor(bucket.level(at)))}"
        headers[f"anthropic-ratelimit-{kind}-reset"] = f"{full_at:%Y-%m-%dT%H:%M:%SZ}"
    return headers


def retry_after(form: RetryForm, wait_s: float, epoch: float) -> tuple[dict[str, str], float | None]:
    """Ask for a pause of `wait_s`; also returns the seconds that the header says, None for no header.

    Each form is rounded up to what it can express: whole seconds, milliseconds, a date in whole seconds.
    """
    match form:
        case "seconds":
            whole = max(1, math.ceil(wait_s))
            return {"Retry-After": f"{whole}"}, float(whole)
        case "ms":
            millis = max(1, math.ceil(wait_s * 1000))
            return {"Retry-After-Ms": f"{millis}"}, millis / 1000
        case "date":
            until = math.ceil(epoch + wait_s)
            return {"Retry-After": format_datetime(datetime.fromtimestamp(until, UTC), usegmt=True)}, until - epoch
        case "none":
            return {}, None


def duration(seconds: float) -> str:
    """Write a duration as OpenAI does: `12ms`, `1.5s`, `1m30s`, `2h0m1s`."""
    millis = math.ceil(seconds * 1000 - 1e-6)
    if millis < 1000:
        return f"{max(0, millis)}ms"
    minutes, rest = divmod(millis, 60_000)
    said = f"{rest / 1000:g}s"
    if not minutes:
        return said
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{said}" if hours else f"{minutes}m{said}"
