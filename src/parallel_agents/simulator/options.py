"""How the simulator behaves."""

from __future__ import annotations

from typing import Literal

import msgspec

Fault = Literal["rate_limited", "quota", "server_error", "malformed", "hang", "cut"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Where it listens (port 0 takes a free one) and how many seconds pass before each answer."""

    host: str = "127.0.0.1"
    port: int = 0
    latency_s: float = 0.0


class Behaviour(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What `POST /behaviour` sets: the latency, and a fault for each of the next answers.

    `retry_after_s` goes with a rate limit.
    """

    latency_s: float | None = None
    faults: list[Fault] = []
    retry_after_s: float = 1.0
