"""How one call is made: through its lane, tried again where that can help, patient with rate limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from parallel_agents.core.errors import LaneClosedError, RateLimitedError, TransientError
from parallel_agents.core.prices import Pricing
from parallel_agents.core.retry import backoff_s
from parallel_agents.models.flights import Flight
from parallel_agents.models.lanes import Lane
from parallel_agents.models.providers import Provider
from parallel_agents.ports.models import ModelRequest, ModelResponse

TRIES = 3
TRY_AGAIN_AFTER_S = 0.5
PATIENCE_S = 600.0

_log = logging.getLogger(__name__)


class Line:
    """A lane and the provider at its end. `pricing` is None where nobody knows what it costs.

    `now` gives seconds since the epoch, `random` a number in [0, 1); `timeout_s` bounds one try.
    """

    def __init__(
        self,
        lane: Lane,
        provider: Provider,
        *,
        pricing: Pricing | None,
        timeout_s: float,
        now: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self.lane = lane
        self.provider = provider
        self.pricing = pricing
        self._timeout_s = timeout_s
        self._now = now
        self._random = random

    async def answer(self, request: ModelRequest, flight: Flight) -> ModelResponse:
        """Make a call, with up to `TRIES` tries.

        A 429 is no try: it stops the lane, and the call goes again in its turn, for up to `PATIENCE_S`.

        Raises:
            AttemptError: what is left after that, classed.
        """
        tries = _Tries()
        while True:
            async with flight.toll.held(request, flight), self.lane.permit(flight):
                outcome = await self._try(request, flight, tries)
            if isinstance(outcome, ModelResponse):
                return outcome
            if outcome > 0:
                await _pause(flight, outcome)

    async def _try(self, request: ModelRequest, flight: Flight, tries: _Tries) -> ModelResponse | float:
        """Make one try; returns the answer, or the seconds to wait before the next try besides the lane's own."""
        flight.departs()
        sent_at = _clock()
        try:
            return await self._ask(request, flight, sent_at)
        except RateLimitedError as error:
            self._hold_lane(error, tries, sent_at)
            return 0.0
        except LaneClosedError as error:
            self.lane.close(error)
            raise
        except TransientError as error:
            tries.failed += 1
            if tries.failed >= TRIES:
                raise
            _log.info("try %d of %d failed: %s", tries.failed, TRIES, error)
            return backoff_s(tries.failed, TRY_AGAIN_AFTER_S, self._random())

    async def _ask(self, request: ModelRequest, flight: Flight, sent_at: float) -> ModelResponse:
        try:
            async with asyncio.timeout(self._timeout_s), flight.toll.sending():
                response = flight.toll.pay(await self.provider.complete(request))
        except TimeoutError:
            limit = f"{self._timeout_s:g} s (models.<name>.timeout_seconds)"
            raise TransientError(f"{self.lane.name}: no answer within {limit}") from None
        finally:
            spent_s = _clock() - sent_at
            flight.generation_s += spent_s
        self.lane.served(sent_at=sent_at)
        return msgspec.structs.replace(response, duration_ms=spent_s * 1000)

    def _hold_lane(self, error: RateLimitedError, tries: _Tries, sent_at: float) -> None:
        if tries.patience_ends is None:
            tries.patience_ends = sent_at + PATIENCE_S
        asked_s = error.retry_after_s
        if asked_s is not None and asked_s > PATIENCE_S:
            # A window of hours is a quota: the attempts go back uncharged instead of being held that long.
            reason = f"the provider asks for a pause of {asked_s:.0f} s ({error})"
            closed = LaneClosedError(self.lane.name, reason, self._now() + asked_s)
            self.lane.close(closed)
            raise closed from None
        if _clock() >= tries.patience_ends:
            raise error
        pause_s = self.lane.block(asked_s, sent_at=sent_at)
        _log.info("%s; the lane waits %.2f s", error, pause_s)


class _Tries:
    def __init__(self) -> None:
        self.failed = 0
        self.patience_ends: float | None = None


async def _pause(flight: Flight, pause_s: float) -> None:
    flight.waiting(True)
    try:
        await asyncio.sleep(pause_s)
    finally:
        flight.waiting(False)


def _clock() -> float:
    return asyncio.get_running_loop().time()
