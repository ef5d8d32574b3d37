"""Priority levels and the order that they give."""

from __future__ import annotations

from collections.abc import Sequence

ALIASES = {"medium": "normal"}


def rank_of(priority: str | None, levels: Sequence[str]) -> int:
    """Find the place of a priority in `levels`, highest first.

    None means `normal`, or the middle level where there is no `normal`.

    Raises:
        ValueError: the name is not one of `levels`.
    """
    if priority is None:
        return levels.index("normal") if "normal" in levels else len(levels) // 2
    name = priority if priority in levels else ALIASES.get(priority, priority)
    try:
        return levels.index(name)
    except ValueError:
        raise ValueError(f"priority {priority!r} is not one of {', '.join(levels)}") from None
