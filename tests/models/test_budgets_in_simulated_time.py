"""A budget is never passed by the provider's own count, whatever happens on the way: through the real gateway."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar, cast

import pytest
from tests.models.simulated_time import epoch, simulated

from parallel_agents.core.budget import NANOS, Amount, Budget
from parallel_agents.core.errors import (
    BudgetSpentError,
    ItemError,
    RateLimitedError,
    TransientError,
)
from parallel_agents.core.outcome import CallTotals
from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.models import ModelGateway, failures
from parallel_agents.models.bounds import most_of
from parallel_agents.models.prices import pricing_of
from parallel_agents.ports.entries import Charge
from parallel_agents.ports.journal import Reader
from parallel_agents.ports.models import Message, ModelRequest, ModelResponse, OutputSchema

T = TypeVar("T")
MODEL = "openai:scripted"
EXECUTION = "exec-0000000000000001"
SCHEDULES = 200
SETTINGS = Settings(
    models={
        MODEL: ModelSettings(
            timeout_seconds=20.0,
            input_usd_per_million=2.5,
            output_usd_per_million=10.0,
            cached_input_usd_per_million=0.25,
            cache_write_usd_per_million=3.125,
        )
    }
)
ENVIRON = {"OPENAI_API_KEY": "sk-planted"}
SCHEMA = OutputSchema("answer", {"type": "object", "properties": {"说明": {"type": "string", "minLength": 4}}})


class ScriptedProvider:
    """Answers, refuses, hangs, cuts off: by chance. It bills by its own count whatever it began to work on."""

    lane = MODEL

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.tokens = 0
        self.nanos = Fraction(0)
        self.fates: Counter[str] = Counter()
        # A tokenizer of its own: from a fifth of a token to a whole one for each byte of UTF-8.
        self._per_byte = chance.uniform(0.2, 1.0)

    async def complete(self, request: ModelRequest) -> ModelResponse:
        chance = self._chance
        fates = ["answers"] * 12 + ["refuses", "limits", "fails", "hangs", "cuts", "garbles", "hides its figures"]
        fate = chance.choice(fates)
        self.fates[fate] += 1
        await asyncio.sleep(chance.uniform(0, 0.2))
        if fate == "refuses":
            raise ItemError("HTTP 400")
        if fate == "limits":
            raise RateLimitedError("HTTP 429", chance.choice([None, 0.3, 2.0]))
        if fate == "fails":
            raise TransientError("HTTP 500 server_error: overloaded")
        given, made, cached, written = self._bill(request)
        await asyncio.sleep(1000.0 if fate == "hangs" else chance.uniform(0, 15))
        if fate == "cuts":
            raise failures.lost_connection(self.lane, ConnectionResetError("reset"), "")
        if fate == "garbles":
            raise failures.unreadable(self.lane, "not JSON", "")
        is_told = fate == "answers"
        return ModelResponse(
            text="回答",
            model=MODEL,
            is_language_model=True,
            input_tokens=given if is_told else None,
            output_tokens=made if is_told else None,
            cached_input_tokens=cached,
            cache_write_tokens=written,
        )

    async def aclose(self) -> None:
        """Do nothing."""

    def _bill(self, request: ModelRequest) -> tuple[int, int, int, int]:
        texts = [request.system, *(message.content for message in request.messages)]
        rate = self._chance.choice([self._per_byte, 1.0])
        given = sum(int(len(text.encode()) * rate) for text in texts) + self._chance.randint(0, 4) * len(texts)
        if request.output is not None:
            given += self._chance.randint(0, 530) + len(str(request.output.json_schema).encode())
        assert request.max_tokens is not None, "nothing bounds the answer"
        made = self._chance.choice([request.max_tokens, self._chance.randint(0, request.max_tokens)])
        cached = self._chance.randint(0, given) if self._chance.random() < 0.3 else 0
        written = self._chance.randint(0, given - cached) if self._chance.random() < 0.3 else 0
        self.tokens += given + made
        rates = ((given - cached - written, "2.5"), (made, "10"), (cached, "0.25"), (written, "3.125"))
        dollars = sum((Fraction(count) * Fraction(rate) for count, rate in rates), Fraction(0))
        self.nanos += dollars * NANOS / 1_000_000
        return given, made, cached, written


class Ledger:
    """What a journal keeps of calls: writes land in their order, each a little later than it was asked for."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.calls: dict[tuple[int, str, int], bytes] = {}
        self.most: dict[str, Amount] = {}
        self.cost: dict[str, Amount] = {}
        self.asked: dict[str, Amount] = {}
        self._last_at = 0.0

    async def read(self, query: Callable[[Reader], T]) -> T:
        await asyncio.sleep(0)
        return query(cast("Reader", self))

    def find_call(self, key: int, request_hash: str, ordinal: int) -> bytes | None:
        return self.calls.get((key, request_hash, ordinal))

    def record_call(
        self, key: int, request_hash: str, ordinal: int, response: bytes, at: float
    ) -> asyncio.Future[None]:
        assert at > 0
        return self._later(lambda: self.calls.setdefault((key, request_hash, ordinal), response))

    def note_charge(self, charge: Charge) -> asyncio.Future[None]:
        return self._later(lambda: self.most.update({charge.charge_id: charge.most}))

    def settle_charge(self, charge_id: str, cost: Amount, at: float) -> asyncio.Future[None]:
        assert at > 0
        self.asked[charge_id] = cost
        return self._later(lambda: self.cost.setdefault(charge_id, cost))

    def _later(self, write: Callable[[], object]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._last_at = max(self._last_at, loop.time() + self._chance.choice([0.001, 0.05, 1.0]))

        def land() -> None:
            write()
            if not written.done():
                written.set_result(None)

        loop.call_at(self._last_at, land)
        return written

    def survives(self) -> Ledger:
        """What a process that takes over finds: only what has landed."""
        found = Ledger(self._chance)
        found.calls, found.most, found.cost = dict(self.calls), dict(self.most), dict(self.cost)
        return found

    @property
    def spent(self) -> Amount:
        """As the journal adds it up after a death: in full what is not settled."""
        return sum((self.cost.get(name, most) for name, most in self.most.items()), Amount())


class Attempt:
    """The caller's side of a call."""

    def __init__(self, key: int, number: int) -> None:
        self.key = key
        self.attempt = number
        self.execution_id = EXECUTION
        self.model = MODEL
        self.totals = CallTotals()
        self._ordinals: Counter[str] = Counter()

    def next_ordinal(self, request_hash: str) -> int:
        self._ordinals[request_hash] += 1
        return self._ordinals[request_hash] - 1

    def waiting(self, is_waiting: bool) -> None:
        """Its clock is of no interest here."""


class Schedule:
    """One execution: many tasks at once, some cancelled, its engine lost now and then."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.provider = ScriptedProvider(self.chance)
        self.ledger = Ledger(self.chance)
        usd, tokens = self.chance.uniform(0.001, 0.6), self.chance.randint(500, 60_000)
        self.budget = self.chance.choice([Budget(usd=usd), Budget(tokens=tokens), Budget(usd=usd, tokens=tokens)])
        self.asked = [self._requests(key) for key in range(self.chance.randint(1, 24))]
        self.spent_before = Amount()
        self.done: set[int] = set()
        self.refused = 0
        self.engines = 0

    def _requests(self, key: int) -> list[ModelRequest]:
        chance = self.chance
        return [
            ModelRequest(
                messages=(Message("user", chance.choice(["请解释", "explain 🙂 "]) * chance.randint(1, 200)),),
                system=f"task {key}",
                output=chance.choice([None, SCHEMA]),
                max_tokens=chance.choice([None, 16, 300, 2000]),
            )
            for _ in range(chance.randint(1, 3))
        ]

    async def run(self) -> None:
        for _ in range(self.chance.randint(1, 4)):
            await self._engine(self.chance.choice([None, self.chance.uniform(0.5, 60)]))
            self.ledger = self.ledger.survives()

    async def _engine(self, dies_after_s: float | None) -> None:
        self.engines += 1
        gateway = ModelGateway(
            SETTINGS,
            self.ledger,
            now=epoch,
            random=self.chance.random,
            environ=ENVIRON,
            build=self._build,
        )
        await gateway.start([MODEL])
        self.spent_before = self.ledger.spent
        gateway.fund(EXECUTION, self.budget, self.spent_before)
        try:
            async with asyncio.timeout(dies_after_s), asyncio.TaskGroup() as group:
                for key in range(len(self.asked)):
                    if key not in self.done:
                        group.create_task(self._task(gateway, key))
                        await asyncio.sleep(self.chance.uniform(0, 1))
        except TimeoutError:
            # Dead: what it still writes while it is closed goes nowhere.
            dead, self.ledger = self.ledger, self.ledger.survives()
            await gateway.aclose()
            assert dead is not self.ledger
        else:
            await gateway.aclose()
            await asyncio.sleep(30)

    def _build(self, *_: object) -> ScriptedProvider:
        return self.provider

    async def _task(self, gateway: ModelGateway, key: int) -> None:
        for number in range(1, 4):
            attempt = Attempt(key, number)
            patience_s = self.chance.choice([None, None, None, self.chance.uniform(0, 8)])
            try:
                async with asyncio.timeout(patience_s):
                    for request in self.asked[key]:
                        await gateway.call(request, attempt)
            except TimeoutError:
                await gateway.abandon(key)
            except BudgetSpentError:
                self.refused += 1
                self._check_that_it_was_short(key)
                return
            except ItemError:
                return
            except TransientError:
                continue
            else:
                self.done.add(key)
                return

    def _check_that_it_was_short(self, key: int) -> None:
        """No call is refused that what is left would have covered."""
        spent = sum(self.ledger.asked.values(), self.spent_before)
        dearest = [most_of(_bounded(request), pricing_of(MODEL, SETTINGS, ENVIRON)) for request in self.asked[key]]
        assert any(not _covers(self.budget, spent + most) for most in dearest)


def _bounded(request: ModelRequest) -> ModelRequest:
    return ModelRequest(
        messages=request.messages,
        system=request.system,
        output=request.output,
        max_tokens=4096 if request.max_tokens is None else request.max_tokens,
    )


def _covers(budget: Budget, amount: Amount) -> bool:
    limit = budget.nanos
    return (budget.tokens is None or amount.tokens <= budget.tokens) and (limit is None or (amount.nanos or 0) <= limit)


@pytest.mark.parametrize("first", range(0, SCHEDULES, 20))
def test_the_budget_is_never_passed_by_the_providers_own_count(first: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, first + 20):
        schedule = Schedule(seed)
        simulated(schedule.run())
        provider, budget = schedule.provider, schedule.budget
        assert budget.tokens is None or provider.tokens <= budget.tokens, f"seed {seed}"
        assert budget.nanos is None or provider.nanos <= budget.nanos, f"seed {seed}"
        seen.update(provider.fates)
        seen.update(refused=bool(schedule.refused), done=bool(schedule.done), lost=schedule.engines > 1)
    # The schedules are worth their name: everything has happened, refusals and successes too.
    assert all(seen[what] for what in ("refused", "done", "lost"))
    assert all(seen[fate] for fate in ("answers", "limits", "fails", "hangs", "cuts", "garbles", "hides its figures"))
