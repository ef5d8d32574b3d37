"""How much may be asked of a provider, and how fast: buckets that may go into debt.

Times are seconds of one clock that never goes back, and come from the caller.
"""

from __future__ import annotations

import msgspec

MINUTE_S = 60.0
# A request leaves this much in the provider's bucket, so that two calls that swap places on the way find enough.
_RESERVE = 1.0
_LONG_RESET_S = 10.0


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of one limit: how much in `window_s`, how much is left, in how many seconds it is full."""

    limit: float
    remaining: float | None = None
    reset_s: float | None = None
    window_s: float = MINUTE_S

    @property
    def per_s(self) -> float:
        """How fast it fills.

        A limit that fills far slower than within its window is one of a longer window, such as a day.
        """
        usual = self.limit / self.window_s
        if self.remaining is None or self.reset_s is None or self.reset_s < _LONG_RESET_S:
            return usual
        seen = (self.limit - self.remaining) / self.reset_s
        return seen if 0 < seen < usual / 2 else usual

    @property
    def most(self) -> float:
        """How much can be left at most: less than the limit where the provider lets no such burst through."""
        if self.remaining is None or self.reset_s is None:
            return self.limit
        return min(self.limit, self.remaining + self.per_s * max(0.0, self.reset_s))


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of its limits beside one answer; None: nothing. `tokens` is input and output together."""

    requests: Quota | None = None
    input_tokens: Quota | None = None
    output_tokens: Quota | None = None
    tokens: Quota | None = None

    @property
    def is_used_up(self) -> bool:
        """Tell whether one of them is the reason for a refusal: it has nothing left."""
        quotas = (self.requests, self.input_tokens, self.output_tokens, self.tokens)
        return any(quota is not None and quota.remaining is not None and quota.remaining < 1 for quota in quotas)


class TokenBucket:
    """Fills by `per_s` up to `capacity`. What is taken may put it into debt, which it fills up first."""

    def __init__(self, *, per_s: float, capacity: float, at: float) -> None:
        self.per_s = per_s
        self.capacity = capacity
        self._level = capacity
        self._at = at

    def level(self, at: float) -> float:
        """What is in it; below 0 it is in debt."""
        return min(self.capacity, self._level + self.per_s * max(0.0, at - self._at))

    def delay_s(self, amount: float, at: float) -> float:
        """How long until so much may be taken. More than it can hold may be taken once it is full."""
        missing = min(amount, self.capacity) - self.level(at)
        # A timer may fire a little early; without the tolerance the same wait would be asked for again and again.
        return missing / self.per_s if missing > self.capacity * 1e-9 else 0.0

    def take(self, amount: float, at: float) -> None:
        """Take so much, into debt if need be; a negative amount gives back."""
        self.fill(self.level(at) - amount, at)

    def fill(self, level: float, at: float) -> None:
        """Set what is in it."""
        self._level, self._at = min(self.capacity, level), max(self._at, at)

    def retune(self, *, per_s: float, capacity: float, at: float) -> None:
        """Fill at another rate, to another height. What is in it stays, as far as it holds that."""
        level = self.level(at)
        self.per_s, self.capacity = per_s, capacity
        self.fill(level, at)


class Meter:
    """One limit of a lane: as configured, as the provider's answers say, or the lower of both; without either, none.

    `configured` is per minute. Without word from the provider it is not known how much goes at once: then it is what
    comes in `burst_s` seconds.
    """

    def __init__(self, configured: float | None, *, burst_s: float, at: float) -> None:
        self._own_per_s = None if configured is None else configured / MINUTE_S
        self._burst_s = burst_s
        self._heard_of = float("-inf")
        self.taken = 0.0
        self.bucket: TokenBucket | None = None
        if self._own_per_s is not None:
            self.bucket = TokenBucket(per_s=self._own_per_s, capacity=max(1.0, self._own_per_s * burst_s), at=at)

    @property
    def per_minute(self) -> float | None:
        """The limit in force; None where there is none."""
        return None if self.bucket is None else self.bucket.per_s * MINUTE_S

    def ready(self, at: float) -> float:
        """How much may be taken at once without waiting."""
        return float("inf") if self.bucket is None else self.bucket.level(at)

    def delay_s(self, amount: float, at: float) -> float:
        """How long until so much may be taken."""
        return 0.0 if self.bucket is None else self.bucket.delay_s(amount, at)

    def take(self, amount: float, at: float) -> float:
        """Take so much; returns the sum of all that was taken, for `heard`."""
        self.taken += amount
        if self.bucket is not None:
            self.bucket.take(amount, at)
        return self.taken

    def settle(self, estimate: float, actual: float, at: float) -> None:
        """Replace an estimate that was taken by what it was."""
        self.taken += actual - estimate
        if self.bucket is not None:
            self.bucket.take(actual - estimate, at)

    def heard(self, quota: Quota, *, sent_at: float, taken: float, at: float) -> None:
        """Take over what an answer says that was sent for at `sent_at`, when `taken` had been taken in all.

        Answers overtake one another: one that was sent for earlier than the last one heard is no news.
        """
        if sent_at < self._heard_of:
            return
        self._heard_of = sent_at
        # A limit of 0 would wait for ever; whoever may ask nothing hears so by a refusal.
        if quota.limit <= 0:
            return
        reserve = _RESERVE if quota.most > 3 * _RESERVE else 0.0
        bucket = self._retuned(quota, quota.most - reserve, at)
        if quota.remaining is None:
            return
        # Counted by the provider somewhere between departure and now; what has been sent since may not be in it.
        since = max(0.0, self.taken - taken)
        grown = min(quota.most, quota.remaining + quota.per_s * (at - sent_at) - since)
        # Never more than is known to be in it: whether the provider's own was full meanwhile, nobody says.
        bucket.fill(min(bucket.level(at), min(grown, quota.remaining) - reserve), at)

    def _retuned(self, quota: Quota, most: float, at: float) -> TokenBucket:
        own, bucket = self._own_per_s, self.bucket
        if bucket is None:
            bucket = self.bucket = TokenBucket(per_s=quota.per_s, capacity=most, at=at)
        elif own is not None and own <= quota.per_s:
            bucket.retune(per_s=own, capacity=min(most, max(1.0, own * self._burst_s)), at=at)
        else:
            # What once was seen to go at once goes again: a coarse reset makes it look smaller now and then.
            capacity = max(most, min(bucket.capacity, quota.limit))
            bucket.retune(per_s=quota.per_s, capacity=capacity, at=at)
        return bucket
