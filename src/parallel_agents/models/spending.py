"""What calls cost, and the budgets that they are held to: around every single request, not every call."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from parallel_agents.core.budget import Account, Amount, Budget, nanos_of, shortfall
from parallel_agents.core.errors import AttemptError, BudgetSpentError, TransientError
from parallel_agents.core.prices import Pricing, Tokens
from parallel_agents.models.bounds import DEFAULT_MAX_TOKENS, most_of
from parallel_agents.models.lanes import Waiter
from parallel_agents.ports.entries import Charge
from parallel_agents.ports.models import ModelRequest, ModelResponse

_log = logging.getLogger(__name__)


class ChargeBook(Protocol):
    """The part of the journal that spending needs."""

    def note_charge(self, charge: Charge) -> asyncio.Future[None]:
        """Note a request before it is sent. It counts in full until it is settled."""
        ...

    def settle_charge(self, charge_id: str, cost: Amount, at: float) -> asyncio.Future[None]:
        """Note what a request has cost, or may have; the first word counts."""
        ...


class Purse:
    """The budget of one execution, and the requests that wait for room in it."""

    def __init__(self, execution_id: str, account: Account) -> None:
        self.execution_id = execution_id
        self.account = account
        self._changed = asyncio.Event()

    def change(self, budget: Budget) -> None:
        """Go by another budget from now on."""
        self.account.budget = budget
        self._tell()

    async def reserve(self, name: str, most: Amount, waiter: Waiter) -> None:
        """Set aside what a request can cost; waits while others under way may leave room for it.

        Raises:
            BudgetSpentError: nothing can.
        """
        while (room := self.account.room_for(most)) != "fits":
            if room == "never":
                raise BudgetSpentError(shortfall(self.account, most))
            await self._wait(waiter)
        self.account.reserve(name, most)

    def settle(self, name: str, cost: Amount) -> None:
        """Put what it did cost in place of what was set aside."""
        self.account.settle(name, cost)
        self._tell()

    async def _wait(self, waiter: Waiter) -> None:
        waiter.waiting(True)
        try:
            await self._changed.wait()
        finally:
            waiter.waiting(False)

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Toll:
    """What one call costs, request by request; without a purse it only counts.

    `unpriced` counts requests that may have cost something nobody told.
    """

    def __init__(
        self,
        *,
        key: int,
        now: Callable[[], float],
        names: Callable[[], str],
        purse: Purse | None,
        book: ChargeBook,
    ) -> None:
        self.unpriced = 0
        self._key = key
        self._model = ""
        self._pricing: Pricing | None = None
        self._now = now
        self._names = names
        self._purse = purse
        self._book = book
        self._charge: Charge | None = None
        self._is_paid = False

    def price(self, pricing: Pricing | None, model: str) -> None:
        """Go by the prices of this model from now on; None: nobody knows them."""
        self._pricing, self._model = pricing, model

    def take_unpriced(self) -> int:
        """Take the count, for one attempt; the next to ask gets 0."""
        taken, self.unpriced = self.unpriced, 0
        return taken

    @asynccontextmanager
    async def held(self, request: ModelRequest, waiter: Waiter) -> AsyncGenerator[None]:
        """Hold what the request can cost at most, until it is settled or was not sent.

        Raises:
            BudgetSpentError: the budget does not cover it.
        """
        purse = self._purse
        if purse is None:
            yield
            return
        name, most = self._names(), most_of(request, self._pricing)
        await purse.reserve(name, most, waiter)
        self._charge = Charge(
            charge_id=name, execution_id=purse.execution_id, key=self._key, model=self._model, most=most, at=self._now()
        )
        try:
            yield
        finally:
            self._let_go(purse)

    @asynccontextmanager
    async def sending(self) -> AsyncGenerator[None]:
        """Note what a request can cost; it is sent inside, and what it did cost, or may have, is noted after it."""
        await self._note()
        self._is_paid = False
        try:
            yield
        except BaseException as error:
            if not self._is_paid:
                self._fail(error)
            raise
        if not self._is_paid:
            raise RuntimeError("a request was answered and not paid")

    def pay(self, response: ModelResponse) -> ModelResponse:
        """Settle the request that was answered so; returns the answer with its cost."""
        self._is_paid = True
        response = msgspec.structs.replace(response, cost_usd=self._cost(response))
        self._settle(self._amount(response))
        return response

    def _fail(self, error: BaseException) -> None:
        may_cost = error.may_cost if isinstance(error, TransientError) else not isinstance(error, AttemptError)
        self.unpriced += may_cost
        self._settle(None if may_cost else Amount())

    def _let_go(self, purse: Purse) -> None:
        """Free what is held for a request that was not sent; the journal knows nothing of it."""
        charge, self._charge = self._charge, None
        if charge is not None:
            purse.settle(charge.charge_id, Amount())

    async def _note(self) -> None:
        if self._charge is None:
            return
        try:
            await self._book.note_charge(self._charge)
        except asyncio.CancelledError:
            # The note may be written all the same, and nothing was sent.
            self._settle(Amount())
            raise

    def _settle(self, cost: Amount | None) -> None:
        """Settle the request under way; None: it may have cost all that was set aside."""
        charge, self._charge = self._charge, None
        if charge is None or self._purse is None:
            return
        actual = charge.most if cost is None else self._known(cost, charge.most)
        # In the order of the calls: whoever reserves next finds this in the journal before its own note.
        self._book.settle_charge(charge.charge_id, actual, self._now())
        self._purse.settle(charge.charge_id, actual)

    def _known(self, cost: Amount, most: Amount) -> Amount:
        if cost.tokens > most.tokens:
            _log.warning("%s: counted %d tokens where %d were the most", self._model, cost.tokens, most.tokens)
        return msgspec.structs.replace(cost, nanos=most.nanos) if cost.nanos is None else cost

    def _amount(self, response: ModelResponse) -> Amount | None:
        if not response.is_language_model:
            return Amount()
        if response.input_tokens is None or response.output_tokens is None:
            return None
        nanos = None if response.cost_usd is None else nanos_of(response.cost_usd)
        return Amount(response.input_tokens + response.output_tokens, nanos)

    def _cost(self, response: ModelResponse) -> float | None:
        if not response.is_language_model:
            return 0.0
        given, made = response.input_tokens, response.output_tokens
        if self._pricing is None or given is None or made is None:
            return None
        read = min(given, response.cached_input_tokens or 0)
        written = min(given - read, response.cache_write_tokens or 0)
        tokens = Tokens(input=given, output=made, cached_input=read, cache_write=written)
        return self._pricing.cost_usd(tokens, self._now())


class Spending:
    """The purses of the executions that have a budget. `origin` tells this gateway from every other one."""

    def __init__(self, book: ChargeBook, *, origin: str, now: Callable[[], float]) -> None:
        self._book = book
        self._now = now
        numbers = itertools.count(1)
        self._names = lambda: f"{origin}-{next(numbers)}"
        self._purses: dict[str, Purse] = {}

    def fund(self, execution_id: str, budget: Budget, spent: Amount) -> None:
        """Hold an execution to a budget; `spent` counts where nothing is known of it here."""
        purse = self._purses.get(execution_id)
        if purse is None:
            self._purses[execution_id] = Purse(execution_id, Account(budget, spent))
        else:
            purse.change(budget)

    def end(self, execution_id: str) -> None:
        """Forget the budget of an execution, unless a request of it is still under way."""
        purse = self._purses.get(execution_id)
        if purse is not None and purse.account.is_idle:
            del self._purses[execution_id]

    def bounded(self, request: ModelRequest, execution_id: str) -> ModelRequest:
        """The request with a bound on its answer, where it is held to a budget."""
        if request.max_tokens is not None or execution_id not in self._purses:
            return request
        return msgspec.structs.replace(request, max_tokens=DEFAULT_MAX_TOKENS)

    def toll(self, execution_id: str, key: int) -> Toll:
        """The toll of one call of a task."""
        purse = self._purses.get(execution_id)
        return Toll(key=key, now=self._now, names=self._names, purse=purse, book=self._book)
