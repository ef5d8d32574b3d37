"""How many calls at once: found out, cut once for each burst, remembered."""

from __future__ import annotations

from parallel_agents.core.congestion import START, Congestion


def round_of_answers(control: Congestion, at: float, *, is_wanted: bool = True) -> None:
    for _ in range(control.limit):
        control.answered(in_flight=control.limit, sent_at=at - 1, at=at, is_wanted=is_wanted)


def steadily(control: Congestion, at: float, latency_s: float) -> float:
    """As many answers as there are places, one after another, each that late; returns when the last one came."""
    limit = control.limit
    for _ in range(limit):
        at += latency_s / limit
        control.answered(in_flight=control.limit, sent_at=at - latency_s, at=at)
    return at


def cut(control: Congestion, at: float, *, in_flight: int, times: int = 1) -> None:
    for _ in range(times):
        control.refused(in_flight=in_flight, sent_at=at - 0.1, at=at)


def test_it_doubles_with_each_round_until_the_first_refusal() -> None:
    control = Congestion()
    assert control.limit == START
    round_of_answers(control, 1)
    assert control.limit == 2 * START
    round_of_answers(control, 2)
    assert control.limit == 4 * START


def test_a_burst_of_refusals_is_one_cut_down_to_what_was_taken() -> None:
    control = Congestion()
    cut(control, 1.0, in_flight=8, times=3)
    assert control.limit == 5


def test_it_climbs_back_quickly_to_where_it_was_refused_and_only_seldom_beyond() -> None:
    control = Congestion()
    for second in range(1, 4):
        round_of_answers(control, second)
    assert control.limit == 64
    cut(control, 4.0, in_flight=64)
    assert control.limit == 48
    round_of_answers(control, 5.5)
    assert control.limit == 63
    round_of_answers(control, 6.5)
    assert control.limit == 63
    for second in range(5):
        round_of_answers(control, 8.5 + second)
    assert 63 < control.limit < 70


def test_beyond_what_was_refused_it_grows_only_for_somebody_who_waits() -> None:
    control = Congestion()
    cut(control, 1.0, in_flight=8)
    for second in range(100):
        round_of_answers(control, 3.0 + second, is_wanted=False)
    assert control.limit == 7


def test_after_five_quiet_minutes_the_ceiling_is_forgotten() -> None:
    control = Congestion()
    cut(control, 1.0, in_flight=8)
    for second in range(5):
        round_of_answers(control, 400.0 + second)
    assert control.limit > 9


def test_what_had_gone_wrong_before_or_left_before_the_cut_speaks_for_nothing() -> None:
    control = Congestion()
    control.answered(in_flight=8, sent_at=0, at=1, is_first_try=False)
    assert control.limit == START
    cut(control, 2.0, in_flight=8)
    limit = control.limit
    control.answered(in_flight=8, sent_at=1.5, at=2.5)
    assert control.limit == limit


def test_it_does_not_grow_while_it_is_not_used() -> None:
    control = Congestion()
    for second in range(20):
        control.answered(in_flight=3, sent_at=second, at=second + 1.0)
    assert control.limit == START


def test_a_configured_limit_is_never_passed() -> None:
    control = Congestion(3)
    assert control.limit == 3
    for second in range(9):
        round_of_answers(control, second + 1.0)
    assert control.limit == 3


def test_a_server_that_only_gets_slower_is_not_asked_for_more_and_more() -> None:
    """It works on 30 at once: whatever is asked beside them waits."""
    control, at = Congestion(), 0.0
    for _ in range(60):
        at = steadily(control, at, max(1.0, control.limit / 30))
    assert 30 <= control.limit < 130


def test_answers_that_take_longer_for_another_reason_cost_no_place_for_long() -> None:
    control, at = Congestion(64), 0.0
    for number in range(60):
        at = steadily(control, at, 1.0 if number < 20 else 4.0)
    assert control.limit >= 60
