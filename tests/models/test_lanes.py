"""Who goes when through a lane, on a simulated clock: order, pauses, closing and looking again, and cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.simulated_time import epoch, simulated

from parallel_agents.core.errors import LaneClosedError, TransientError
from parallel_agents.core.rates import Limits, Quota
from parallel_agents.core.settings import ModelSettings
from parallel_agents.models.lanes import Lane
from parallel_agents.models.meters import Need


class Visitor:
    """A call in a lane."""

    def __init__(self) -> None:
        self.waits: list[bool] = []

    def waiting(self, is_waiting: bool) -> None:
        self.waits.append(is_waiting)


class Scene:
    """A lane, and what it told whoever looks on."""

    def __init__(self, chosen: ModelSettings | None = None, *, is_remote: bool = True) -> None:
        self.changes = 0
        self.lane = Lane(
            "lane", now=epoch, random=lambda: 0.0, changed=self._change, chosen=chosen, is_remote=is_remote
        )

    def _change(self) -> None:
        self.changes += 1

    async def call(self, lasts_s: float = 0.0, need: Need | None = None) -> float:
        """Make a call that is answered; returns when it left."""
        async with self.lane.permit(Visitor(), self.lane.ticket(need or Need())) as grant:
            await asyncio.sleep(lasts_s)
            self.lane.answered(grant)
        return grant.sent_at

    async def refused(self, pause_s: float | None, *, times: int = 1) -> None:
        """Make calls at once, all of them refused."""
        async with asyncio.TaskGroup() as group:
            for _ in range(times):
                group.create_task(self._refused(pause_s))

    async def _refused(self, pause_s: float | None) -> None:
        async with self.lane.permit(Visitor()) as grant:
            await asyncio.sleep(0.1)
            self.lane.refused(grant, pause_s)

    async def closes(self, error: LaneClosedError) -> None:
        """Make a call that meets this error."""
        async with self.lane.permit(Visitor()) as grant:
            self.lane.close(error, grant)


def clock() -> float:
    return asyncio.get_running_loop().time()


Story = Callable[[], Awaitable[None]]


def on_a_simulated_clock(story: Story) -> Callable[[], None]:
    async def play() -> None:
        await story()

    def test() -> None:
        simulated(play())

    test.__name__ = test.__qualname__ = story.__name__
    return test


@on_a_simulated_clock
async def test_after_a_pause_calls_leave_in_the_order_in_which_they_came_and_not_all_at_once() -> None:
    scene, order, left_at = Scene(), list[int](), list[float]()
    await scene.refused(3.0)
    paused_at = clock()

    async def enter(number: int) -> None:
        async with scene.lane.permit(Visitor()) as grant:
            order.append(number)
            left_at.append(clock() - paused_at)
            await asyncio.sleep(1)
            scene.lane.answered(grant)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(enter(number))
    assert order == list(range(20))
    assert left_at[0] == pytest.approx(3)
    assert [sum(3 <= at - second < 3.5 for at in left_at) for second in range(3)] == [1, 2, 4]


@on_a_simulated_clock
async def test_who_comes_back_goes_before_those_who_came_later_and_newcomers_overtake_nobody() -> None:
    scene, order = Scene(ModelSettings(max_concurrent=1)), list[str]()

    async def twice() -> None:
        ticket = scene.lane.ticket()
        async with scene.lane.permit(Visitor(), ticket) as grant:
            await asyncio.sleep(1)
            scene.lane.refused(grant, 2.0)
        async with scene.lane.permit(Visitor(), ticket):
            order.append("again")

    async def once(name: str) -> None:
        async with scene.lane.permit(Visitor()):
            order.append(name)
            if name == "first":
                group.create_task(once("newcomer"))

    async with asyncio.TaskGroup() as group:
        group.create_task(twice())
        await asyncio.sleep(0)
        group.create_task(once("first"))
        group.create_task(once("second"))
    assert order == ["again", "first", "second", "newcomer"]


@on_a_simulated_clock
async def test_who_need_not_wait_is_not_told_to() -> None:
    visitor = Visitor()
    async with Scene().lane.permit(visitor):
        pass
    assert visitor.waits == []


@on_a_simulated_clock
async def test_a_big_request_at_the_head_is_not_starved_by_small_ones() -> None:
    scene = Scene(ModelSettings(input_tokens_per_minute=600))
    small, big = Need(input_tokens=50), Need(input_tokens=250)
    async with asyncio.TaskGroup() as group:
        started = [group.create_task(scene.call(need=need)) for need in (small, small, big, small, small)]
    times = [task.result() for task in started]
    assert times == sorted(times)
    # Bigger than the bucket (100): it goes once that is full, and those behind it wait until its debt is paid.
    assert times[2] - times[1] == pytest.approx(10)
    assert times[3] - times[2] == pytest.approx(20)


@on_a_simulated_clock
async def test_one_burst_of_refusals_makes_the_pause_grow_once_and_cuts_once() -> None:
    scene = Scene()
    await scene.refused(None, times=8)
    state = scene.lane.state()
    assert (state.rate_limited, state.limit) == (8, 4)
    assert state.blocked_for_s == pytest.approx(0.5)
    await scene.refused(None)
    assert scene.lane.state().blocked_for_s == pytest.approx(1.0)
    await scene.call()
    await scene.refused(None)
    assert scene.lane.state().blocked_for_s == pytest.approx(0.5)


@on_a_simulated_clock
async def test_a_refusal_for_the_pace_takes_no_place_away() -> None:
    scene = Scene()
    async with scene.lane.permit(Visitor()) as grant:
        await asyncio.sleep(0.1)
        scene.lane.refused(grant, 1.0, Limits(requests=Quota(limit=60, remaining=0, reset_s=60)))
    assert scene.lane.state().limit == 8


@on_a_simulated_clock
async def test_closing_a_lane_wakes_and_refuses_those_who_wait() -> None:
    scene, visitor = Scene(), Visitor()
    await scene.refused(60)

    async def enter() -> None:
        with pytest.raises(LaneClosedError, match="no money"):
            async with scene.lane.permit(visitor):
                pass

    async with asyncio.TaskGroup() as group:
        group.create_task(enter())
        await asyncio.sleep(1)
        scene.lane.close(LaneClosedError("lane", "no money"))
    assert visitor.waits == [True, False]
    assert scene.lane.state().queued == 0


@on_a_simulated_clock
async def test_a_closed_lane_looks_again_ever_more_seldom_with_one_call_and_opens_when_that_is_answered() -> None:
    scene, gone = Scene(), LaneClosedError("lane", "quota")
    await scene.closes(gone)
    for pause_s in (30, 60, 120):
        assert scene.lane.closed is not None
        assert not scene.lane.may_start(0)
        changes = scene.changes
        await asyncio.sleep(pause_s - 1)
        assert scene.lane.closed is not None
        await asyncio.sleep(1.1)
        assert scene.lane.closed is None
        assert scene.changes > changes
        assert [scene.lane.may_start(running) for running in (0, 1)] == [True, False]
        await scene.closes(gone)
    await asyncio.sleep(241)
    async with asyncio.TaskGroup() as group:
        probe = group.create_task(scene.call(5))
        others = [group.create_task(scene.call()) for _ in range(5)]
        await asyncio.sleep(1)
        assert scene.lane.state().in_flight == 1
        assert not scene.lane.may_start(0)
    assert all(task.result() >= probe.result() + 5 for task in others)
    assert scene.lane.may_start(1)


@on_a_simulated_clock
async def test_a_lane_opens_when_the_time_has_come_that_the_provider_named() -> None:
    scene = Scene()
    await scene.closes(LaneClosedError("lane", "quota", epoch() + 7200))
    await asyncio.sleep(7199)
    assert scene.lane.closed is not None
    await asyncio.sleep(1.1)
    assert scene.lane.closed is None
    await scene.call()


@on_a_simulated_clock
async def test_a_provider_that_fails_ten_times_in_a_row_closes_the_lane() -> None:
    scene = Scene()
    for number in range(10):
        assert scene.lane.closed is None, number
        async with scene.lane.permit(Visitor()) as grant:
            await asyncio.sleep(1)
            scene.lane.failed(grant, TransientError("HTTP 500"))
    closed = scene.lane.closed
    assert closed is not None
    assert "fails again and again (HTTP 500)" in closed.reason
    await asyncio.sleep(5.1)
    async with scene.lane.permit(Visitor()) as grant:
        scene.lane.failed(grant, TransientError("HTTP 500"))
    assert scene.lane.state().looks_again_in_s == pytest.approx(10)
    await asyncio.sleep(10.1)
    await scene.call()
    assert scene.lane.closed is None


@on_a_simulated_clock
async def test_an_answer_to_what_left_before_the_lane_closed_does_not_open_it() -> None:
    scene = Scene()
    async with asyncio.TaskGroup() as group:
        group.create_task(scene.call(3))
        await asyncio.sleep(1)
        await scene.closes(LaneClosedError("lane", "quota"))
    assert scene.lane.closed is not None


@on_a_simulated_clock
async def test_attempts_start_only_as_far_ahead_as_no_leave_is_lost() -> None:
    scene = Scene(ModelSettings(max_concurrent=3))
    started = 0
    while scene.lane.may_start(started):
        started += 1
    assert started == 5
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(scene.call(10))
        await asyncio.sleep(1)
        assert (scene.lane.state().in_flight, scene.lane.state().queued) == (3, 2)
        assert not scene.lane.may_start(5)
        await asyncio.sleep(9.5)
        assert scene.lane.may_start(2)


@on_a_simulated_clock
async def test_attempts_that_call_nobody_for_a_while_keep_no_others_from_starting() -> None:
    scene = Scene(ModelSettings(max_concurrent=3))
    assert not scene.lane.may_start(5)
    changes = scene.changes
    await asyncio.sleep(1.1)
    assert scene.changes > changes
    assert scene.lane.may_start(5)
    assert not scene.lane.may_start(10)
    await asyncio.sleep(1.1)
    assert not scene.lane.may_start(10)
    await asyncio.sleep(1.1)
    assert scene.lane.may_start(10)


@on_a_simulated_clock
async def test_what_is_not_remote_is_not_bounded() -> None:
    scene = Scene(is_remote=False)
    assert scene.lane.may_start(10_000)
    async with asyncio.TaskGroup() as group:
        for _ in range(200):
            group.create_task(scene.call(1))
        await asyncio.sleep(0.5)
        assert scene.lane.state().in_flight == 200


calls = st.tuples(
    st.floats(0, 20),  # arrives
    st.floats(0, 5),  # lasts
    st.none() | st.floats(0, 10),  # is cancelled so long after it arrived
    st.sampled_from(["answered", "refused", "failed", "closed"]),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(calls, max_size=40), st.sampled_from([None, 1, 3]), st.sampled_from([None, 30, 600]))
def test_whatever_is_cancelled_no_leave_is_lost_and_nobody_is_forgotten(
    plans: list[tuple[float, float, float | None, str]], at_once: int | None, per_minute: int | None
) -> None:
    async def play() -> None:
        scene = Scene(ModelSettings(max_concurrent=at_once, requests_per_minute=per_minute))
        visitors = [Visitor() for _ in plans]
        async with asyncio.TaskGroup() as group:
            for visitor, plan in zip(visitors, plans, strict=True):
                group.create_task(perform(scene, visitor, plan))
        state = scene.lane.state()
        assert (state.in_flight, state.queued) == (0, 0)
        assert all(visitor.waits in ([], [True, False]) for visitor in visitors)
        await asyncio.sleep(2000)
        await scene.call()
        assert scene.lane.may_start(0)
        scene.lane.stop()

    simulated(play())


async def perform(scene: Scene, visitor: Visitor, plan: tuple[float, float, float | None, str]) -> None:
    arrives_s, lasts_s, patience_s, end = plan
    await asyncio.sleep(arrives_s)
    try:
        async with asyncio.timeout(patience_s), scene.lane.permit(visitor) as grant:
            await asyncio.sleep(lasts_s)
            match end:
                case "answered":
                    scene.lane.answered(grant)
                case "refused":
                    scene.lane.refused(grant, 1.0)
                case "failed":
                    scene.lane.failed(grant, TransientError("HTTP 500"))
                case _:
                    scene.lane.close(LaneClosedError("lane", "quota"), grant)
    except (TimeoutError, LaneClosedError):
        return
