"""Which tasks try a batch out before the rest of it."""

from __future__ import annotations

from collections.abc import Sequence


def chosen_for_pilot(sizes: Sequence[tuple[str, int]], number: int) -> list[int]:
    """Positions of so many tasks, in order: of every agent its share, small, middling and large ones.

    `sizes` are the agent and the size of the input of each task. The same tasks give the same choice.
    """
    ordered = sorted(range(len(sizes)), key=lambda position: (*sizes[position], position))
    number = min(number, len(ordered))
    return sorted(ordered[(2 * one + 1) * len(ordered) // (2 * number)] for one in range(number))
