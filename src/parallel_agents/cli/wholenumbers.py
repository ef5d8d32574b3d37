"""Whole numbers on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import Token


def whole(_: type, tokens: Sequence[Token]) -> int:
    """Read a whole number. Raises ValueError on anything else, 2.7 too."""
    # The library rounds 2.7 to 3, and a concurrency that nobody asked for is worse than a refusal.
    value = tokens[0].value
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None
