"""A call on its way, and the attempts that wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from parallel_agents.core.errors import TransientError
from parallel_agents.models.ledger import Identity
from parallel_agents.models.spending import Toll
from parallel_agents.ports.models import Caller, ModelResponse

_log = logging.getLogger(__name__)


class Landing(msgspec.Struct, frozen=True):
    """The answer to a call. `was_made` tells that a provider was asked, not the ledger; `origin` is the gateway."""

    response: ModelResponse
    was_made: bool
    origin: str


class _Passenger:
    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.waiting_since: float | None = None


class Flight:
    """One call of one task, in flight for any number of attempts: the old one may be dying when the new one joins.

    Passes the lane's `waiting` on to all of them. `generation_s` is the time spent at the provider so far, `toll` what
    it costs.
    """

    def __init__(self, identity: Identity, model: str, maker: Caller, toll: Toll) -> None:
        self.identity = identity
        self.model = model
        self.generation_s = 0.0
        self.toll = toll
        self.task: asyncio.Task[Landing | Exception] | None = None
        self._maker = self._last = maker
        self._loop = asyncio.get_running_loop()
        self._landed: asyncio.Future[Landing] = self._loop.create_future()
        self._passengers: list[_Passenger] = []
        self._has_departed = False
        self._waits = False
        self._departure: Callable[[], None] | None = None

    @property
    def key(self) -> int:
        """The task it belongs to."""
        return self.identity[0]

    def departs(self) -> None:
        """Note that the provider is asked now: it is the maker's call, whatever becomes of the maker."""
        if not self._has_departed:
            self._has_departed = True
            self._maker.totals.calls += 1
            self._maker.totals.model = self.model
            if self._departure is not None:
                self._departure()

    def on_departure(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the provider is asked for the first time."""
        self._departure = listener

    def was_made_for(self, caller: Caller) -> bool:
        """Tell whether `caller` is the attempt that set it off."""
        return caller is self._maker

    def take_generation_s(self) -> float:
        """Take the time spent at the provider, for one attempt; the next to ask gets 0."""
        spent_s, self.generation_s = self.generation_s, 0.0
        return spent_s

    def charge_unpriced(self, caller: Caller | None = None) -> None:
        """Count the requests whose cost nobody told for an attempt; by default the last one that waited."""
        (self._last if caller is None else caller).totals.unpriced += self.toll.take_unpriced()

    def waiting(self, is_waiting: bool) -> None:
        """Tell every waiting attempt that the call waits or goes on."""
        self._waits = is_waiting
        for passenger in self._passengers:
            self._tell(passenger, is_waiting)

    async def wait(self, caller: Caller) -> Landing:
        """Wait for the landing. A cancellation ends the waiting, not the flight."""
        passenger = _Passenger(caller)
        self._passengers.append(passenger)
        self._last = caller
        if self._waits:
            self._tell(passenger, True)
        try:
            return await asyncio.shield(self._landed)
        finally:
            self._passengers.remove(passenger)
            self._tell(passenger, False)

    def land(self, outcome: Landing | Exception) -> None:
        """Hand the outcome to whoever waits. An error that nobody waits for is logged, an answer is in the ledger."""
        if self._landed.done():
            return
        if isinstance(outcome, Landing):
            self._landed.set_result(outcome)
            return
        if not self._passengers:
            _log.warning("a call to %s that no attempt waited for any longer failed: %s", self.model, outcome)
        self._landed.set_exception(outcome)
        # Marked as retrieved: asyncio would report it a second time where nobody waits.
        self._landed.exception()

    def drop(self) -> None:
        """Tell whoever still waits that the call is given up."""
        if self._passengers:
            self.land(TransientError(f"{self.model}: the call was dropped because its task was stopped"))
        else:
            self._landed.cancel()

    def _tell(self, passenger: _Passenger, is_waiting: bool) -> None:
        since = passenger.waiting_since
        if is_waiting == (since is not None):
            return
        if since is not None:
            passenger.caller.totals.waited_ms += (self._loop.time() - since) * 1000
        passenger.waiting_since = self._loop.time() if is_waiting else None
        passenger.caller.waiting(is_waiting)
