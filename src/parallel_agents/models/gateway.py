"""The gateway: makes the model calls of every worker, each once, and keeps the answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from parallel_agents.core.budget import Amount, Budget
from parallel_agents.core.errors import LaneClosedError
from parallel_agents.core.outcome import CallTotals
from parallel_agents.core.settings import Settings
from parallel_agents.models import ledger as kept
from parallel_agents.models import providers
from parallel_agents.models.claims import Claims
from parallel_agents.models.flights import Flight, Landing
from parallel_agents.models.lanes import Lane
from parallel_agents.models.ledger import CallLedger, Identity
from parallel_agents.models.permits import LaneState
from parallel_agents.models.prices import pricing_of
from parallel_agents.models.providers import OFFLINE, Provider
from parallel_agents.models.spending import Spending
from parallel_agents.models.tries import Line
from parallel_agents.models.warming import Warming
from parallel_agents.ports.models import Caller, ModelRequest, ModelResponse

Build: TypeAlias = Callable[[str, Settings, Mapping[str, str], Callable[[], float]], Provider]
"""Makes the provider of a model, off the event loop: model, settings, environment, seconds since the epoch."""


class ModelGateway:
    """`ports.models.Gateway` over real providers.

    `now` gives seconds since the epoch, `random` a number in [0, 1). `start` and `aclose` may be called from different
    tasks: every call in flight runs in a task group that one task of the gateway's own enters and leaves; `aclose`
    waits for it. An answer's tokens and time are added to the totals of one attempt only, the one it was first handed
    to, so that sums over attempts are what was paid.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: CallLedger,
        *,
        now: Callable[[], float],
        random: Callable[[], float],
        environ: Mapping[str, str],
        build: Build = providers.build,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._now = now
        self._random = random
        self._environ = environ
        self._make = build
        self._lanes: dict[str, Lane] = {}
        self._origin = f"{os.getpid()}-{now():.6f}"
        self._claims = Claims(self._origin)
        self._warming = Warming(lambda: asyncio.get_running_loop().time())
        self._spending = Spending(ledger, origin=self._origin, now=now)
        self._lines: dict[str, Line] = {}
        self._flights: dict[Identity, Flight] = {}
        self._listeners: list[Callable[[], None]] = []
        self._building = asyncio.Lock()
        self._closing = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._owner: asyncio.Task[None] | None = None

    def check(self, model: str | None) -> str:
        """Return the full name of a usable model; None means the configured one.

        Raises:
            ModelError: no model, an unknown one, no client for it, or no key.
        """
        return providers.usable(model if model is not None else self._settings.model, self._settings, self._environ)

    async def start(self, models: Sequence[str]) -> None:
        """Import clients and make connections for `models`; lanes that were closed take calls again.

        May be called again, for more models.

        Raises:
            ModelError: as `check`.
        """
        names = [self.check(model) for model in models]
        if self._owner is None:
            entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._closing.clear()
            # The one task of its own: a task group must be left by the task that entered it, and callers come and go.
            self._owner = asyncio.get_running_loop().create_task(self._own(entered), name="model-gateway")
            await entered
        for name in names:
            (await self._line(name)).lane.reopen()

    async def call(self, request: ModelRequest, caller: Caller) -> ModelResponse:
        """Answer one call: from the ledger, by joining the same call in flight, or by making it.

        Raises:
            ItemError, TransientError, UnscoredError: for the agent.
            LaneClosedError: the lane takes no calls.
            BudgetSpentError: the budget of the execution does not cover it.
            JournalError: the answer could not be kept.
        """
        sent = self._spending.bounded(self._effective(request, caller.model), caller.execution_id)
        digest = kept.request_hash(caller.model, sent, is_language_model=caller.model != OFFLINE)
        identity = (caller.key, digest, caller.next_ordinal(digest))
        # Said before the call, so that also a call that gives no answer is labelled with what it asked.
        caller.totals.model, caller.totals.is_language_model = caller.model, caller.model != OFFLINE
        # Nothing is awaited between looking and taking off, and the ledger is read by the flight itself: a call that
        # lands just now cannot be missed by both.
        flight = self._flights.get(identity) or self._take_off(identity, sent, caller)
        try:
            landing = await flight.wait(caller)
        except Exception:
            caller.totals.generation_ms += flight.take_generation_s() * 1000
            flight.charge_unpriced(caller)
            raise
        return self._hand_over(flight, landing, caller)

    def may_start(self, model: str, running: int) -> bool:
        """Tell whether one more attempt would get a call through soon, beside the `running` ones of this model."""
        line = self._lines.get(model)
        return line is None or line.lane.may_start(running)

    def closed(self, model: str) -> LaneClosedError | None:
        """Return why the lane of this model takes no calls; None while it takes some."""
        line = self._lines.get(model)
        return None if line is None else line.lane.closed

    def probe_first(self, model: str) -> None:
        """Let one call of this model through, and the others once it was answered. It must have been started."""
        self._lines[model].lane.probe_first()

    def watch(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever a lane opens, closes or has more room."""
        self._listeners.append(listener)

    def lanes(self) -> list[LaneState]:
        """Tell what each lane does now."""
        return [lane.state() for lane in self._lanes.values()]

    def fund(self, execution_id: str, budget: Budget, spent: Amount) -> None:
        """Hold the calls of an execution to a budget from now on; `spent` counts where nothing is known of it here."""
        self._spending.fund(execution_id, budget, spent)

    def end_funding(self, execution_id: str) -> None:
        """Forget the budget of an execution that has ended."""
        self._spending.end(execution_id)

    async def abandon(self, key: int) -> None:
        """Drop the calls in flight of a task. Whoever still waits for one gets a `TransientError`."""
        await _drop([flight for flight in self._flights.values() if flight.key == key])

    async def aclose(self) -> None:
        """Drop every call in flight and close connections. Safe twice and before `start`."""
        owner = self._owner
        if owner is None:
            return
        self._closing.set()
        await asyncio.wait([owner])
        self._owner = None
        if not owner.cancelled():
            owner.result()

    async def _own(self, entered: asyncio.Future[None]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                # Whoever asked may have been cancelled meanwhile.
                if not entered.done():
                    entered.set_result(None)
                await self._closing.wait()
                await _drop(list(self._flights.values()))
        finally:
            self._group = None
            lines, self._lines = self._lines, {}
            lanes, self._lanes = self._lanes, {}
            for lane in lanes.values():
                lane.stop()
            for line in lines.values():
                await line.provider.aclose()

    async def _line(self, model: str) -> Line:
        line = self._lines.get(model)
        if line is not None:
            return line
        async with self._building:
            if model not in self._lines:
                self._lines[model] = await self._build(model)
            return self._lines[model]

    async def _build(self, model: str) -> Line:
        # In a thread: importing a client takes seconds, and every worker waits on this loop.
        provider = await asyncio.to_thread(self._make, model, self._settings, self._environ, self._now)
        pricing = await asyncio.to_thread(pricing_of, model, self._settings, self._environ)
        chosen = self._settings.model_settings(model)
        return Line(
            self._lane(model, provider.lane),
            provider,
            pricing=pricing,
            timeout_s=chosen.timeout_seconds,
            now=self._now,
            random=self._random,
        )

    def _lane(self, model: str, name: str) -> Lane:
        """Find or make the lane: two names of one model over one account share it."""
        key = providers.lane_key(model, self._settings, self._environ)
        if key not in self._lanes:
            self._lanes[key] = Lane(
                name,
                now=self._now,
                random=self._random,
                changed=self._tell,
                chosen=self._settings.model_settings(model),
                is_remote=model != OFFLINE,
            )
        return self._lanes[key]

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _effective(self, request: ModelRequest, model: str) -> ModelRequest:
        chosen = self._settings.model_settings(model)
        return msgspec.structs.replace(
            request,
            max_tokens=chosen.max_tokens if request.max_tokens is None else request.max_tokens,
            temperature=chosen.temperature if request.temperature is None else request.temperature,
        )

    def _take_off(self, identity: Identity, request: ModelRequest, caller: Caller) -> Flight:
        if self._group is None or self._closing.is_set():
            raise RuntimeError("the gateway is not running: start() comes first, aclose() last")
        flight = Flight(identity, caller.model, caller, self._spending.toll(caller.execution_id, caller.key))
        self._flights[identity] = flight
        flight.task = self._group.create_task(self._fly(flight, request), name=f"model-call-{caller.key}")
        flight.task.add_done_callback(lambda task: self._landed(flight, task))
        return flight

    def _landed(self, flight: Flight, task: asyncio.Task[Landing | Exception]) -> None:
        # In a callback of the task rather than in its body: a task cancelled before its first step runs no body.
        del self._flights[flight.identity]
        if task.cancelled():
            flight.drop()
        elif task.exception() is None:
            flight.land(task.result())

    async def _fly(self, flight: Flight, request: ModelRequest) -> Landing | Exception:
        """Get the answer. An error is returned: raised, it would take every other call of the group down."""
        try:
            found = await kept.find(self._ledger, flight.identity)
            if found is not None:
                return Landing(found.plain(), was_made=False, origin=found.origin)
            line = await self._line(flight.model)
            flight.toll.price(line.pricing, flight.model)
            async with self._warming.turn(request, flight):
                response = await line.answer(request, flight)
            await kept.record(self._ledger, flight.identity, response, origin=self._origin, at=self._now())
            self._claims.leave(flight.identity)
            return Landing(response, was_made=True, origin=self._origin)
        except Exception as error:
            return error

    def _hand_over(self, flight: Flight, landing: Landing, caller: Caller) -> ModelResponse:
        response, totals = landing.response, caller.totals
        totals.model = response.model
        totals.is_language_model = response.is_language_model
        totals.finish_reason = response.finish_reason
        if self._claims.take(flight.identity, landing.origin):
            spent_s = flight.take_generation_s()
            totals.generation_ms += spent_s * 1000 if landing.was_made else response.duration_ms
            flight.charge_unpriced(caller)
            _add_tokens(totals, response)
        if landing.was_made and flight.was_made_for(caller):
            return response
        totals.replayed += 1
        return msgspec.structs.replace(response, replayed=True)


async def _drop(flights: Iterable[Flight]) -> None:
    tasks: list[asyncio.Task[Landing | Exception]] = []
    dropped: list[Flight] = []
    for flight in flights:
        flight.drop()
        if flight.task is not None:
            flight.task.cancel()
            tasks.append(flight.task)
            dropped.append(flight)
    if tasks:
        await asyncio.wait(tasks)
    for flight in dropped:
        # The attempt that asked has its totals open still: it is told of its end after this.
        flight.charge_unpriced()


def _add_tokens(totals: CallTotals, response: ModelResponse) -> None:
    if response.input_tokens is not None:
        totals.input_tokens = (totals.input_tokens or 0) + response.input_tokens
    if response.output_tokens is not None:
        totals.output_tokens = (totals.output_tokens or 0) + response.output_tokens
    if response.cached_input_tokens is not None:
        totals.cached_input_tokens = (totals.cached_input_tokens or 0) + response.cached_input_tokens
    if response.cost_usd is None:
        totals.unpriced += 1
    else:
        totals.cost_usd = (totals.cost_usd or 0.0) + response.cost_usd
