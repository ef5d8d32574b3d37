"""The status of an execution, derived from its tasks for every combination there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.execution import ENDED, Counts, Status, overall_status
from parallel_agents.core.states import SETTLED, State

numbers = st.integers(min_value=0, max_value=3) | st.integers(min_value=0, max_value=10**6)
counts_by_state = st.dictionaries(st.sampled_from(State), numbers)
reasons = st.none() | st.sampled_from(["user", "budget", "quota"])


@given(counts_by_state)
def test_totals_add_up(by_state: dict[State, int]) -> None:
    counts = Counts.of(by_state)
    assert counts.total == sum(by_state.values())
    assert counts.settled == sum(number for state, number in by_state.items() if state in SETTLED)
    assert counts.unfinished + counts.settled == counts.total


@given(counts_by_state, st.booleans(), st.booleans(), reasons)
def test_an_execution_has_ended_exactly_when_no_task_can_move(
    by_state: dict[State, int], cancel_requested: bool, stopped: bool, paused: str | None
) -> None:
    counts = Counts.of(by_state)
    status = overall_status(counts, cancel_requested=cancel_requested, stopped=stopped, paused=paused)
    assert (status in ENDED) == (counts.unfinished == 0)


@given(counts_by_state, st.booleans(), st.booleans(), reasons)
def test_completed_is_never_said_of_an_execution_with_a_failure(
    by_state: dict[State, int], cancel_requested: bool, stopped: bool, paused: str | None
) -> None:
    counts = Counts.of(by_state)
    status = overall_status(counts, cancel_requested=cancel_requested, stopped=stopped, paused=paused)
    if status is Status.COMPLETED:
        assert not counts.failed
        assert not stopped
    if status is Status.COMPLETED_WITH_ERRORS:
        assert counts.failed
        assert counts.completed


@given(counts_by_state, reasons)
def test_paused_needs_a_reason_and_nothing_running(by_state: dict[State, int], paused: str | None) -> None:
    counts = Counts.of(by_state)
    expected = paused is not None and counts.unfinished > 0 and counts.running == 0
    assert (overall_status(counts, paused=paused) is Status.PAUSED) == expected


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        (Counts(pending=2), Status.PENDING),
        (Counts(pending=1, running=1), Status.RUNNING),
        (Counts(waiting=1), Status.RUNNING),
        (Counts(pending=1, completed=1), Status.RUNNING),
        (Counts(completed=2), Status.COMPLETED),
        (Counts(skipped=2), Status.COMPLETED),
        (Counts(completed=1, skipped=1), Status.COMPLETED),
        (Counts(completed=1, failed=1), Status.COMPLETED_WITH_ERRORS),
        (Counts(completed=1, failed=1, skipped=1), Status.COMPLETED_WITH_ERRORS),
        (Counts(failed=2), Status.FAILED),
        (Counts(failed=1, skipped=1), Status.FAILED),
        (Counts(cancelled=2), Status.CANCELLED),
        (Counts(cancelled=1, completed=1), Status.COMPLETED),
    ],
    ids=str,
)
def test_a_status_follows_from_the_counts(counts: Counts, status: Status) -> None:
    assert overall_status(counts) is status


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        (Counts(running=1, cancelled=3), Status.RUNNING),
        (Counts(completed=1, cancelled=3), Status.CANCELLED),
        (Counts(failed=1, cancelled=3), Status.CANCELLED),
        (Counts(completed=4), Status.COMPLETED),
        (Counts(completed=3, failed=1), Status.COMPLETED_WITH_ERRORS),
    ],
    ids=str,
)
def test_a_cancel_counts_when_it_caught_something(counts: Counts, status: Status) -> None:
    assert overall_status(counts, cancel_requested=True) is status


def test_an_execution_that_its_first_failure_stopped_has_failed() -> None:
    assert overall_status(Counts(completed=9, failed=1, cancelled=5), stopped=True) is Status.FAILED
    assert overall_status(Counts(running=1, failed=1, cancelled=5), stopped=True) is Status.RUNNING
