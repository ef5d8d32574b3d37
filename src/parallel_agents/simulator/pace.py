"""What chance decides at a simulated provider: how long an answer takes, and what goes wrong."""

from __future__ import annotations

import math
import random

from parallel_agents.simulator.options import Conduct, rates_of

# The 95th percentile of the standard normal distribution.
_Z95 = 1.6448536269514722


class Chance:
    """Draws from one seed, so that the same requests in the same order meet the same fate."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def mishap(self, conduct: Conduct) -> str | None:
        """Draw what goes wrong with a call: the name of its rate in `Conduct`, None for nothing."""
        rates = rates_of(conduct)
        if not any(rates.values()):
            return None
        drawn = self.random.random()
        for name, rate in rates.items():
            if drawn < rate:
                return name
            drawn -= rate
        return None

    def latency_s(self, conduct: Conduct) -> float:
        """Draw the seconds until an answer begins, at least 0."""
        if conduct.latency_p95_s:
            spread = math.log(conduct.latency_p95_s / conduct.latency_s) / _Z95
            return conduct.latency_s * math.exp(spread * self.random.gauss(0, 1))
        return max(0.0, conduct.latency_s + self.random.uniform(-1, 1) * conduct.jitter_s)


def writing_s(conduct: Conduct, output_tokens: int) -> float:
    """Return the seconds from an answer's beginning to its end."""
    speed = conduct.output_tokens_per_second
    return output_tokens / speed if speed else 0.0


def slowdown(conduct: Conduct, at_once: int) -> float:
    """Return how many times longer an answer takes while so many are being made: none up to `slow_from`."""
    return max(1.0, at_once / conduct.slow_from) if conduct.slow_from else 1.0
