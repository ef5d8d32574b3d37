"""How one call is made: through its lane, tried again where that can help, patient with rate limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from parallel_agents.core.errors import (
    AttemptError,
    LaneClosedError,
    OverloadedError,
    RateLimitedError,
    TransientError,
)
from parallel_agents.core.prices import Pricing
from parallel_agents.core.rates import Limits
from parallel_agents.core.retry import backoff_s
from parallel_agents.core.tokens import TOKENS_A_MESSAGE, likely_tokens
from parallel_agents.models.flights import Flight
from parallel_agents.models.lanes import Lane
from parallel_agents.models.meters import Need
from parallel_agents.models.permits import Grant
from parallel_agents.models.providers import Completed, Provider
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
        tries, ticket = _Tries(), self.lane.ticket(need_of(request))
        while True:
            async with flight.toll.held(request, flight), self.lane.permit(flight, ticket) as grant:
                outcome = await self._try(request, flight, tries, grant)
            if isinstance(outcome, ModelResponse):
                return outcome
            if outcome > 0:
                await _pause(flight, outcome)

    async def _try(self, request: ModelRequest, flight: Flight, tries: _Tries, grant: Grant) -> ModelResponse | float:
        """Make one try; returns the answer, or the seconds to wait before the next try besides the lane's own."""
        flight.departs()
        try:
            done = await self._ask(request, flight)
        except RateLimitedError as error:
            self._hold_lane(error, error.retry_after_s, tries, grant, error.limits)
            return 0.0
        except LaneClosedError as error:
            self.lane.close(error, grant)
            raise
        except TransientError as error:
            return self._failed(error, tries, grant)
        except AttemptError:
            self.lane.lives(grant)
            raise
        response = done.response
        self.lane.answered(
            grant,
            input_tokens=response.input_tokens,
            output_tokens=response.output_tokens,
            limits=done.limits,
            is_first_try=tries.is_first,
        )
        return response

    async def _ask(self, request: ModelRequest, flight: Flight) -> Completed:
        sent_at = _clock()
        try:
            async with asyncio.timeout(self._timeout_s), flight.toll.sending():
                answer = await self.provider.complete(request)
                done = answer if isinstance(answer, Completed) else Completed(answer, None)
                response = flight.toll.pay(done.response)
        except TimeoutError:
            limit = f"{self._timeout_s:g} s (models.<name>.timeout_seconds)"
            raise TransientError(f"{self.lane.name}: no answer within {limit}") from None
        finally:
            spent_s = _clock() - sent_at
            flight.generation_s += spent_s
        return Completed(msgspec.structs.replace(response, duration_ms=spent_s * 1000), done.limits)

    def _failed(self, error: TransientError, tries: _Tries, grant: Grant) -> float:
        tries.failed += 1
        self.lane.failed(grant, error)
        if tries.failed >= TRIES:
            raise error
        _log.info("try %d of %d failed: %s", tries.failed, TRIES, error)
        if isinstance(error, OverloadedError):
            self._hold_lane(error, error.retry_after_s, tries, grant, None)
            return 0.0
        return backoff_s(tries.failed, TRY_AGAIN_AFTER_S, self._random())

    def _hold_lane(
        self, error: TransientError, asked_s: float | None, tries: _Tries, grant: Grant, limits: Limits | None
    ) -> None:
        if tries.patience_ends is None:
            tries.patience_ends = grant.sent_at + PATIENCE_S
        if asked_s is not None and asked_s > PATIENCE_S:
            # A window of hours is a quota: the attempts go back uncharged instead of being held that long.
            reason = f"the provider asks for a pause of {asked_s:.0f} s ({error})"
            closed = LaneClosedError(self.lane.name, reason, self._now() + asked_s, kind="quota")
            self.lane.close(closed, grant)
            raise closed from None
        pause_s = self.lane.refused(grant, asked_s, limits)
        _log.info("%s; the lane waits %.2f s", error, pause_s)
        if _clock() >= tries.patience_ends:
            raise error


class _Tries:
    def __init__(self) -> None:
        self.failed = 0
        self.patience_ends: float | None = None

    @property
    def is_first(self) -> bool:
        """Nothing has gone wrong with the call so far."""
        return self.failed == 0 and self.patience_ends is None


def need_of(request: ModelRequest) -> Need:
    """Estimate what a request takes."""
    texts = [request.system, *(message.content for message in request.messages)]
    if request.output is not None:
        texts.append(msgspec.json.encode(request.output.json_schema).decode())
    return Need(
        input_tokens=sum(likely_tokens(text) + TOKENS_A_MESSAGE for text in texts if text),
        max_output=request.max_tokens,
    )


async def _pause(flight: Flight, pause_s: float) -> None:
    flight.waiting(True)
    try:
        await asyncio.sleep(pause_s)
    finally:
        flight.waiting(False)


def _clock() -> float:
    return asyncio.get_running_loop().time()
