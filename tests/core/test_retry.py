"""What follows from an outcome: another try, and when, or the end, and which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.outcome import (
    PERMANENT,
    Cancelled,
    ErrorClass,
    ErrorRecord,
    Failed,
    Interrupted,
    MemoryExceeded,
    Outcome,
    Succeeded,
    TimedOut,
    WorkerLost,
)
from parallel_agents.core.retry import (
    ENGINE_LOSS_LIMIT,
    MAX_DELAY_S,
    Fallback,
    RetryPolicy,
    Standing,
    Verdict,
    after_engine_loss,
    backoff_s,
    decide,
)
from parallel_agents.core.states import State, Trigger, move


def failed(error_class: ErrorClass) -> Failed:
    return Failed(ErrorRecord(error_class=error_class, type="Error", message="it went wrong"))


def policy(retry_attempts: int = 3, fallback: Fallback = "fail") -> RetryPolicy:
    return RetryPolicy(retry_attempts=retry_attempts, delay_s=5.0, fallback=fallback)


def standing(charged: int = 1, losses: int = 0, *, final_round: bool = False) -> Standing:
    return Standing(charged=charged, losses=losses, final_round=final_round)


PASSING: list[Outcome] = [
    TimedOut(60.0),
    MemoryExceeded(64.0, None),
    *(failed(kind) for kind in ErrorClass if kind not in PERMANENT),
]
FOR_GOOD: list[Outcome] = [failed(kind) for kind in ErrorClass if kind in PERMANENT]
INTERRUPTED: list[Outcome] = [Interrupted("shutdown"), Interrupted("bystander"), Interrupted("lane_closed")]
FALLBACKS: list[Fallback] = ["fail", "skip", "retry"]
EVERY: list[Outcome] = [Succeeded(b"\x80"), Cancelled(), WorkerLost("SIGKILL"), *INTERRUPTED, *PASSING, *FOR_GOOD]

outcomes = st.sampled_from(EVERY)
policies = st.builds(
    RetryPolicy,
    retry_attempts=st.integers(min_value=0, max_value=10),
    delay_s=st.floats(min_value=0, max_value=1000),
    fallback=st.sampled_from(FALLBACKS),
)
standings = st.builds(
    Standing,
    charged=st.integers(min_value=1, max_value=20),
    losses=st.integers(min_value=0, max_value=20),
    final_round=st.booleans(),
)
jitters = st.floats(min_value=0, max_value=1, exclude_max=True)


@pytest.mark.parametrize("fallback", FALLBACKS)
def test_a_success_is_a_success_whatever_came_before(fallback: Fallback) -> None:
    verdict = decide(Succeeded(b"\x80"), standing(charged=99, losses=99), policy(fallback=fallback), 0.5)
    assert verdict == Verdict(trigger=Trigger.SUCCEEDED)


@pytest.mark.parametrize("charged", [1, 2, 3])
@pytest.mark.parametrize("outcome", PASSING)
def test_a_passing_failure_with_retries_left_waits_for_the_next_try(outcome: Outcome, charged: int) -> None:
    verdict = decide(outcome, standing(charged), policy(), 0.0)
    assert verdict == Verdict(trigger=Trigger.RETRY_SCHEDULED, delay_s=5.0 * 2 ** (charged - 1) / 2)


@pytest.mark.parametrize("outcome", PASSING)
@pytest.mark.parametrize("retry_attempts", [0, 1, 3])
def test_so_many_retries_mean_one_attempt_more(outcome: Outcome, retry_attempts: int) -> None:
    attempts = 1
    while decide(outcome, standing(attempts), policy(retry_attempts), 0.5).trigger is Trigger.RETRY_SCHEDULED:
        attempts += 1
    assert attempts == retry_attempts + 1


@pytest.mark.parametrize("outcome", FOR_GOOD)
@pytest.mark.parametrize(
    ("fallback", "trigger"), [("fail", Trigger.GAVE_UP), ("skip", Trigger.SKIPPED), ("retry", Trigger.GAVE_UP)]
)
def test_a_failure_for_good_is_not_tried_again(outcome: Outcome, fallback: Fallback, trigger: Trigger) -> None:
    assert decide(outcome, standing(charged=1), policy(fallback=fallback), 0.5) == Verdict(trigger=trigger)


@pytest.mark.parametrize("outcome", PASSING)
@pytest.mark.parametrize(
    ("fallback", "final_round", "verdict"),
    [
        ("fail", False, Verdict(trigger=Trigger.GAVE_UP)),
        ("skip", False, Verdict(trigger=Trigger.SKIPPED)),
        ("retry", False, Verdict(trigger=Trigger.RETRY_SCHEDULED, final_round=True)),
        ("fail", True, Verdict(trigger=Trigger.GAVE_UP)),
        ("skip", True, Verdict(trigger=Trigger.SKIPPED)),
        ("retry", True, Verdict(trigger=Trigger.GAVE_UP)),
    ],
)
def test_after_the_last_retry_the_fallback_decides(
    outcome: Outcome, fallback: Fallback, final_round: bool, verdict: Verdict
) -> None:
    assert decide(outcome, standing(4, final_round=final_round), policy(fallback=fallback), 0.5) == verdict


@pytest.mark.parametrize("outcome", PASSING)
def test_the_final_round_is_one_try_even_with_retries_left(outcome: Outcome) -> None:
    verdict = decide(outcome, standing(charged=1, final_round=True), policy(fallback="retry"), 0.5)
    assert verdict.trigger is Trigger.GAVE_UP


@pytest.mark.parametrize("outcome", INTERRUPTED)
def test_an_interruption_costs_nothing_however_often_it_happens(outcome: Outcome) -> None:
    verdict = decide(outcome, standing(charged=99, losses=99), policy(retry_attempts=0), 0.5)
    assert verdict == Verdict(trigger=Trigger.INTERRUPTED)
    assert move(State.RUNNING, verdict.trigger).charge == "refund"


def test_a_cancelled_attempt_ends_its_task() -> None:
    assert decide(Cancelled(), standing(), policy(), 0.5) == Verdict(trigger=Trigger.CANCELLED)


@pytest.mark.parametrize("retry_attempts", [0, 1, 3])
@pytest.mark.parametrize("fallback", FALLBACKS)
def test_a_task_that_takes_its_workers_down_is_poison_after_one_loss_more_than_retries(
    retry_attempts: int, fallback: Fallback
) -> None:
    losses = 0
    while decide(WorkerLost("9"), standing(losses=losses), policy(retry_attempts, fallback), 0.5).trigger is not (
        Trigger.POISONED
    ):
        losses += 1
    assert losses + 1 == retry_attempts + 1


def test_a_lost_workers_task_goes_again_at_once_and_the_loss_is_counted() -> None:
    assert decide(WorkerLost("9"), standing(), policy(), 0.5) == Verdict(trigger=Trigger.WORKER_LOST, lost_worker=True)
    poisoned = decide(WorkerLost("9"), standing(losses=3), policy(), 0.5)
    assert poisoned == Verdict(trigger=Trigger.POISONED, lost_worker=True)


def test_the_third_engine_that_a_task_takes_down_is_the_last() -> None:
    assert ENGINE_LOSS_LIMIT == 3
    assert [after_engine_loss(losses) for losses in (1, 2, 3, 4)] == [
        Trigger.ENGINE_LOST,
        Trigger.ENGINE_LOST,
        Trigger.POISONED,
        Trigger.POISONED,
    ]


@given(outcomes, standings, policies, jitters)
def test_every_verdict_is_a_legal_move_of_a_running_task(
    outcome: Outcome, where: Standing, how: RetryPolicy, jitter: float
) -> None:
    verdict = decide(outcome, where, how, jitter)
    target = move(State.RUNNING, verdict.trigger).target
    assert (verdict.delay_s is not None or verdict.final_round) == (target is State.WAITING)
    assert verdict.lost_worker == isinstance(outcome, WorkerLost)


@given(st.integers(min_value=0, max_value=10), st.sampled_from(FALLBACKS), st.data())
def test_no_chain_of_failures_goes_on_for_ever(retry_attempts: int, fallback: Fallback, data: st.DataObject) -> None:
    how, losses, final_round = policy(retry_attempts, fallback), 0, False
    charging = st.sampled_from([*PASSING, *FOR_GOOD, WorkerLost("9")])
    for charged in range(1, 3 * (retry_attempts + 2)):
        verdict = decide(data.draw(charging), standing(charged, losses, final_round=final_round), how, 0.5)
        losses += verdict.lost_worker
        final_round = final_round or verdict.final_round
        if move(State.RUNNING, verdict.trigger).target in {State.FAILED, State.SKIPPED}:
            return
    pytest.fail("still trying")


@given(st.integers(min_value=1, max_value=500), st.floats(min_value=0, max_value=1e6), jitters)
def test_a_pause_lies_between_half_and_the_whole_of_its_step(retry: int, base_s: float, jitter: float) -> None:
    step = min(MAX_DELAY_S, base_s * 2 ** (retry - 1))
    assert step / 2 <= backoff_s(retry, base_s, jitter) <= step


def test_pauses_double_up_to_five_minutes() -> None:
    assert [backoff_s(retry, 5.0, 0.0) * 2 for retry in (1, 2, 3, 4, 7, 8, 50)] == [5, 10, 20, 40, 300, 300, 300]


@pytest.mark.parametrize("base_s", [0.0, 5.0])
def test_a_pause_is_bounded_however_many_retries_there_were(base_s: float) -> None:
    assert backoff_s(5000, base_s, 0.5) <= MAX_DELAY_S
