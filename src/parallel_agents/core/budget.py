"""What an execution may spend: reserved before every request, settled after it, never passed.

Money is counted in whole thousand-millionths of a dollar, so that sums are exact; a fraction of one counts as a whole.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

import msgspec

from parallel_agents.core.errors import InputError

NANOS = 1_000_000_000
"""So many to a dollar."""
MOST_USD = 1_000_000_000
MOST_TOKENS = 1_000_000_000_000_000

Room = Literal["fits", "later", "never"]
"""Whether a request can be paid: now, perhaps once others are settled, or not out of this budget."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """The most that one execution may spend in all, in US dollars and in tokens (input and output); None is no limit.

    Raises `InputError` for what is no amount, or neither of both.
    """

    usd: float | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        if self.usd is None and self.tokens is None:
            raise InputError("a budget needs an amount: US dollars, tokens, or both")
        if self.usd is not None and not (_is_number(self.usd) and 0 <= self.usd <= MOST_USD):
            raise InputError(f"a budget of {self.usd!r} US dollars is none: it has to be from 0 to {MOST_USD}")
        tokens = self.tokens
        if tokens is not None and (isinstance(tokens, bool) or not 0 <= tokens <= MOST_TOKENS):
            raise InputError(f"a budget of {tokens!r} tokens is none: it has to be from 0 to {MOST_TOKENS}")

    @property
    def nanos(self) -> int | None:
        """The money, rounded down."""
        # By its decimal digits: 0.1 is meant as a tenth, which the number in binary passes.
        return None if self.usd is None else math.floor(Fraction(repr(float(self.usd))) * NANOS)


def budget_of(usd: float | None, tokens: int | None) -> Budget | None:
    """A budget of these; None where both are None."""
    return None if usd is None and tokens is None else Budget(usd=usd, tokens=tokens)


def with_limits(budget: Budget | None, others: Budget | None) -> Budget | None:
    """A budget with the limits that `others` has in place of its own."""
    if budget is None or others is None:
        return others or budget
    usd = budget.usd if others.usd is None else others.usd
    return Budget(usd=usd, tokens=budget.tokens if others.tokens is None else others.tokens)


class Amount(msgspec.Struct, frozen=True):
    """Tokens (input and output), and money in nano-dollars; `nanos` is None where nobody knows the price."""

    tokens: int = 0
    nanos: int | None = 0

    def __add__(self, other: Amount) -> Amount:
        unknown = self.nanos is None or other.nanos is None
        return Amount(self.tokens + other.tokens, None if unknown else (self.nanos or 0) + (other.nanos or 0))

    def __sub__(self, other: Amount) -> Amount:
        unknown = self.nanos is None or other.nanos is None
        return Amount(self.tokens - other.tokens, None if unknown else (self.nanos or 0) - (other.nanos or 0))

    @property
    def usd(self) -> float | None:
        """The money in US dollars."""
        return None if self.nanos is None else self.nanos / NANOS


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What requests have cost: those that are `settled`, and at most those that are `open`."""

    settled: Amount = Amount()
    open: Amount = Amount()


class Account:
    """One execution's budget in use. What is settled and what is reserved together never pass it.

    That holds as long as no request costs more than was reserved for it.
    """

    def __init__(self, budget: Budget, spent: Amount) -> None:
        self.budget = budget
        self.spent = spent
        self._open: dict[str, Amount] = {}

    @property
    def reserved(self) -> Amount:
        """What the requests under way can cost at most."""
        return sum(self._open.values(), Amount())

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return not self._open

    def room_for(self, most: Amount) -> Room:
        """Tell whether a request that costs at most so much can be paid."""
        if not self._covers(self.spent + most):
            return "never"
        return "fits" if self._covers(self.spent + self.reserved + most) else "later"

    def reserve(self, name: str, most: Amount) -> None:
        """Set the most that a request can cost aside, for which there is room."""
        if name in self._open or self.room_for(most) != "fits":
            raise ValueError(f"there is no room for {name}")
        self._open[name] = most

    def settle(self, name: str, cost: Amount) -> None:
        """Put what the request did cost, or may have, in place of what was set aside."""
        del self._open[name]
        self.spent += cost

    def _covers(self, amount: Amount) -> bool:
        limit, most_tokens = self.budget.nanos, self.budget.tokens
        if most_tokens is not None and amount.tokens > most_tokens:
            return False
        return limit is None or (amount.nanos is not None and amount.nanos <= limit)


def nanos_of(usd: float) -> int:
    """An amount of dollars in nano-dollars, rounded up.

    What a sum of binary fractions leaves behind the fourth digit is no money: prices have at most six digits, for a
    million tokens.
    """
    return math.ceil(round(usd * NANOS, 4))


def dollars(nanos: int) -> str:
    """An amount as people read it: to the cent, or as far as it goes below one."""
    whole, rest = divmod(nanos, NANOS)
    digits = f"{rest:09}".rstrip("0")
    return f"${whole}.{digits:0<2}"


def shortfall(account: Account, most: Amount) -> str:
    """Say why a request cannot be paid, in words for whoever set the budget."""
    budget, spent, reserved = account.budget, account.spent, account.reserved
    if budget.tokens is not None and spent.tokens + most.tokens > budget.tokens:
        return (
            f"the budget of {budget.tokens} tokens does not cover the next call: {spent.tokens} spent, "
            f"{reserved.tokens} reserved, and it could take {most.tokens}; resume it with a higher one"
        )
    if most.nanos is None or spent.nanos is None:
        return "the budget is one of US dollars, and nobody knows the price of the next call"
    return (
        f"the budget of {dollars(budget.nanos or 0)} does not cover the next call: {dollars(spent.nanos)} spent, "
        f"{dollars(reserved.nanos or 0)} reserved, and it could cost {dollars(most.nanos)}; resume it with a higher one"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
