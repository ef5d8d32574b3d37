"""Which attempt an answer's tokens and time are counted for."""

from __future__ import annotations

from parallel_agents.models.ledger import Identity


class Claims:
    """Knows which kept answers no attempt was credited for yet, so that sums over attempts are what was paid.

    Free are those that this gateway got and nobody took (the worker died first), and those of an earlier process,
    whose attempts died without a record of their calls. Holds entries for these only, not one for every call.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._free: set[Identity] = set()
        self._taken_over: set[Identity] = set()

    def leave(self, identity: Identity) -> None:
        """Note an answer that was just made and kept; nobody has taken it yet."""
        self._free.add(identity)

    def take(self, identity: Identity, origin: str) -> bool:
        """Take an answer for an attempt; True for the first that asks."""
        if origin == self._origin:
            is_free = identity in self._free
            self._free.discard(identity)
            return is_free
        is_free = identity not in self._taken_over
        self._taken_over.add(identity)
        return is_free
