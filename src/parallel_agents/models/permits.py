"""What passes between a lane and those who call: a place in its order, leave for one request, and its state."""

from __future__ import annotations

from typing import Protocol

import msgspec

from parallel_agents.models.meters import Need, Taken


class Waiter(Protocol):
    """Somebody who is told when a call waits and when it goes on."""

    def waiting(self, is_waiting: bool) -> None:
        """Tell that the call waits or goes on."""
        ...


class Ticket(msgspec.Struct, frozen=True):
    """A call's place in the order of arrival, which it keeps when it goes again, and what it needs."""

    number: int
    need: Need


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Leave for one request. It left at `sent_at` (event loop's clock) as one of `in_flight`."""

    sent_at: float
    in_flight: int
    taken: Taken
    is_probe: bool


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """What a lane does now. `limit` is how many calls may be on their way at once, None where nothing bounds it.

    `blocked_for_s` is what is left of a pause, `looks_again_in_s` the time until a closed lane lets one call through.
    Limits per minute are those in force, None where none is known.
    """

    name: str
    limit: int | None
    in_flight: int
    queued: int
    blocked_for_s: float
    closed: str | None
    resume_at: float | None
    looks_again_in_s: float | None
    requests_per_minute: float | None
    input_tokens_per_minute: float | None
    output_tokens_per_minute: float | None
    tokens_per_minute: float | None
    answered: int
    rate_limited: int
    failed: int
