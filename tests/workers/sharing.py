"""Workers that several attempts share, as the tests of them see them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from parallel_agents.core.outcome import Outcome, Succeeded, WorkerIdentity
from parallel_agents.ports.models import ModelResponse
from parallel_agents.ports.workers import Assignment
from parallel_agents.workers.pool import ProcessPool

AGENTS = Path(__file__).with_name("agents_that_share.py")
BOTH = pytest.mark.parametrize("level", ["coroutine", "thread"])


class Ear(Protocol):
    """See conftest."""

    worker: WorkerIdentity | None
    heard: list[tuple[float | None, str]]
    requests: list[bytes]
    is_received: bool

    def started(self, worker: WorkerIdentity) -> None: ...

    async def call(self, request: bytes) -> bytes: ...

    def received(self) -> None: ...

    def progress(self, fraction: float | None, message: str) -> None: ...

    async def delegate(self, request: bytes) -> bytes: ...

    async def until(self, happened: Callable[[], bool]) -> None: ...


MakeEar = Callable[..., Ear]
MakeAssignment = Callable[..., Assignment]
MakePool = Callable[..., Awaitable[ProcessPool]]
Give = Callable[..., Assignment]


class Gate:
    """Answers model calls once it is opened."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.opened = asyncio.Event()

    async def answer(self, _request: bytes) -> bytes:
        self.asked.set()
        await self.opened.wait()
        return msgspec.msgpack.encode(ModelResponse(text="yes", model="m", is_language_model=True))


def output(outcome: Outcome) -> Any:
    assert isinstance(outcome, Succeeded), outcome
    return msgspec.msgpack.decode(outcome.output)


async def shared(make_pool: MakePool, level: str, **changes: Any) -> ProcessPool:
    return await make_pool(**{"level": level, "slots": 8, "max_workers": 1, **changes})
