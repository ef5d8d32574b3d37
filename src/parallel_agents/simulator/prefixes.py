"""A prompt cache as providers have it: what requests begin with alike is read once."""

from __future__ import annotations

import hashlib


class PrefixCache:
    """Remembers prefixes. Times are seconds on any one clock; a prefix unused for `ttl_s` is forgotten."""

    def __init__(self) -> None:
        self._ready_at: dict[str, float] = {}
        self._used_at: dict[str, float] = {}

    def holds(self, prefix: str, at: float, ttl_s: float) -> bool:
        """Tell whether a request that arrives at `at` finds its prefix; finding it is a use."""
        ready_at = self._ready_at.get(prefix)
        if ready_at is None or at < ready_at:
            return False
        if at - self._used_at[prefix] >= ttl_s:
            del self._ready_at[prefix]
            return False
        self._used_at[prefix] = at
        return True

    def read(self, prefix: str, begins_at: float) -> None:
        """Note a request that did not find it and whose answer begins at `begins_at`: from then on others find it."""
        self._ready_at[prefix] = min(begins_at, self._ready_at.get(prefix, begins_at))
        self._used_at[prefix] = max(self._ready_at[prefix], self._used_at.get(prefix, 0.0))


def prefix_key(*parts: str) -> str:
    """Name a prefix by what it is made of."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
