"""A lane is what a provider's rate limit governs: provider, account and model. A call enters through `permit`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from parallel_agents.core.breaker import Breaker, Gate, GateState
from parallel_agents.core.congestion import Congestion
from parallel_agents.core.errors import AttemptError, LaneClosedError
from parallel_agents.core.rates import Limits
from parallel_agents.core.settings import ModelSettings
from parallel_agents.models.meters import Meters, Need
from parallel_agents.models.permits import Grant, LaneState, Ticket, Waiter
from parallel_agents.models.waiting import IDLE_S, Idlers, Queue

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
SHORTEST_PAUSE_S = 0.05
LOOKS_AGAIN_AFTER_S = 30.0
FAILS_AGAIN_AFTER_S = 5.0
LOOKAHEAD = 2
_NOTHING = Need()


class Lane:
    """Lets calls through in the order they came, as many and as fast as the provider takes them.

    `now` gives seconds since the epoch, `random` a number in [0, 1). Pauses are kept on the event loop's clock, which
    does not jump. `changed` is called whenever it may take more or fewer calls than before. With `is_remote` false it
    bounds nothing. Belongs to one event loop; `stop` ends its timer.
    """

    def __init__(
        self,
        name: str,
        *,
        now: Callable[[], float],
        random: Callable[[], float],
        changed: Callable[[], None],
        chosen: ModelSettings | None = None,
        is_remote: bool = True,
    ) -> None:
        chosen = ModelSettings() if chosen is None else chosen
        self.name = name
        self._changed = changed
        self._now = now
        self._random = random
        self._congestion = Congestion(chosen.max_concurrent) if is_remote else None
        self._meters = Meters(chosen, self._clock())
        self._breaker = Breaker()
        self._gate = Gate()
        self._closed: LaneClosedError | None = None
        self._numbers = itertools.count()
        self._needs: dict[int, Need] = {}
        self._queue: Queue[Grant | LaneClosedError] = Queue()
        self._idlers = Idlers()
        self._in_flight = 0
        self._is_probed = False
        self._gentle: int | None = None
        self._blocked_until = self._last_pause_at = float("-inf")
        self._pauses = 0
        self._timer: asyncio.TimerHandle | None = None
        self._answered = self._refused = self._failed = 0

    @property
    def closed(self) -> LaneClosedError | None:
        """Why it takes no calls; None while it takes some, if only one to see whether the provider answers again."""
        self._look_if_due()
        return self._closed if self._gate.state is GateState.SHUT else None

    def state(self) -> LaneState:
        """Tell what it does now."""
        closed, at = self.closed, self._clock()
        return LaneState(
            name=self.name,
            limit=None if self._congestion is None else self._congestion.limit,
            in_flight=self._in_flight,
            queued=len(self._queue),
            blocked_for_s=max(0.0, self._blocked_until - at),
            closed=None if closed is None else closed.reason,
            resume_at=None if closed is None else closed.resume_at,
            looks_again_in_s=None if closed is None else self._gate.left_s(at),
            requests_per_minute=self._meters.requests.per_minute,
            input_tokens_per_minute=self._meters.input_tokens.per_minute,
            output_tokens_per_minute=self._meters.output_tokens.per_minute,
            tokens_per_minute=self._meters.tokens.per_minute,
            answered=self._answered,
            rate_limited=self._refused,
            failed=self._failed,
        )

    def may_start(self, running: int) -> bool:
        """Tell whether one more attempt would get a call through soon beside the `running` ones.

        Up to `LOOKAHEAD` may wait, so that no leave is lost while a worker starts. Attempts that have called nobody
        for a while do not count.
        """
        at = self._clock()
        if self.closed is not None or self._blocked_until > at:
            return False
        if self._gate.state is GateState.HALF_OPEN:
            return running == 0 and not self._is_probed
        if self._congestion is None:
            return True
        idle = max(0, running - self._in_flight - len(self._queue))
        fresh = idle - self._idlers.seen(idle, at)
        ahead = len(self._queue) + fresh
        if ahead < min(self._most() - self._in_flight, int(min(1e9, self._meters.ready(at)))) + LOOKAHEAD:
            return len(self._queue) < LOOKAHEAD
        if fresh:
            # Whoever has not called by then is busy with something else.
            self._wake_in(IDLE_S)
        return False

    def probe_first(self) -> None:
        """Let one call through at a time until one was answered."""
        if self._gate.state is GateState.OPEN:
            self._gate.look()
            self._wake()

    def ticket(self, need: Need = _NOTHING) -> Ticket:
        """Take a place in the order of arrival."""
        return Ticket(next(self._numbers), need)

    @asynccontextmanager
    async def permit(self, waiter: Waiter, ticket: Ticket | None = None) -> AsyncGenerator[Grant]:
        """Wait for a turn; the request is made inside, and what became of it is told to the lane there.

        Raises:
            LaneClosedError: the lane is closed, or was closed while waiting.
        """
        if (closed := self.closed) is not None:
            raise self._refusal(closed)
        ticket = self.ticket() if ticket is None else ticket
        # Whoever comes back for another try goes before all who came later.
        head = self._queue.head()
        is_first = head is None or ticket.number < head
        if is_first and self._delay_s(ticket.need) <= 0:
            grant = self._admit(ticket.need)
        else:
            grant = await self._wait(ticket, waiter)
        try:
            yield grant
        finally:
            self._release(grant)

    def answered(
        self,
        grant: Grant,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        limits: Limits | None = None,
        is_first_try: bool = True,
    ) -> None:
        """Note an answer, what it used (None: not said), and what the provider said of its limits beside it."""
        at = self._clock()
        self._answered += 1
        self._meters.settle(grant.taken, input_tokens, output_tokens, at)
        if limits is not None:
            self._meters.heard(limits, grant.taken, sent_at=grant.sent_at, at=at)
        if self._congestion is not None:
            self._congestion.answered(
                in_flight=max(grant.in_flight, self._in_flight),
                sent_at=grant.sent_at,
                at=at,
                is_first_try=is_first_try,
                is_wanted=self._is_full_only(at),
            )
        if grant.sent_at > self._last_pause_at:
            self._pauses = 0
            self._loosen()
        self.lives(grant)

    def lives(self, grant: Grant) -> None:
        """Note that the provider answers, if only that this request is wrong."""
        self._breaker.reset()
        if self._gate.state is GateState.HALF_OPEN and grant.is_probe:
            self._gate.open()
            self._closed = None
            self._be_gentle()

    def refused(self, grant: Grant, pause_s: float | None, limits: Limits | None = None) -> float:
        """Note that the provider asked for a pause; returns how many seconds the lane makes.

        Without a pause that the provider asked for, one that doubles from wave to wave. All the calls that were already
        on their way when the lane stopped are one wave.
        """
        at = self._clock()
        self._refused += 1
        self._meters.refund(grant.taken, at)
        if limits is not None:
            self._meters.heard(limits, grant.taken, sent_at=grant.sent_at, at=at)
        # Where the pace was too high, fewer at once would only be slower.
        if self._congestion is not None and (limits is None or not limits.is_used_up):
            self._congestion.refused(in_flight=self._in_flight, sent_at=grant.sent_at, at=at)
        return self._block(pause_s, sent_at=grant.sent_at, at=at)

    def failed(self, grant: Grant, error: AttemptError) -> None:
        """Note a failure of the provider: too many in a row close the lane, and so does one of the call that probes."""
        self._failed += 1
        one_too_many = self._breaker.failed(sent_at=grant.sent_at, at=self._clock())
        if grant.is_probe and self._gate.state is GateState.HALF_OPEN:
            still = LaneClosedError(self.name, f"the provider still fails ({error})", kind="breaker")
            self._close(still, grant, FAILS_AGAIN_AFTER_S)
        elif one_too_many:
            self._breaker.reset()
            self._close(
                LaneClosedError(self.name, f"the provider fails again and again ({error})", kind="breaker"),
                grant,
                FAILS_AGAIN_AFTER_S,
            )

    def close(self, error: LaneClosedError, grant: Grant | None = None) -> None:
        """Refuse every call, waiting ones too, until `error.resume_at`, or for `LOOKS_AGAIN_AFTER_S` and ever longer.

        Then one call at a time is let through, until one was answered. `grant` is the call that met the error: one
        that had left before the lane was closed says nothing new.
        """
        self._close(error, grant, LOOKS_AGAIN_AFTER_S)

    def reopen(self) -> None:
        """Let one call through now where the lane is closed, and all once it was answered."""
        if self._gate.state is GateState.SHUT:
            self._gate.look()
            self._wake()

    def stop(self) -> None:
        """End its timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _wait(self, ticket: Ticket, waiter: Waiter) -> Grant:
        place = self._queue.enter(ticket.number)
        self._needs[ticket.number] = ticket.need
        waiter.waiting(True)
        self._schedule()
        try:
            given = await place
        except BaseException:
            handed = self._queue.leave(place)
            if isinstance(handed, Grant):
                self._meters.refund(handed.taken, self._clock())
                self._release(handed)
            else:
                self._wake()
            raise
        finally:
            del self._needs[ticket.number]
            waiter.waiting(False)
        if isinstance(given, Grant):
            return given
        raise given

    def _delay_s(self, need: Need) -> float:
        """How long until a call may leave; infinite while that hangs on others."""
        at = self._clock()
        is_full = self._is_probed if self._gate.state is GateState.HALF_OPEN else self._in_flight >= self._most()
        return float("inf") if is_full else max(self._blocked_until - at, self._meters.delay_s(need, at))

    def _is_full_only(self, at: float) -> bool:
        """Tell whether the first in the queue waits for nothing but a place."""
        head = self._queue.head()
        return head is not None and self._blocked_until <= at and self._meters.delay_s(self._needs[head], at) <= 0

    def _most(self) -> int:
        if self._congestion is None:
            return 10**9
        return self._congestion.limit if self._gentle is None else min(self._gentle, self._congestion.limit)

    def _admit(self, need: Need) -> Grant:
        at = self._clock()
        is_probe = self._gate.state is GateState.HALF_OPEN
        self._in_flight += 1
        self._is_probed = self._is_probed or is_probe
        return Grant(sent_at=at, in_flight=self._in_flight, taken=self._meters.take(need, at), is_probe=is_probe)

    def _release(self, grant: Grant) -> None:
        self._in_flight -= 1
        if grant.is_probe:
            self._is_probed = False
        self._wake()

    def _wake(self) -> None:
        """Let through who may go now, and tell whoever looks on."""
        while (head := self._queue.head()) is not None and self._delay_s(self._needs[head]) <= 0:
            self._queue.hand(self._admit(self._needs[head]))
        self._schedule()
        self._changed()

    def _schedule(self) -> None:
        """Wake when the next thing happens by itself: a pause ends, a bucket fills, a closed lane looks again."""
        at = self._clock()
        waits = [self._blocked_until - at, self._gate.left_s(at)]
        if (head := self._queue.head()) is not None:
            waits.append(self._delay_s(self._needs[head]))
        due = [wait for wait in waits if 0 < wait < float("inf")]
        if due:
            self._wake_in(min(due))

    def _wake_in(self, seconds: float) -> None:
        due_at = self._clock() + seconds
        if self._timer is not None:
            if self._timer.when() <= due_at:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due_at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._look_if_due()
        self._wake()

    def _look_if_due(self) -> None:
        if self._gate.state is not GateState.SHUT:
            return
        resume_at = None if self._closed is None else self._closed.resume_at
        # Either clock will do: the one does not run while a laptop sleeps, the other may be set back.
        if self._gate.left_s(self._clock()) <= 0 or (resume_at is not None and self._now() >= resume_at):
            self._gate.look()

    def _close(self, error: LaneClosedError, grant: Grant | None, first_pause_s: float) -> None:
        at = self._clock()
        self._gate.shut(
            sent_at=at if grant is None else grant.sent_at,
            at=at,
            first_pause_s=first_pause_s,
            pause_s=None if error.resume_at is None else max(0.0, error.resume_at - self._now()),
        )
        if self._gate.state is not GateState.SHUT:
            return
        self._closed = error
        while self._queue.head() is not None:
            self._queue.hand(self._refusal(error))
        self._wake()

    def _block(self, pause_s: float | None, *, sent_at: float, at: float) -> float:
        if sent_at > self._last_pause_at:
            self._pauses += 1
            self._last_pause_at = at
        if not pause_s:
            step = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (max(1, self._pauses) - 1))
            pause_s = step * (0.5 + 0.5 * self._random())
        pause_s = max(SHORTEST_PAUSE_S, pause_s)
        self._blocked_until = max(self._blocked_until, at + pause_s)
        self._be_gentle()
        self._schedule()
        return pause_s

    def _be_gentle(self) -> None:
        """Start again with a few at once: each answer lets one more through."""
        if self._congestion is not None:
            self._gentle = max(1, self._congestion.limit // 4)

    def _loosen(self) -> None:
        if self._gentle is not None and self._congestion is not None:
            self._gentle = None if self._gentle >= self._congestion.limit else self._gentle + 1

    @staticmethod
    def _refusal(closed: LaneClosedError) -> LaneClosedError:
        return LaneClosedError(closed.lane, closed.reason, closed.resume_at, kind=closed.kind)

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()
