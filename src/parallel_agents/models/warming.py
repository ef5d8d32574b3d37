"""Calls that begin alike: one goes first, so that the provider's prompt cache serves the others."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec

from parallel_agents.core.tokens import likely_tokens
from parallel_agents.models.flights import Flight
from parallel_agents.models.providers import OFFLINE
from parallel_agents.ports.models import ModelRequest

CACHED_FROM_TOKENS = 1024
"""Shorter prefixes are cached by no provider."""
HOLD_S = 5.0
FORGOTTEN_AFTER_S = 300.0
_PREFIXES_KEPT = 512


class _Prefix:
    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.warm_until = 0.0


class Warming:
    """Holds calls of one long prefix (model, system text, schema) while the first of them is out.

    The others go once it was answered, or `hold_s` after it was sent; when it fails, the next takes its part. A prefix
    that was answered is warm until it was unused for `forgotten_after_s`. `clock` gives seconds that never go back.
    """

    def __init__(
        self, clock: Callable[[], float], *, hold_s: float = HOLD_S, forgotten_after_s: float = FORGOTTEN_AFTER_S
    ) -> None:
        self._clock = clock
        self._hold_s = hold_s
        self._forgotten_after_s = forgotten_after_s
        self._prefixes: dict[str, _Prefix] = {}

    @asynccontextmanager
    async def turn(self, request: ModelRequest, flight: Flight) -> AsyncGenerator[None]:
        """Wait until this call may go; it is made inside. Says on the flight when it waits."""
        if flight.model == OFFLINE or not is_long(request):
            yield
            return
        key = _key(flight.model, request)
        prefix = await self._go_or_hold(key, flight)
        if prefix is None:
            yield
            self._answered(key)
            return
        timers: list[asyncio.TimerHandle] = []
        # Counted from its sending: while it waits for its lane, the others would only wait there too.
        flight.on_departure(
            lambda: timers.append(asyncio.get_running_loop().call_later(self._hold_s, prefix.is_open.set))
        )
        try:
            yield
            prefix.warm_until = self._clock() + self._forgotten_after_s
        finally:
            # After a failure, a cancellation too, the prefix is unknown again and whoever is woken first warms it.
            if not prefix.warm_until:
                del self._prefixes[key]
            for timer in timers:
                timer.cancel()
            prefix.is_open.set()

    async def _go_or_hold(self, key: str, flight: Flight) -> _Prefix | None:
        """Wait; returns the prefix where this call warms it, None where it just goes."""
        is_held = False
        try:
            while (known := self._known(key)) is not None and not known.is_open.is_set():
                if not is_held:
                    is_held = True
                    flight.waiting(True)
                await known.is_open.wait()
        finally:
            if is_held:
                flight.waiting(False)
        if known is not None:
            return None
        # Nothing was awaited since it was looked for, so that two calls cannot both be the first.
        self._forget_the_cold()
        warmed = self._prefixes[key] = _Prefix()
        return warmed

    def _known(self, key: str) -> _Prefix | None:
        prefix = self._prefixes.get(key)
        if prefix is not None and prefix.warm_until and self._clock() >= prefix.warm_until:
            del self._prefixes[key]
            return None
        return prefix

    def _answered(self, key: str) -> None:
        prefix = self._prefixes.get(key)
        if prefix is not None and prefix.warm_until:
            prefix.warm_until = self._clock() + self._forgotten_after_s

    def _forget_the_cold(self) -> None:
        if len(self._prefixes) >= _PREFIXES_KEPT:
            for key in list(self._prefixes):
                self._known(key)


def is_long(request: ModelRequest) -> bool:
    """Tell whether providers may keep what this call begins with."""
    return likely_tokens(request.system) + likely_tokens(_schema(request)) >= CACHED_FROM_TOKENS


def _key(model: str, request: ModelRequest) -> str:
    text = "\0".join((model, request.system, _schema(request)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _schema(request: ModelRequest) -> str:
    return msgspec.json.encode(request.output.json_schema).decode() if request.output is not None else ""
