"""What a lane counts against its provider's limits: requests and tokens, estimated before a call and settled after."""

from __future__ import annotations

import msgspec

from parallel_agents.core.rates import Limits, Meter
from parallel_agents.core.settings import ModelSettings

_UNKNOWN_OUTPUT = 512
_WEIGHT = 0.2
_FURTHEST_OFF = 10.0
_REQUESTS_BURST_S = 1.0
_TOKENS_BURST_S = 10.0


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is likely to take: input as `core.tokens` estimates it; `max_output` is what was asked for."""

    input_tokens: int = 0
    max_output: int | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken for one call, and how much each meter had given by then."""

    need: Need
    input_tokens: float
    output_tokens: float
    sums: tuple[float, float, float, float]


class Meters:
    """The limits of one lane. Times are those of the event loop's clock."""

    def __init__(self, chosen: ModelSettings, at: float) -> None:
        self.requests = Meter(chosen.requests_per_minute, burst_s=_REQUESTS_BURST_S, at=at)
        self.input_tokens = Meter(chosen.input_tokens_per_minute, burst_s=_TOKENS_BURST_S, at=at)
        self.output_tokens = Meter(chosen.output_tokens_per_minute, burst_s=_TOKENS_BURST_S, at=at)
        self.tokens = Meter(None, burst_s=_TOKENS_BURST_S, at=at)
        self._ratio = 1.0
        self._mean_output: float | None = None

    def delay_s(self, need: Need, at: float) -> float:
        """How long until a call may be made."""
        given, got = self._estimate(need)
        return max(
            self.requests.delay_s(1, at),
            self.input_tokens.delay_s(given, at),
            self.output_tokens.delay_s(got, at),
            self.tokens.delay_s(given + got, at),
        )

    def ready(self, at: float) -> float:
        """How many requests could be made at once; none while tokens are in debt."""
        counted = (self.input_tokens, self.output_tokens, self.tokens)
        return 0.0 if any(meter.ready(at) <= 0 for meter in counted) else max(0.0, self.requests.ready(at))

    def take(self, need: Need, at: float) -> Taken:
        """Take what a call is likely to cost."""
        given, got = self._estimate(need)
        sums = (
            self.requests.take(1, at),
            self.input_tokens.take(given, at),
            self.output_tokens.take(got, at),
            self.tokens.take(given + got, at),
        )
        return Taken(need=need, input_tokens=given, output_tokens=got, sums=sums)

    def settle(self, taken: Taken, given: int | None, got: int | None, at: float) -> None:
        """Replace the estimate by the provider's own figures. Where it gave none, the estimate stands."""
        actual_in = taken.input_tokens if given is None else float(given)
        actual_out = taken.output_tokens if got is None else float(got)
        self._adjust(taken, actual_in, actual_out, at)
        if given is not None and taken.need.input_tokens > 0:
            seen = min(_FURTHEST_OFF, max(1 / _FURTHEST_OFF, given / taken.need.input_tokens))
            self._ratio += _WEIGHT * (seen - self._ratio)
        if got is not None:
            mean = got if self._mean_output is None else self._mean_output
            self._mean_output = mean + _WEIGHT * (got - mean)

    def refund(self, taken: Taken, at: float) -> None:
        """Give back what was taken for a call that the provider did not count."""
        self.requests.settle(1, 0, at)
        self._adjust(taken, 0.0, 0.0, at)

    def heard(self, limits: Limits, taken: Taken, *, sent_at: float, at: float) -> None:
        """Take over what the provider said beside the answer to that call."""
        meters = (self.requests, self.input_tokens, self.output_tokens, self.tokens)
        quotas = (limits.requests, limits.input_tokens, limits.output_tokens, limits.tokens)
        for meter, quota, given in zip(meters, quotas, taken.sums, strict=True):
            if quota is not None:
                meter.heard(quota, sent_at=sent_at, taken=given, at=at)

    def _estimate(self, need: Need) -> tuple[float, float]:
        most = _UNKNOWN_OUTPUT if need.max_output is None else need.max_output
        if self._mean_output is None:
            got = float(most)
        else:
            got = self._mean_output if need.max_output is None else min(self._mean_output, float(most))
        return need.input_tokens * self._ratio, got

    def _adjust(self, taken: Taken, given: float, got: float, at: float) -> None:
        self.input_tokens.settle(taken.input_tokens, given, at)
        self.output_tokens.settle(taken.output_tokens, got, at)
        self.tokens.settle(taken.input_tokens + taken.output_tokens, given + got, at)
