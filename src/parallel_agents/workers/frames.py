"""What the engine and a worker say to each other: one msgpack body per frame, told apart by its tag."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from parallel_agents.core.outcome import Outcome, Usage
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers.faults import Fault


class Run(msgspec.Struct, frozen=True, tag="run"):
    """To the worker: run this attempt."""

    assignment: Assignment


class CallAnswered(msgspec.Struct, frozen=True, tag="call_answered"):
    """To the worker: the answer to a model call, or why there is none. One of the two is set."""

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

    call_id: int
    request: bytes


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """From the worker: the agent says how far it is."""

    fraction: float | None
    message: str


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """From the worker: the process is alive, whatever the agent does."""


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """From the worker: the attempt has ended. `reusable` is False where it left something behind."""

    outcome: Outcome
    usage: Usage
    reusable: bool = True


ToWorker: TypeAlias = Run | CallAnswered
FromWorker: TypeAlias = Hello | Call | Progress | Beat | Finished

encode = msgspec.msgpack.Encoder().encode
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
decode_to_worker = _to_worker.decode
decode_from_worker = _from_worker.decode
