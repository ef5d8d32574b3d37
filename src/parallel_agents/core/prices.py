"""What tokens cost."""

from __future__ import annotations

from typing import Protocol

import msgspec

PER = 1_000_000


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one call. Of `input`, `cached_input` were read from the provider's cache, `cache_write` written."""

    input: int
    output: int
    cached_input: int = 0
    cache_write: int = 0


class Pricing(Protocol):
    """What one model costs, in US dollars."""

    def cost_usd(self, tokens: Tokens, at: float) -> float:
        """What a call costs that was made at this time (seconds since the epoch)."""
        ...

    def most_usd(self, *, input_tokens: int, output_tokens: int) -> float:
        """What a call of at most so many tokens can cost, at any time and whatever the provider's cache does."""
        ...


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A price that does not depend on time or size, in US dollars for a million tokens.

    `cached_input` is for tokens read from the provider's cache and `cache_write` for those written to it; None means
    that they cost what other input does.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None

    def cost_usd(self, tokens: Tokens, at: float) -> float:
        """As `Pricing`; the time makes no difference."""
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        fresh = tokens.input - tokens.cached_input - tokens.cache_write
        paid = fresh * self.input + tokens.cached_input * cached + tokens.cache_write * written
        return (paid + tokens.output * self.output) / PER

    def most_usd(self, *, input_tokens: int, output_tokens: int) -> float:
        """As `Pricing`."""
        dearest = max(self.input, self.cached_input or 0.0, self.cache_write or 0.0)
        return (input_tokens * dearest + output_tokens * self.output) / PER
