"""One line of a file of tasks: JSON as the standard has it, and nothing that would be lost or changed on the way."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

_MOST_DIGITS = 40  # more than 64 bits have, and as many as a message should show


def read_line(line: str) -> Any:
    """Read the JSON value of a line.

    Raises:
        ValueError: it is not JSON; a key stands twice (one of the two would be lost); a number is too large to be
            kept; it is nested too deeply.
    """
    try:
        return _decode(line)
    except json.JSONDecodeError as error:
        # Its own words would say "line 1" of whatever line this is.
        raise ValueError(f"{error.msg} (column {error.colno})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise ValueError(f"the key {twice!r} stands twice")
    return values


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _whole(digits: str) -> int:
    # Python takes seconds over millions of digits, and the journal keeps 64 bits.
    number = int(digits) if len(digits) <= _MOST_DIGITS else None
    if number is None or not -(2**63) <= number < 2**64:
        shown = digits if len(digits) <= _MOST_DIGITS else f"{digits[:_MOST_DIGITS]}…"
        raise ValueError(f"the number {shown} is too large")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits} is too large")
    return number


_decode = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite, parse_int=_whole
).decode
