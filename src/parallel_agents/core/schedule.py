"""How long tasks take together: a schedule on a clock of its own, under the limits of a lane."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

import msgspec

MINUTE_S = 60.0
REQUESTS_BURST_S = 1.0
TOKENS_BURST_S = 10.0


class LaneLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one lane takes: in a minute, and at once. None is no limit that is known."""

    requests_per_minute: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    at_once: int | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One task: how long it holds a slot (seconds), what it asks of its lane, and whose limits hold for it."""

    busy_s: float
    agent: str = ""
    lane: str = ""
    calls: float = 1.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0


class Slots(msgspec.Struct, frozen=True, kw_only=True):
    """What runs at once: of all, of each agent, and what each lane takes."""

    at_once: int
    by_agent: Mapping[str, int] = {}
    lanes: Mapping[str, LaneLimits] = {}


def makespan_s(jobs: Sequence[Job], slots: Slots) -> float:
    """Seconds until the last of these is done, started in their order as soon as there is room for each.

    A lane's limit in a minute is a bucket that is full at the start: one second of calls, at least one, and ten of
    tokens. What is larger than a bucket goes when that is full, and leaves a debt.
    """
    lanes = {name: _Lane(limits) for name, limits in slots.lanes.items()}
    free = {("all", ""): _Room(slots.at_once)}
    for agent, most in slots.by_agent.items():
        free["agent", agent] = _Room(most)
    for name, limits in slots.lanes.items():
        if limits.at_once is not None:
            free["lane", name] = _Room(limits.at_once)
    last = 0.0
    for job in jobs:
        keys = ("all", ""), ("agent", job.agent), ("lane", job.lane)
        rooms = [free[key] for key in keys if key in free]
        start = max(room.next_s() for room in rooms)
        if job.lane in lanes:
            start = lanes[job.lane].start_s(job, start)
        for room in rooms:
            room.take(start + job.busy_s)
        last = max(last, start + job.busy_s)
    return last


class _Room:
    def __init__(self, most: int) -> None:
        self._ends = [0.0] * max(1, most)

    def next_s(self) -> float:
        return self._ends[0]

    def take(self, until: float) -> None:
        heapq.heapreplace(self._ends, until)


class _Lane:
    def __init__(self, limits: LaneLimits) -> None:
        calls_s = _each_s(limits.requests_per_minute)
        inputs_s, outputs_s = _each_s(limits.input_tokens_per_minute), _each_s(limits.output_tokens_per_minute)
        self._calls = None if calls_s is None else _Bucket(calls_s, max(REQUESTS_BURST_S, calls_s))
        self._inputs = None if inputs_s is None else _Bucket(inputs_s, TOKENS_BURST_S)
        self._outputs = None if outputs_s is None else _Bucket(outputs_s, TOKENS_BURST_S)

    def start_s(self, job: Job, earliest: float) -> float:
        """When it may go; the lane has then taken it."""
        pairs = ((self._calls, job.calls), (self._inputs, job.input_tokens), (self._outputs, job.output_tokens))
        wanted = [(bucket, amount) for bucket, amount in pairs if bucket is not None]
        start = max([earliest, *(bucket.ready_s(amount) for bucket, amount in wanted)])
        for bucket, amount in wanted:
            bucket.take(amount, start)
        return start


class _Bucket:
    """Holds what `burst_s` seconds let in. When it is full again is all that it has to remember."""

    def __init__(self, each_s: float, burst_s: float) -> None:
        self._each_s = each_s
        self._burst_s = burst_s
        self._full_at = 0.0

    def ready_s(self, amount: float) -> float:
        return self._full_at - self._burst_s + min(amount * self._each_s, self._burst_s)

    def take(self, amount: float, at: float) -> None:
        self._full_at = max(self._full_at, at) + amount * self._each_s


def _each_s(per_minute: float | None) -> float | None:
    return None if per_minute is None else MINUTE_S / per_minute
