"""What a simulated provider saw, counted at its own end of the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from parallel_agents.simulator.tokens import RULES


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Everything seen since the start or the last reset.

    A request is in flight from its head's arrival until its answer is handed to the socket. `answered` counts answers
    with status 200 that were made in full, `cancelled` those whose caller went away first. `latency_sum_s` sums the
    measured times from arrival to answer of those `answered`. Times exist twice: on the clock of the event loop, whose
    differences are exact, and as seconds since the epoch. `by_prompt` counts requests by the SHA-256 of their
    messages, `last_asked_epoch` tells when each of them came last. `tokens_rule` says how tokens are counted.

    Tokens and `cost_usd` are those charged: an answer is charged whole as soon as it is being made, whatever becomes of
    its caller (`generated` counts them); without a price the cost is null. `input_tokens` holds the cached ones too.
    `misfits` are the answers that were made not to fit what was asked.
    `wall_s` runs from the first request to the last answer, `ideal_s` is what a client without a mistake would have
    needed for the requests answered (see `ideal.Ideal`) under the limits now in force. `early_returns` and `by_client`:
    see `callers.Callers`.
    """

    requests: int
    in_flight: int
    peak_in_flight: int
    answered: int
    cancelled: int
    latency_sum_s: float
    first_request_at: float | None
    last_answer_at: float | None
    first_request_epoch: float | None
    last_answer_epoch: float | None
    by_prompt: dict[str, int]
    last_asked_epoch: dict[str, float]
    by_status: dict[str, int]
    tokens_rule: str = RULES["characters"]
    simulated: bool = True
    generated: int = 0
    misfits: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float | None = None
    wall_s: float | None = None
    ideal_s: float | None = None
    early_returns: int = 0
    by_client: dict[str, dict[str, Any]] = {}


class Counts:
    """The counters. `monotonic` and `now` are the two clocks (see `Stats`)."""

    def __init__(self, *, monotonic: Callable[[], float], now: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._now = now
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Start again from 0. What is in flight stays in flight."""
        self._requests = self._answered = self._cancelled = 0
        self._peak = self.in_flight
        self._latency_sum_s = 0.0
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None
        self._by_prompt: Counter[str] = Counter()
        self._last_asked: dict[str, float] = {}
        self._by_status: Counter[str] = Counter()

    def arrived(self) -> float:
        """Count a request; returns when, for `left`."""
        at = self._monotonic()
        if self._first is None:
            self._first = (at, self._now())
        self._requests += 1
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)
        return at

    def asked(self, prompt_hash: str) -> None:
        """Count what it asked."""
        self._by_prompt[prompt_hash] += 1
        self._last_asked[prompt_hash] = self._now()

    def left(self, arrived_at: float, status: int | None) -> None:
        """Count how a request ended; None: its caller went away or was cut off."""
        self.in_flight -= 1
        if status is None:
            self._cancelled += 1
            return
        self._by_status[str(status)] += 1
        if status == 200:
            at = self._monotonic()
            self._last = (at, self._now())
            self._answered += 1
            self._latency_sum_s += at - arrived_at

    def stats(self) -> Stats:
        """Return all of it as it is now."""
        return Stats(
            requests=self._requests,
            in_flight=self.in_flight,
            peak_in_flight=self._peak,
            answered=self._answered,
            cancelled=self._cancelled,
            latency_sum_s=self._latency_sum_s,
            first_request_at=self._first[0] if self._first else None,
            last_answer_at=self._last[0] if self._last else None,
            first_request_epoch=self._first[1] if self._first else None,
            last_answer_epoch=self._last[1] if self._last else None,
            by_prompt=dict(self._by_prompt),
            last_asked_epoch=dict(self._last_asked),
            by_status=dict(self._by_status),
            wall_s=self._last[0] - self._first[0] if self._first and self._last else None,
        )
