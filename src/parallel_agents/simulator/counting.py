"""What the simulator saw: exact counts, told by `GET /stats`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec


class Counts:
    """Counts requests from their arrival to their end. Times are seconds of one clock that never goes back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.reset()

    def reset(self) -> None:
        """Forget everything that has ended; requests in flight go on counting."""
        self.in_flight = getattr(self, "in_flight", 0)
        self.peak_in_flight = self.in_flight
        self.requests = 0
        self.answered = 0
        self.cancelled = 0
        self.latency_sum_s = 0.0
        self.first_request_at: float | None = None
        self.last_answer_at: float | None = None
        self.by_prompt: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()

    def arrived(self, messages: object) -> float:
        """A request came in; returns when."""
        now = self._monotonic()
        self.requests += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        self.first_request_at = now if self.first_request_at is None else self.first_request_at
        self.by_prompt[hashlib.sha256(msgspec.json.encode(messages, order="sorted")).hexdigest()] += 1
        return now

    def ended(self, arrived_at: float, status: int | None) -> None:
        """A request was answered with a status, or its client went away (None)."""
        now = self._monotonic()
        self.in_flight -= 1
        if status is None:
            self.cancelled += 1
            return
        self.by_status[str(status)] += 1
        if status < 400:
            self.answered += 1
            self.latency_sum_s += now - arrived_at
            self.last_answer_at = now

    def told(self) -> dict[str, Any]:
        """Everything as plain values."""
        names = ("requests", "in_flight", "peak_in_flight", "answered", "cancelled", "latency_sum_s")
        times = ("first_request_at", "last_answer_at")
        counters = {"by_prompt": dict(self.by_prompt), "by_status": dict(self.by_status)}
        return {**{name: getattr(self, name) for name in (*names, *times)}, **counters}
