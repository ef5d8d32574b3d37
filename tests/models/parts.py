"""What calls a gateway and what keeps its answers, for tests of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar, cast

from parallel_agents.core.budget import Amount
from parallel_agents.core.outcome import CallTotals
from parallel_agents.ports.entries import Charge
from parallel_agents.ports.journal import Reader

T = TypeVar("T")
KEY = "sk-planted-5f1c0e"


class Attempt:
    """The caller's side of a call, as an engine has it."""

    def __init__(self, model: str, key: int, number: int) -> None:
        self.key = key
        self.attempt = number
        self.model = model
        self.execution_id = "exec-0000000000000001"
        self.totals = CallTotals()
        self.waits: list[bool] = []
        self.is_held = asyncio.Event()
        self._ordinals: Counter[str] = Counter()

    def next_ordinal(self, request_hash: str) -> int:
        self._ordinals[request_hash] += 1
        return self._ordinals[request_hash] - 1

    def waiting(self, is_waiting: bool) -> None:
        self.waits.append(is_waiting)
        if is_waiting:
            self.is_held.set()


class DictLedger:
    """A ledger in memory. With `is_slow`, writes are durable only when `flush` says so."""

    def __init__(self) -> None:
        self.calls: dict[tuple[int, str, int], bytes] = {}
        self.charges: dict[str, tuple[Amount, Amount | None]] = {}
        self.is_slow = False
        self.has_written = asyncio.Event()
        self._open: list[asyncio.Future[None]] = []

    async def read(self, query: Callable[[Reader], T]) -> T:
        return query(cast("Reader", self))

    def find_call(self, key: int, request_hash: str, ordinal: int) -> bytes | None:
        return self.calls.get((key, request_hash, ordinal))

    def record_call(
        self, key: int, request_hash: str, ordinal: int, response: bytes, at: float
    ) -> asyncio.Future[None]:
        assert at > 0
        self.calls.setdefault((key, request_hash, ordinal), response)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open.append(written)
        self.has_written.set()
        if not self.is_slow:
            self.flush()
        return written

    def note_charge(self, charge: Charge) -> asyncio.Future[None]:
        self.charges[charge.charge_id] = (charge.most, None)
        return _done()

    def settle_charge(self, charge_id: str, cost: Amount, at: float) -> asyncio.Future[None]:
        assert at > 0
        self.charges[charge_id] = (self.charges[charge_id][0], cost)
        return _done()

    def flush(self) -> None:
        for written in self._open:
            written.set_result(None)
        self._open.clear()


def _done() -> asyncio.Future[None]:
    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    written.set_result(None)
    return written
