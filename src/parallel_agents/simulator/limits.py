"""What a simulated provider lets through in a minute, for one model."""

from __future__ import annotations

from typing import Literal

import msgspec

from parallel_agents.simulator.buckets import Bucket
from parallel_agents.simulator.options import Conduct

Kind = Literal["requests", "tokens", "input-tokens", "output-tokens"]
Need = dict[Kind, float]
"""What a request takes out of each bucket."""


class Shortage(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request is not let through. `wait_s` is None where it never can be: it asks for more than fits."""

    kind: Kind
    limit: float
    remaining: float
    needed: float
    wait_s: float | None


class Limits:
    """The buckets of one model and protocol. Each starts full at `at` and has room for `burst` or a minute's worth."""

    def __init__(self, conduct: Conduct, protocol: Literal["openai", "anthropic"], at: float) -> None:
        minutely = per_minute(conduct, protocol)
        self.buckets: dict[Kind, Bucket] = {
            kind: Bucket(rate, _capacity(conduct, kind, rate), at) for kind, rate in minutely.items()
        }

    def shortage(self, need: Need, at: float) -> Shortage | None:
        """Tell what is missing for a request; None when nothing is. Where several are, the one that lasts longest."""
        found: list[Shortage] = []
        for kind, bucket in self.buckets.items():
            wait_s = bucket.wait_s(need.get(kind, 0), at)
            if wait_s != 0:
                found.append(_shortage(kind, bucket, need, at, wait_s))
        return max(found, key=lambda one: float("inf") if one.wait_s is None else one.wait_s, default=None)

    def take(self, need: Need, at: float) -> None:
        """Let a request through."""
        for kind, bucket in self.buckets.items():
            bucket.take(need.get(kind, 0), at)


def per_minute(conduct: Conduct, protocol: Literal["openai", "anthropic"]) -> dict[Kind, float]:
    """Return the limits in force: OpenAI counts a request's tokens together, Anthropic input and output apart."""
    kinds: dict[Kind, float] = {"requests": conduct.rpm}
    if protocol == "openai":
        kinds["tokens"] = conduct.tpm
    else:
        kinds |= {"input-tokens": conduct.input_tpm, "output-tokens": conduct.output_tpm}
    return {kind: rate for kind, rate in kinds.items() if rate}


def need_of(input_tokens: int, cached_tokens: int, output_tokens: int) -> Need:
    """Return what a request takes. Anthropic does not count input that was read from its cache, OpenAI does."""
    return {
        "requests": 1,
        "tokens": input_tokens + output_tokens,
        "input-tokens": input_tokens - cached_tokens,
        "output-tokens": output_tokens,
    }


def _capacity(conduct: Conduct, kind: Kind, rate: float) -> float:
    return float((conduct.burst if kind == "requests" else conduct.burst_tokens) or max(1.0, rate))


def _shortage(kind: Kind, bucket: Bucket, need: Need, at: float, wait_s: float | None) -> Shortage:
    return Shortage(
        kind=kind,
        limit=bucket.per_minute,
        remaining=max(0.0, bucket.level(at)),
        needed=need.get(kind, 0),
        wait_s=wait_s,
    )
