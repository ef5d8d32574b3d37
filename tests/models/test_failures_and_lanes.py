"""The classes of failures as a table, how a pause is read, and who goes first in a lane."""

from __future__ import annotations

import asyncio
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.errors import AttemptError, ItemError, LaneClosedError, RateLimitedError, TransientError
from parallel_agents.models.failures import classed, refusal_from, retry_after_s
from parallel_agents.models.lanes import Lane

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "", ItemError),
        (413, "", ItemError),
        (422, "", ItemError),
        (418, "", ItemError),
        (403, "content_filter", ItemError),
        (400, "billing_hard_limit_reached", LaneClosedError),
        (401, "", LaneClosedError),
        (402, "", LaneClosedError),
        (403, "", LaneClosedError),
        (404, "", LaneClosedError),
        (429, "insufficient_quota", LaneClosedError),
        (429, "rate_limit_exceeded", RateLimitedError),
        (408, "", TransientError),
        (409, "", TransientError),
        (500, "", TransientError),
        (503, "", TransientError),
        (529, "overloaded_error", TransientError),
    ],
)
def test_a_refusal_is_classed_once(status: int, code: str, kind: type[AttemptError]) -> None:
    body = {"error": {"message": "no", "type": code or None}}
    error = classed(refusal_from("lane", status, {"X-Request-Id": "req-1"}, body, ""), NOW)
    assert type(error) is kind
    assert f"HTTP {status}" in str(error)
    assert "req-1" in str(error)


def test_a_credit_that_is_used_up_closes_the_lane_though_it_comes_as_a_bad_request() -> None:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low."}}
    assert isinstance(classed(refusal_from("lane", 400, {}, body, ""), NOW), LaneClosedError)


@pytest.mark.parametrize("body", [None, "", "<html>bad gateway</html>", [1], {"error": "text"}, {"error": None}])
def test_any_body_can_be_classed(body: object) -> None:
    assert isinstance(classed(refusal_from("lane", 502, {}, body, ""), NOW), TransientError)


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_a_pause_is_read_in_every_form(headers: dict[str, str], pause_s: float | None) -> None:
    assert retry_after_s(headers, NOW) == pause_s


@given(st.text())
def test_no_header_breaks_the_reading(text: str) -> None:
    pause_s = retry_after_s({"retry-after": text}, NOW)
    assert pause_s is None or 0 <= pause_s < float("inf")


class Visitor:
    """A call in a lane."""

    def __init__(self) -> None:
        self.waits: list[bool] = []
        self.is_held = asyncio.Event()

    def waiting(self, is_waiting: bool) -> None:
        self.waits.append(is_waiting)
        self.is_held.set()


def lane_of(now: list[float] | None = None) -> Lane:
    clock = now or [NOW]
    return Lane("lane", now=lambda: clock[0], random=lambda: 0.0, changed=lambda: None)


async def test_a_blocked_lane_lets_calls_through_in_their_order() -> None:
    lane, order = lane_of(), list[int]()

    async def enter(number: int) -> None:
        async with lane.permit(Visitor()):
            order.append(number)

    lane.block(0.05, sent_at=asyncio.get_running_loop().time())
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(enter(number))
    assert order == list(range(20))


async def test_a_newcomer_does_not_overtake_those_who_waited() -> None:
    lane, order = lane_of(), list[int]()

    async def enter(number: int) -> None:
        async with lane.permit(Visitor()):
            order.append(number)
            if number == 0:
                group.create_task(enter(99))

    lane.block(0.05, sent_at=asyncio.get_running_loop().time())
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(enter(number))
    assert order == [*range(10), 99]


async def test_who_need_not_wait_is_not_told_to() -> None:
    visitor = Visitor()
    async with lane_of().permit(visitor):
        pass
    assert visitor.waits == []


async def test_closing_a_lane_wakes_and_refuses_those_who_wait() -> None:
    lane, visitor = lane_of(), Visitor()
    lane.block(60, sent_at=asyncio.get_running_loop().time())

    async def enter() -> None:
        with pytest.raises(LaneClosedError):
            async with lane.permit(visitor):
                pass

    async with asyncio.TaskGroup() as group:
        group.create_task(enter())
        await visitor.is_held.wait()
        lane.close(LaneClosedError("lane", "no money"))
    assert visitor.waits == [True, False]


async def test_a_closed_lane_opens_by_itself_when_its_time_has_come() -> None:
    now = [NOW]
    lane = lane_of(now)
    lane.close(LaneClosedError("lane", "pause", NOW + 10))
    with pytest.raises(LaneClosedError):
        async with lane.permit(Visitor()):
            pass
    now[0] += 10
    async with lane.permit(Visitor()):
        pass


async def test_one_wave_of_refusals_makes_the_pause_grow_once() -> None:
    lane, loop = lane_of(), asyncio.get_running_loop()
    sent_at = loop.time()
    first = [lane.block(None, sent_at=sent_at) for _ in range(50)]
    assert set(first) == {0.5}
    assert lane.block(None, sent_at=loop.time()) == 1.0
    lane.served(sent_at=loop.time())
    assert lane.block(None, sent_at=loop.time()) == 0.5
