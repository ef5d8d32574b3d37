"""What a simulated provider charges, counted at its own end."""

from __future__ import annotations

import msgspec

from parallel_agents.simulator.options import Conduct


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one answer. `input_tokens` holds those read from the cache and those written to it too."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0


class Charges:
    """Sums. An answer is charged whole as soon as it is being made, whatever becomes of its caller."""

    def __init__(self) -> None:
        self.generated = 0
        self.used = Used()
        self.cost_usd = 0.0

    def add(self, used: Used, conduct: Conduct) -> None:
        """Charge an answer at the prices in force."""
        self.generated += 1
        self.used = Used(
            **{name: getattr(self.used, name) + getattr(used, name) for name in Used.__struct_fields__},
        )
        self.cost_usd += cost_usd(used, conduct)


def cost_usd(used: Used, conduct: Conduct) -> float:
    """Price an answer; a price that was not given is 0, one for cached or written input that of other input."""
    full = conduct.input_usd_per_million or 0.0
    cached = conduct.cached_input_usd_per_million
    written = conduct.cache_write_usd_per_million
    plain = used.input_tokens - used.cached_input_tokens - used.cache_write_tokens
    millionths = (
        plain * full
        + used.cached_input_tokens * (full if cached is None else cached)
        + used.cache_write_tokens * (full if written is None else written)
        + used.output_tokens * (conduct.output_usd_per_million or 0.0)
    )
    return millionths / 1e6


def has_prices(conduct: Conduct) -> bool:
    """Tell whether money can be counted."""
    return conduct.input_usd_per_million is not None or conduct.output_usd_per_million is not None
