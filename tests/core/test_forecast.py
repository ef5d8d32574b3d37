"""What a forecast says, what it stands on, and how often it is right about its own range."""

from __future__ import annotations

import random

import pytest

from parallel_agents.core.forecast import Basis, Observed, Range, Source, Work, forecast, spread
from parallel_agents.core.pilot import chosen_for_pilot
from parallel_agents.core.prices import Price
from parallel_agents.core.schedule import Slots

SLOTS = Slots(at_once=4)
PRICE = Price(input=2.0, output=10.0)


def seen(
    *, foreseen: int | None = 100, sent: int = 150, got: int = 300, busy_s: float = 2.0, calls: int = 1
) -> Observed:
    return Observed(calls=calls, foreseen_input=foreseen, input_tokens=sent, output_tokens=got, busy_s=busy_s)


def test_without_history_the_request_and_the_contract_are_what_it_stands_on() -> None:
    work = Work(agent="a", model="m", inputs=(100, 300), contract_output=Range(10, 20, 40), pricing=PRICE)
    found = forecast([work], SLOTS, at=0.0)
    (one,) = found.agents
    assert one.input_tokens is not None
    assert one.input_tokens.likely == 400
    assert one.input_basis == Basis(source=Source.REQUEST)
    assert one.output_tokens == Range(20, 40, 80)
    assert one.output_basis == Basis(source=Source.CONTRACT)
    assert found.cost_usd is not None
    assert found.cost_usd.likely == pytest.approx((400 * 2 + 40 * 10) / 1e6)
    assert found.duration_s is None, "nobody has seen how long one takes"


def test_what_was_observed_goes_before_what_was_estimated() -> None:
    work = Work(agent="a", model="m", inputs=(100, 300), observed=(seen(), seen()), pricing=PRICE)
    found = forecast([work], SLOTS, at=0.0)
    (one,) = found.agents
    assert one.input_tokens is not None
    assert one.output_tokens is not None
    assert one.input_tokens.likely == pytest.approx(600), "half as much again as estimated, as both observed were"
    assert one.output_tokens.likely == 600
    assert one.output_basis == Basis(source=Source.EARLIER, tasks=2)
    assert found.duration_s is not None
    assert found.duration_s.likely == 2.0


def test_another_agent_s_ratio_corrects_the_estimate_of_the_same_model() -> None:
    work = Work(agent="a", model="m", inputs=(100,), ratios=(2.0, 2.0, 2.0), pricing=PRICE)
    (one,) = forecast([work], SLOTS, at=0.0).agents
    assert one.input_tokens is not None
    assert one.input_tokens.likely == 200
    assert one.input_basis == Basis(source=Source.EARLIER, tasks=3)


def test_an_unknown_price_is_unknown_and_named_and_never_nothing() -> None:
    work = Work(agent="a", model="openai:x", inputs=(100,), contract_output=Range(1, 2, 3))
    found = forecast([work], SLOTS, at=0.0)
    assert found.cost_usd is None
    assert found.unpriced == ("openai:x",)


def test_a_part_that_is_unknown_makes_the_sum_unknown() -> None:
    known = Work(agent="a", model="m", inputs=(100,), contract_output=Range(1, 2, 3), pricing=PRICE)
    python = Work(agent="b", model="m", inputs=(None,), pricing=PRICE)
    found = forecast([known, python], SLOTS, at=0.0)
    assert found.agents[0].cost_usd is not None
    assert found.agents[1].input_tokens is None
    assert found.cost_usd is None
    assert found.input_tokens is None


def test_a_pilot_makes_a_python_agent_foreseeable() -> None:
    python = Work(
        agent="b",
        model="m",
        inputs=(None,) * 10,
        observed=(seen(foreseen=None),) * 3,
        observed_by=Source.PILOT,
        pricing=PRICE,
    )
    (one,) = forecast([python], SLOTS, at=0.0).agents
    assert one.input_tokens is not None
    assert one.input_tokens.likely == 1500
    assert one.input_basis == Basis(source=Source.PILOT, tasks=3)


def test_what_calls_no_language_model_costs_nothing() -> None:
    found = forecast([Work(agent="a", model="offline", inputs=(100,), has_no_model=True)], SLOTS, at=0.0)
    assert found.cost_usd == Range(0, 0, 0)
    assert found.unpriced == ()


def test_a_batch_that_was_answered_before_needs_nothing() -> None:
    found = forecast([], SLOTS, at=0.0)
    assert (found.tasks, found.cost_usd, found.duration_s) == (0, Range(0, 0, 0), Range(0, 0, 0))


def test_tasks_that_were_asked_twice_are_told_as_a_share() -> None:
    work = Work(agent="a", model="m", inputs=(1,), observed=(seen(), seen(calls=2), seen(), seen()))
    assert forecast([work], SLOTS, at=0.0).agents[0].repaired_share == 0.25


def test_the_same_question_gets_the_same_answer() -> None:
    work = Work(agent="a", model="m", inputs=(1,) * 50, observed=tuple(seen(busy_s=one) for one in (1.0, 2.0, 7.0)))
    assert forecast([work], SLOTS, at=0.0) == forecast([work], SLOTS, at=0.0)


def test_three_equal_observations_are_no_proof() -> None:
    found = spread([5.0, 5.0, 5.0], 10)
    assert found is not None
    assert found.low < found.likely == 50 < found.high


@pytest.mark.parametrize("observed", [3, 10])
def test_four_of_five_sums_lie_in_their_range(observed: int) -> None:
    chance = random.Random(observed)
    inside = 0
    for _ in range(500):
        few = [chance.lognormvariate(0, 0.5) for _ in range(observed)]
        found = spread(few, 40)
        assert found is not None
        inside += found.low <= sum(chance.lognormvariate(0, 0.5) for _ in range(40)) <= found.high
    assert 0.72 <= inside / 500 <= 0.9


def test_a_pilot_takes_small_middling_and_large_tasks_of_every_agent() -> None:
    assert chosen_for_pilot([("a", size) for size in (9, 1, 5, 3, 7, 2)], 3) == [0, 2, 5]
    mixed = [("a", 1), ("b", 1)] * 4
    assert {mixed[position][0] for position in chosen_for_pilot(mixed, 2)} == {"a", "b"}


def test_a_pilot_of_more_than_there_are_takes_all() -> None:
    assert chosen_for_pilot([("a", 3), ("a", 1)], 9) == [0, 1]
    assert chosen_for_pilot([], 3) == []
