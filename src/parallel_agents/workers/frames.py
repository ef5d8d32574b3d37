"""What the engine and a worker say to each other: one msgpack body per frame, told apart by its tag.

A `seat` is the number of one attempt in one worker. It is never given twice, so a late frame finds nobody.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from parallel_agents.core.outcome import Outcome, Usage
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers.faults import Fault


class Run(msgspec.Struct, frozen=True, tag="run"):
    """To the worker: run this attempt."""

    seat: int
    assignment: Assignment


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """To a worker that runs several: cancel this attempt. It ends with a `Finished` like any other."""

    seat: int


class CallAnswered(msgspec.Struct, frozen=True, tag="call_answered"):
    """To the worker: the answer to a model call or to tasks handed in, or why there is none. One of the two is set."""

    seat: int
    call_id: int
    response: bytes | None = None
    fault: Fault | None = None


class Hello(msgspec.Struct, frozen=True, tag="hello", kw_only=True):
    """From the worker: it is ready. `baseline_mb` is its resident memory now; `effective` what it really guarantees."""

    pid: int
    thread_id: str
    baseline_mb: float | None
    effective: dict[str, str]


class Call(msgspec.Struct, frozen=True, tag="call"):
    """From the worker: the agent makes a model call."""

    seat: int
    call_id: int
    request: bytes


class Delegate(msgspec.Struct, frozen=True, tag="delegate"):
    """From the worker: the agent hands tasks in and waits for them. It is answered like a call."""

    seat: int
    call_id: int
    request: bytes


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """From the worker: the agent says how far it is."""

    seat: int
    fraction: float | None
    message: str


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """From the worker: the process is alive, whatever the agent does.

    `holder` is the attempt that has kept the loop to itself since the beat before; None where the loop turns.
    """

    holder: int | None = None


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """From the worker: the attempt has ended. `reusable` is False where it left something behind."""

    seat: int
    outcome: Outcome
    usage: Usage
    reusable: bool = True


ToWorker: TypeAlias = Run | Cancel | CallAnswered
FromWorker: TypeAlias = Hello | Call | Delegate | Progress | Beat | Finished

encode = msgspec.msgpack.Encoder().encode
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
decode_to_worker = _to_worker.decode
decode_from_worker = _from_worker.decode
