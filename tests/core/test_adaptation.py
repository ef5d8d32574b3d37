"""How many attempts at once: found by what was seen, and let go of when it stops paying."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.adaptation import Adaptation, Seen


class Work:
    """A world in which `slots` attempts at once run at full speed; more share it. An attempt takes `latency_s`."""

    def __init__(self, slots: int, latency_s: float = 1.0, overhead: float = 0.0) -> None:
        self.slots = slots
        self.latency_s = latency_s
        self.overhead = overhead

    def round(self, at_once: int, *, cpu: float = 10.0, memory: float = 10.0) -> Seen:
        crowded = max(1.0, at_once / self.slots) + self.overhead * max(0, at_once - self.slots)
        latency_s = self.latency_s * crowded
        settled = at_once * 4
        return Seen(
            settled=settled,
            elapsed_s=settled / at_once * latency_s,
            was_full=True,
            latency_s=latency_s,
            cpu_percent=cpu,
            memory_percent=memory,
        )


def settled_at(adaptation: Adaptation, work: Work, rounds: int) -> list[int]:
    seen: list[int] = []
    for _ in range(rounds):
        adaptation.look(work.round(adaptation.at_once))
        seen.append(adaptation.at_once)
    return seen


def test_it_doubles_while_every_round_settles_more() -> None:
    adaptation = Adaptation(1, 64)
    assert settled_at(adaptation, Work(slots=100), 7) == [2, 4, 8, 16, 32, 64, 64]


@pytest.mark.parametrize("slots", [3, 5, 8, 13])
def test_it_stays_near_what_the_work_can_use(slots: int) -> None:
    tail = settled_at(Adaptation(1, 64), Work(slots=slots), 80)[20:]
    assert min(tail) >= slots / 2
    assert max(tail) <= slots * 2
    assert sum(tail) / len(tail) <= slots * 1.5


def test_what_brings_nothing_is_taken_back_with_its_figures() -> None:
    adaptation = Adaptation(4, 64)
    work = Work(slots=4)
    assert adaptation.look(work.round(4)) is not None
    step = adaptation.look(work.round(8))
    assert step is not None
    assert step.at_once == 4
    assert "4.0 tasks a second at 8 at once, 4.0 before" in step.reason


def test_without_anybody_waiting_for_a_slot_nothing_grows() -> None:
    adaptation = Adaptation(2, 64)
    for _ in range(5):
        seen = Work(slots=64).round(2)
        assert adaptation.look(Seen(settled=seen.settled, elapsed_s=seen.elapsed_s, was_full=False)) is None
    assert adaptation.at_once == 2


def test_less_than_a_round_says_nothing() -> None:
    adaptation = Adaptation(8, 64)
    assert adaptation.look(Seen(settled=7, elapsed_s=100.0, was_full=True, latency_s=1.0)) is None


@pytest.mark.parametrize(("cpu", "memory", "word"), [(81.0, 10.0, "CPU is at 81 %"), (10.0, 95.0, "memory is at 95 %")])
def test_it_shrinks_before_the_machine_is_used_up(cpu: float, memory: float, word: str) -> None:
    adaptation = Adaptation(2, 64)
    settled_at(adaptation, Work(slots=64), 3)
    assert adaptation.at_once == 16
    step = adaptation.look(Work(slots=64).round(16, cpu=cpu, memory=memory))
    assert step is not None
    assert step.at_once == 12
    assert word in step.reason
    for _ in range(20):
        adaptation.look(Work(slots=64).round(adaptation.at_once, cpu=cpu, memory=memory))
    assert adaptation.at_once == 2


def test_it_shrinks_when_attempts_take_much_longer_than_they_did() -> None:
    adaptation = Adaptation(2, 64)
    settled_at(adaptation, Work(slots=64), 3)
    step = adaptation.look(Work(slots=64, latency_s=2.5).round(16))
    assert step is not None
    assert step.at_once == 8
    assert "attempts take 2.5 s, 1.0 s at best" in step.reason


def test_other_bounds_hold_at_once() -> None:
    adaptation = Adaptation(1, 64)
    settled_at(adaptation, Work(slots=64), 4)
    lowered = adaptation.bound(1, 3)
    assert lowered is not None
    assert adaptation.at_once == 3
    assert adaptation.bound(1, 10) is None
    raised = adaptation.bound(5, 10)
    assert raised is not None
    assert raised.at_once == 5


looks = st.builds(
    Seen,
    settled=st.integers(0, 200),
    elapsed_s=st.floats(0, 100),
    was_full=st.booleans(),
    latency_s=st.none() | st.floats(0, 50),
    cpu_percent=st.none() | st.floats(0, 100),
    memory_percent=st.none() | st.floats(0, 100),
)


@given(st.integers(1, 10), st.integers(0, 50), st.lists(looks, max_size=50))
def test_it_never_leaves_its_bounds_and_always_says_why(least: int, more: int, seen: list[Seen]) -> None:
    adaptation = Adaptation(least, least + more)
    for look in seen:
        before = adaptation.at_once
        step = adaptation.look(look)
        assert least <= adaptation.at_once <= least + more
        if step is not None:
            assert step.at_once == adaptation.at_once != before
            assert step.reason
