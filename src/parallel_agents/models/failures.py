"""What a provider's refusal means: classed once, here, for every provider."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

from parallel_agents.core.errors import (
    AttemptError,
    ItemError,
    LaneClosedError,
    OverloadedError,
    RateLimitedError,
    TransientError,
)
from parallel_agents.models.headers import limits_from

# Codes that say "the account cannot pay or may not spend", whatever the status they come with.
_NO_MONEY = frozenset(
    {
        "insufficient_quota",
        "exceeded_current_quota_error",
        "quota_exceeded",
        "billing_error",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_balance",
        "account_deactivated",
        "organization_on_hold",
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "linked_organization_billing_unavailable",
        "linked_organization_spend_limit_reached",
    }
)
_NO_MODEL = frozenset({"model_not_found", "model_not_available", "model_deprecated"})
_THIS_INPUT = frozenset({"content_filter", "content_policy_violation", "moderation", "context_length_exceeded"})
_NO_CREDIT = "credit balance is too low"
_TRANSIENT_STATUS = frozenset({408, 409, 425, 499})
_LANE_STATUS = {
    401: "the provider does not accept the key",
    402: "the account cannot pay",
    403: "the key may not use this model",
    404: "the provider does not know this model or address",
    410: "the model is gone",
}
_KINDS = {401: "auth", 402: "billing", 403: "auth", 404: "model", 410: "model"}
_QUOTA = frozenset({"insufficient_quota", "exceeded_current_quota_error", "quota_exceeded"})
_MESSAGE_LIMIT = 600
# Nobody was reached, so nobody can have worked.
_NEVER_CONNECTED = (ConnectionRefusedError, socket.gaierror)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with an error status. `codes` are the error's type and code; `headers` have lower-case names.

    `is_worded` tells that it came as the provider's own error, not as the page of somebody between.
    """

    lane: str
    status: int
    codes: frozenset[str]
    message: str
    headers: Mapping[str, str]
    request_id: str | None = None
    is_worded: bool = True


def refusal_from(lane: str, status: int, headers: Mapping[str, str], body: object, secret: str) -> Refusal:
    """Read a provider's error answer, `{"error": {…}}` or what stands inside; `secret` is blotted out of its words."""
    error = _inner(body)
    details = _inner(error.get("details"))
    given = (error.get("type"), error.get("code"), details.get("error_code"))
    codes = {scrubbed(str(part), secret).lower() for part in given if part}
    message = str(error.get("message") or (body if isinstance(body, str) else "") or "no message")
    lowered = {name.lower(): scrubbed(value, secret) for name, value in headers.items()}
    return Refusal(
        lane=lane,
        status=status,
        codes=frozenset(codes),
        message=scrubbed(message, secret),
        headers=lowered,
        request_id=lowered.get("x-request-id") or lowered.get("request-id"),
        is_worded=bool(error),
    )


def classed(refusal: Refusal, now: float) -> AttemptError:
    """Return the error that a refusal means. `now` is seconds since the epoch."""
    said = _in_words(refusal)
    status, codes = refusal.status, refusal.codes
    pause_s = retry_after_s(refusal.headers, now)
    if codes & _THIS_INPUT:
        return ItemError(said)
    if codes & _NO_MONEY or _NO_CREDIT in refusal.message.lower():
        kind = "billing" if status == 402 or not codes & _QUOTA else "quota"
        return _closed(refusal, "quota or billing", None if pause_s is None else now + pause_s, kind)
    if status in _LANE_STATUS or codes & _NO_MODEL:
        meant = status if status in _LANE_STATUS else 404
        return _closed(refusal, _LANE_STATUS[meant], None, "model" if codes & _NO_MODEL else _KINDS[meant])
    if status == 429:
        return RateLimitedError(said, pause_s, limits_from(refusal.headers, now))
    if status >= 500 and pause_s is not None:
        return OverloadedError(said, pause_s)
    if status >= 500 or status in _TRANSIENT_STATUS:
        failed = TransientError(said)
        failed.may_cost = status >= 500 and not refusal.is_worded
        return failed
    return ItemError(f"{said}. The same request would be refused again.")


def lost_connection(lane: str, error: BaseException, secret: str) -> TransientError:
    """Describe a connection that failed, by its deepest cause: clients call a cut connection a timeout."""
    deepest = error
    while deepest.__cause__ is not None:
        deepest = deepest.__cause__
    words = scrubbed(str(deepest) or str(error), secret)
    failed = TransientError(f"{lane}: no answer, the connection failed: {type(deepest).__name__}: {words}")
    failed.may_cost = not isinstance(deepest, _NEVER_CONNECTED)
    return failed


def unreadable(lane: str, why: str, secret: str) -> TransientError:
    """Describe an answer with status 200 that is not what the protocol says."""
    failed = TransientError(f"{lane}: the answer cannot be read: {scrubbed(why, secret)}")
    failed.may_cost = True
    return failed


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Read how long a provider asks to wait, in seconds: `retry-after-ms`, else `retry-after` (seconds or a date)."""
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return max(0.0, millis / 1000)
    stated = headers.get("retry-after")
    if stated is None:
        return None
    seconds = _number(stated)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        return max(0.0, parsedate_to_datetime(stated).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def token_count(usage: object, name: str) -> int | None:
    """Read one of the provider's own figures; None where it gave none."""
    count = getattr(usage, name, None)
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def scrubbed(text: str, secret: str) -> str:
    """Blot a key out of a provider's words (some echo it) and cut them to a readable length."""
    if secret:
        text = text.replace(secret, "[key]")
    text = " ".join(text.split())
    return text if len(text) <= _MESSAGE_LIMIT else text[:_MESSAGE_LIMIT] + "…"


def _closed(refusal: Refusal, why: str, resume_at: float | None, kind: str) -> LaneClosedError:
    return LaneClosedError(refusal.lane, f"{why} ({_in_words(refusal, with_lane=False)})", resume_at, kind=kind)


def _in_words(refusal: Refusal, *, with_lane: bool = True) -> str:
    start = f"{refusal.lane}: " if with_lane else ""
    codes = f" {'/'.join(sorted(refusal.codes))}" if refusal.codes else ""
    request = f" [request {refusal.request_id}]" if refusal.request_id else ""
    return f"{start}HTTP {refusal.status}{codes}: {refusal.message}{request}"


def _inner(body: object) -> Mapping[str, object]:
    if not isinstance(body, Mapping):
        return {}
    mapping: Mapping[str, object] = body  # pyright: ignore[reportUnknownVariableType] # JSON from outside
    inner = mapping.get("error")
    return inner if isinstance(inner, Mapping) else mapping  # pyright: ignore[reportUnknownVariableType]


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and number == number and abs(number) != float("inf") else None
