"""When a lane stops by itself, and when it looks again."""

from __future__ import annotations

from parallel_agents.core.breaker import LONGEST_PROBE_PAUSE_S, Breaker, Gate, GateState


def test_ten_failures_in_a_row_in_three_waves_are_too_many() -> None:
    breaker = Breaker()
    assert not any(breaker.failed(sent_at=0, at=1) for _ in range(20))
    assert not breaker.failed(sent_at=2, at=3)
    assert breaker.failed(sent_at=4, at=5)


def test_an_answer_starts_the_count_again() -> None:
    breaker = Breaker()
    for number in range(9):
        assert not breaker.failed(sent_at=number, at=number)
    breaker.reset()
    assert not any(breaker.failed(sent_at=10 + number, at=10 + number) for number in range(9))
    assert breaker.failed(sent_at=20, at=20)


def test_each_look_in_vain_doubles_the_pause_up_to_a_quarter_of_an_hour() -> None:
    gate, at, pauses = Gate(), 0.0, list[float]()
    for _ in range(7):
        gate.shut(sent_at=at, at=at, first_pause_s=30, pause_s=None)
        pauses.append(gate.left_s(at))
        at += pauses[-1]
        gate.look()
    assert pauses == [30, 60, 120, 240, 480, LONGEST_PROBE_PAUSE_S, LONGEST_PROBE_PAUSE_S]
    gate.open()
    gate.shut(sent_at=at, at=at, first_pause_s=30, pause_s=None)
    assert gate.left_s(at) == 30


def test_calls_that_left_before_it_was_shut_neither_lengthen_the_pause_nor_shut_it_again() -> None:
    gate = Gate()
    gate.shut(sent_at=1, at=2, first_pause_s=30, pause_s=None)
    gate.shut(sent_at=1, at=3, first_pause_s=30, pause_s=None)
    assert gate.left_s(2) == 30
    gate.look()
    gate.open()
    gate.shut(sent_at=1, at=40, first_pause_s=30, pause_s=None)
    assert gate.state is GateState.OPEN


def test_a_pause_that_the_provider_names_is_kept_to() -> None:
    gate = Gate()
    gate.shut(sent_at=0, at=0, first_pause_s=30, pause_s=3600)
    assert gate.left_s(10) == 3590
