"""Who was the first to bring something: how duplicates are found in a stream."""

from __future__ import annotations

from typing import Protocol


class Firsts(Protocol):
    """Remembers, for every number, who claimed it first. Exact, however many there are."""

    def claim(self, number: int, claimant: str) -> str | None:
        """Claim `number` (0 to 2**63 - 1): None for the first claimant, who keeps it, else who that was."""
        ...


class RememberedFirsts:
    """In memory, which grows with the different numbers."""

    def __init__(self) -> None:
        self._holders: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._holders)

    def claim(self, number: int, claimant: str) -> str | None:
        """As `Firsts.claim`."""
        if number not in self._holders:
            self._holders[number] = claimant
            return None
        return self._holders[number]

    def items(self) -> list[tuple[int, str]]:
        """Every number with its holder."""
        return list(self._holders.items())
