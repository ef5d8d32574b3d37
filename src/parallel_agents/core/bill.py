"""What an execution has taken and cost, as the document shows it. What nobody knows is None, never 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from parallel_agents.core.budget import Budget, Spent
from parallel_agents.core.task import AttemptRecord

N = TypeVar("N", int, float)


class Bill:
    """Tokens and cost of attempts, added up one task at a time.

    An answer counts for one attempt only, so that the sums are what was paid. They are sums of what providers told:
    `cost_usd` is None where any request may have cost something that is not in it, `known_cost_usd` leaves those out.
    """

    def __init__(self) -> None:
        self._input: int | None = None
        self._output: int | None = None
        self._cached: int | None = None
        self._cost: float | None = None
        self._unpriced = 0

    def add(self, attempts: Iterable[AttemptRecord]) -> None:
        """Count the attempts of one task."""
        for attempt in attempts:
            self._input = _sum(self._input, attempt.input_tokens)
            self._output = _sum(self._output, attempt.output_tokens)
            self._cached = _sum(self._cached, attempt.cached_input_tokens)
            self._unpriced += attempt.unpriced
            self._cost = _sum(self._cost, attempt.cost_usd)

    def told(self) -> dict[str, Any]:
        """The part `token_usage`."""
        given, made, known = self._input, self._output, self._cost
        return {
            "input_tokens": given,
            "output_tokens": made,
            "total_tokens": None if given is None or made is None else given + made,
            "cached_input_tokens": self._cached,
            "cost_usd": None if self._unpriced else _rounded(known),
            "known_cost_usd": _rounded(known),
            "requests_of_unknown_cost": self._unpriced,
        }


def cost_of(attempts: Iterable[AttemptRecord]) -> float | None:
    """What attempts cost in US dollars; None where nobody knows, or nothing was asked."""
    bill = Bill()
    bill.add(attempts)
    return bill.told()["cost_usd"]


def budget_part(budget: Budget | None, spent: Spent | None, *, owned: bool) -> dict[str, Any] | None:
    """The part `budget`; None where there is none.

    What requests can cost that are under way is reserved; once nobody runs the execution, it counts as spent.
    """
    if budget is None or spent is None:
        return None
    gone = spent.settled if owned else spent.settled + spent.open
    return {
        "usd": budget.usd,
        "tokens": budget.tokens,
        "spent_usd": gone.usd,
        "spent_tokens": gone.tokens,
        "reserved_usd": spent.open.usd if owned else 0.0,
        "reserved_tokens": spent.open.tokens if owned else 0,
    }


def _sum(one: N | None, other: N | None) -> N | None:
    return other if one is None else one if other is None else one + other


def _rounded(usd: float | None) -> float | None:
    # To the thousand-millionth: what sums of binary fractions leave behind that is no money.
    return None if usd is None else round(usd, 9)
