"""Whether callers obey: who comes back before the time that it was told."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec


class Caller(msgspec.Struct, kw_only=True):
    """What one client did. `early_returns` and `during_pause` are explained at `Callers`."""

    requests: int = 0
    refused: int = 0
    early_returns: int = 0
    during_pause: int = 0


class Callers:
    """Clients, known by their key (its hash, never itself) and the model that they ask. Times are seconds, one clock.

    `early_returns` counts requests that were told to come back later (429 with a Retry-After) and came back before.
    `during_pause` counts any request of a client that arrived while a pause ran that it had been told; those that were
    on their way when it was told are among them, so a few of these are no fault.
    """

    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}
        self._pauses: dict[str, float] = {}
        self._told: dict[tuple[str, str], float] = {}

    def arrived(self, client: str, prompt: str, at: float) -> None:
        """Note a request by the hash of its prompt."""
        caller = self._callers.setdefault(client, Caller())
        caller.requests += 1
        if at < self._pauses.get(client, at):
            caller.during_pause += 1
        if at < self._told.pop((client, prompt), at):
            caller.early_returns += 1

    def refused(self, client: str, prompt: str, until: float | None) -> None:
        """Note a 429; `until` is when the request may come back, None where that was not told."""
        self._callers.setdefault(client, Caller()).refused += 1
        if until is not None:
            self._pauses[client] = max(until, self._pauses.get(client, until))
            self._told[client, prompt] = until

    def seen(self) -> dict[str, dict[str, Any]]:
        """Return what each did."""
        return {client: msgspec.to_builtins(caller) for client, caller in self._callers.items()}

    def early_returns(self) -> int:
        """Return the sum over all."""
        return sum(caller.early_returns for caller in self._callers.values())


def client_name(key: str, model: str) -> str:
    """Name a client without giving its key away."""
    return f"{hashlib.sha256(key.encode()).hexdigest()[:8]} {model}"
