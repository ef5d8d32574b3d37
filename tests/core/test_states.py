"""The transition table: what it allows, what it refuses, and what it charges."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.errors import IllegalTransitionError
from parallel_agents.core.states import (
    SETTLED,
    TRANSITIONS,
    Charge,
    State,
    Transition,
    Trigger,
    charged_after,
    move,
    sources,
)

LEGAL = {(row.source, row.trigger) for row in TRANSITIONS}
ILLEGAL = [pair for pair in itertools.product([None, *State], Trigger) if pair not in LEGAL]


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row.source}-{row.trigger}")
def test_every_row_is_found_by_its_source_and_trigger(row: Transition) -> None:
    assert move(row.source, row.trigger) is row


@pytest.mark.parametrize(("state", "trigger"), ILLEGAL)
def test_a_move_that_the_table_does_not_have_is_refused(state: State | None, trigger: Trigger) -> None:
    with pytest.raises(IllegalTransitionError) as caught:
        move(state, trigger)
    assert (caught.value.state, caught.value.trigger) == (state, trigger)


def test_no_move_stands_twice() -> None:
    assert len(LEGAL) == len(TRANSITIONS)


def test_every_state_can_be_reached_from_the_start() -> None:
    reached: set[State | None] = {None}
    for _ in TRANSITIONS:
        reached |= {row.target for row in TRANSITIONS if row.source in reached}
    assert reached == {None, *State}


def test_every_trigger_is_used_and_every_row_says_why() -> None:
    assert {row.trigger for row in TRANSITIONS} == set(Trigger)
    assert all(row.cause for row in TRANSITIONS)


def test_a_settled_task_moves_only_when_the_user_asks_for_another_try() -> None:
    leaving = {(row.source, row.trigger, row.target) for row in TRANSITIONS if row.source in SETTLED}
    retried = {State.FAILED, State.SKIPPED, State.CANCELLED}
    anew = (State.COMPLETED, Trigger.RENEWED, State.PENDING)
    assert leaving == {(state, Trigger.RETRIED, State.PENDING) for state in retried} | {anew}


def test_a_completed_task_never_moves_again_unless_its_result_is_a_reused_one() -> None:
    assert [row.trigger for row in TRANSITIONS if row.source is State.COMPLETED] == [Trigger.RENEWED]


def test_only_a_running_task_can_complete_or_one_that_was_answered_before() -> None:
    completing = {(row.source, row.trigger) for row in TRANSITIONS if row.target is State.COMPLETED}
    assert completing == {(State.RUNNING, Trigger.SUCCEEDED), (State.PENDING, Trigger.REUSED)}


def test_every_unsettled_task_can_be_cancelled() -> None:
    assert set(sources(Trigger.CANCELLED)) == set(State) - SETTLED


def test_a_life_starts_once() -> None:
    starts = [row for row in TRANSITIONS if row.source is None]
    assert [(row.trigger, row.target) for row in starts] == [(Trigger.SUBMITTED, State.PENDING)]
    assert sources(Trigger.SUBMITTED) == ()


@pytest.mark.parametrize(
    ("trigger", "charge"),
    [
        (Trigger.SUBMITTED, "none"),
        (Trigger.STARTED, "add"),
        (Trigger.SUCCEEDED, "none"),
        (Trigger.RETRY_SCHEDULED, "none"),
        (Trigger.GAVE_UP, "none"),
        (Trigger.SKIPPED, "none"),
        (Trigger.WORKER_LOST, "none"),
        (Trigger.ENGINE_LOST, "refund"),
        (Trigger.POISONED, "none"),
        (Trigger.INTERRUPTED, "refund"),
        (Trigger.DUE, "none"),
        (Trigger.CANCELLED, "none"),
        (Trigger.RETRIED, "reset"),
    ],
)
def test_a_trigger_charges_what_the_design_says(trigger: Trigger, charge: Charge) -> None:
    assert {row.charge for row in TRANSITIONS if row.trigger is trigger} == {charge}


@given(st.integers(min_value=0))
def test_charges_add_refund_and_reset(charged: int) -> None:
    assert charged_after(charged, "none") == charged
    assert charged_after(charged, "add") == charged + 1
    assert charged_after(charged, "refund") == max(0, charged - 1)
    assert charged_after(charged, "reset") == 0


@given(st.data())
def test_along_any_life_a_charge_is_an_attempt_that_was_not_given_back(data: st.DataObject) -> None:
    state, attempts, charged = None, 0, 0
    for _ in range(data.draw(st.integers(min_value=0, max_value=40))):
        choices = [row for row in TRANSITIONS if row.source is state]
        if not choices:
            break
        row = data.draw(st.sampled_from(choices))
        state = row.target
        attempts += row.trigger is Trigger.STARTED
        before, charged = charged, charged_after(charged, row.charge)
        assert 0 <= charged <= attempts
        assert before or row.charge != "refund", "a refund without a charge before it"
        assert charged or state is not State.RUNNING, "a running attempt is charged"
