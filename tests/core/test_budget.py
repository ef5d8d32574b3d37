"""A budget in use: what is settled and what is set aside never pass it, to the last thousand-millionth of a dollar."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.budget import (
    NANOS,
    Account,
    Amount,
    Budget,
    budget_of,
    dollars,
    nanos_of,
    shortfall,
    with_limits,
)
from parallel_agents.core.errors import InputError

amounts = st.builds(Amount, st.integers(0, 10_000), st.integers(0, 10**8))
budgets = st.builds(
    Budget,
    usd=st.one_of(st.none(), st.floats(0, 1, allow_nan=False)),
    tokens=st.integers(0, 50_000),
)


@given(
    budget=budgets,
    steps=st.lists(st.tuples(amounts, st.booleans(), st.floats(0, 1, allow_nan=False)), max_size=40),
)
def test_no_order_of_reserving_and_settling_passes_the_budget(
    budget: Budget, steps: list[tuple[Amount, bool, float]]
) -> None:
    account, is_open = Account(budget, Amount()), dict[str, Amount]()
    for number, (most, settles_first, share) in enumerate(steps):
        if settles_first and is_open:
            name, held = is_open.popitem()
            account.settle(name, Amount(int(held.tokens * share), int((held.nanos or 0) * share)))
        if account.room_for(most) == "fits":
            account.reserve(f"call {number}", most)
            is_open[f"call {number}"] = most
        held_in_all = account.spent + account.reserved
        assert held_in_all.tokens <= (budget.tokens or 0)
        assert budget.usd is None or Fraction(held_in_all.nanos or 0, NANOS) <= Fraction(repr(budget.usd))


@given(budget=budgets, spent=amounts, held=amounts, most=amounts)
def test_a_request_waits_only_where_what_is_set_aside_may_still_leave_room_for_it(
    budget: Budget, spent: Amount, held: Amount, most: Amount
) -> None:
    account = Account(budget, spent)
    if account.room_for(held) == "fits":
        account.reserve("one", held)
    room = account.room_for(most)
    if not account.is_idle:
        account.settle("one", Amount())
    # What was said is what is there once everything that was set aside has turned out to cost nothing.
    assert (room == "never") == (account.room_for(most) == "never")
    assert account.room_for(most) != "later"


@given(usd=st.decimals(0, 1000, places=9, allow_nan=False))
def test_an_amount_in_decimal_digits_is_itself(usd: object) -> None:
    assert nanos_of(float(str(usd))) == Fraction(str(usd)) * NANOS
    assert Budget(usd=float(str(usd))).nanos == Fraction(str(usd)) * NANOS


def test_a_part_of_the_smallest_amount_counts_as_a_whole_one() -> None:
    assert nanos_of(0.1e-9) == 1
    assert nanos_of(591 * 2e-6 + 151 * 8e-6) == 2_390_000
    assert Budget(usd=1.9e-9).nanos == 1


def test_a_tenth_ten_times_is_one() -> None:
    account = Account(Budget(usd=1.0), Amount())
    for number in range(10):
        account.reserve(str(number), Amount(0, nanos_of(0.1)))
        account.settle(str(number), Amount(0, nanos_of(0.1)))
    assert account.room_for(Amount(0, 0)) == "fits"
    assert account.room_for(Amount(0, 1)) == "never"


def test_money_is_not_counted_at_an_unknown_price_and_tokens_are() -> None:
    unpriced = Amount(10, None)
    assert Account(Budget(usd=1000.0), Amount()).room_for(unpriced) == "never"
    assert Account(Budget(tokens=10), Amount()).room_for(unpriced) == "fits"
    assert "nobody knows the price" in shortfall(Account(Budget(usd=1.0), Amount()), unpriced)


def test_what_is_short_is_said_in_figures() -> None:
    account = Account(Budget(usd=0.02, tokens=500), Amount(300, 15_000_000))
    account.reserve("one", Amount(100, 2_500_000))
    money, tokens = shortfall(account, Amount(150, 40_000_000)), shortfall(account, Amount(250, 40_000_000))
    assert "the budget of $0.02 " in money
    assert "$0.015 spent, $0.0025 reserved, and it could cost $0.04; resume it with a higher one" in money
    assert "the budget of 500 tokens" in tokens
    assert "300 spent, 100 reserved, and it could take 250; resume it with a higher one" in tokens


@pytest.mark.parametrize(
    ("nanos", "text"), [(0, "$0.00"), (NANOS, "$1.00"), (1, "$0.000000001"), (12 * 10**8, "$1.20")]
)
def test_money_is_shown_as_far_as_it_goes(nanos: int, text: str) -> None:
    assert dollars(nanos) == text


@pytest.mark.parametrize("usd", [-0.01, float("nan"), float("inf"), True, 1e12])
def test_what_is_no_amount_of_money_is_refused(usd: float) -> None:
    with pytest.raises(InputError, match="US dollars"):
        Budget(usd=usd)


@pytest.mark.parametrize("tokens", [-1, True, 10**18])
def test_what_is_no_number_of_tokens_is_refused(tokens: int) -> None:
    with pytest.raises(InputError, match="tokens"):
        Budget(tokens=tokens)


def test_a_budget_has_an_amount() -> None:
    with pytest.raises(InputError, match="needs an amount"):
        Budget()
    assert budget_of(None, None) is None


def test_the_limits_that_are_given_take_the_place_of_the_others() -> None:
    usual = Budget(usd=1.0, tokens=100)
    assert with_limits(usual, Budget(tokens=7)) == Budget(usd=1.0, tokens=7)
    assert with_limits(None, usual) == with_limits(usual, None) == usual
