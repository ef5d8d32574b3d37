"""What stands between a request and its answer, for one model in one protocol."""

from __future__ import annotations

from typing import Literal

import msgspec

from parallel_agents.simulator.ideal import Ideal
from parallel_agents.simulator.limits import Limits, Need
from parallel_agents.simulator.options import Conduct
from parallel_agents.simulator.places import Places


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was answered: which of those let in it was, what it took, and how long its answer takes alone."""

    turn: int
    need: Need
    service_s: float


class Door:
    """Limits and places of one model. A model that nothing limits has the conduct of a provider without limits."""

    def __init__(self, conduct: Conduct, protocol: Literal["openai", "anthropic"], at: float) -> None:
        self._protocol: Literal["openai", "anthropic"] = protocol
        self.conduct = conduct
        self.limits = Limits(conduct, protocol, at)
        self.places = Places(conduct.max_at_once)
        self.due: dict[int, float] = {}
        self._let_in = 0
        self._answered: list[Answered] = []

    def change(self, conduct: Conduct, at: float) -> None:
        """Go by other limits from now on. Buckets start full where one of their figures changed."""
        if _of_buckets(conduct) != _of_buckets(self.conduct):
            self.limits = Limits(conduct, self._protocol, at)
        self.conduct = conduct
        self.places.most = conduct.max_at_once
        self.places.seat()

    def let_in(self, need: Need, at: float) -> int:
        """Let a request through; returns its turn."""
        self.limits.take(need, at)
        self._let_in += 1
        return self._let_in

    def answered(self, turn: int, need: Need, service_s: float) -> None:
        """Note that it was answered."""
        self._answered.append(Answered(turn=turn, need=need, service_s=service_s))

    def ideal_s(self) -> float:
        """Return what the ideal client needs for what was answered, under the limits now in force."""
        ideal = Ideal(Limits(self.conduct, self._protocol, 0.0), self.conduct.max_at_once)
        for one in sorted(self._answered, key=lambda one: one.turn):
            ideal.answered(one.need, one.service_s)
        return ideal.ends_at


def limiting(conduct: Conduct, model: str) -> Conduct:
    """Return what limits a model: all of it, or nothing where another one is meant."""
    return conduct if conduct.limited_model in {"", model} else Conduct()


def _of_buckets(conduct: Conduct) -> tuple[float, ...]:
    return (
        conduct.rpm,
        conduct.burst,
        conduct.tpm,
        conduct.input_tpm,
        conduct.output_tpm,
        conduct.burst_tokens,
    )
