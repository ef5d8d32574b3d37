"""The sandbox that expressions run in: values in, values out, the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import FilterArgumentError, SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

LIMIT_CHARACTERS = 1 << 20
_LIMIT_ITEMS = 100_000
_LIMIT_POWER = 64
# What answers otherwise each time: after a restart a step would not be the one that it was.
_UNSTEADY_FILTERS = ("random",)


class Sandbox(ImmutableSandboxedEnvironment):
    """Knows nothing but the names it is given, `range`, and the filter `weakest` beside Jinja's own."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True, finalize=_or_nothing)
        self.globals = {"range": safe_range}
        self.filters["weakest"] = weakest
        for name in _UNSTEADY_FILTERS:
            del self.filters[name]

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Take a key of a mapping before a method: `step.items` is what the answer calls items."""
        if isinstance(obj, Mapping) and attribute in obj:
            return cast("Mapping[str, Any]", obj)[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply within bounds.

        Raises:
            SecurityError: what comes out would be too large.
        """
        if operator == "**" and not (_is_small(left) and _is_small(right)):
            raise SecurityError(f"** is for numbers up to {_LIMIT_POWER}")
        sized, factor = (left, right) if hasattr(left, "__len__") else (right, left)
        if operator == "*" and hasattr(sized, "__len__") and len(sized) * int(factor) > _LIMIT_ITEMS:
            raise SecurityError(f"the product would be longer than {_LIMIT_ITEMS}")
        return super().call_binop(context, operator, left, right)


def weakest(scores: object) -> str:
    """Name the key with the lowest number; of several, the first in order.

    Raises:
        FilterArgumentError: it is no mapping of numbers, or an empty one.
    """
    if isinstance(scores, Undefined):
        str(scores)  # says which name it is that is not there
    if not isinstance(scores, Mapping) or not scores:
        raise FilterArgumentError("`weakest` needs a mapping of numbers")
    numbers = cast("Mapping[str, Any]", scores)
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FilterArgumentError(f"`weakest` needs numbers, and {key!r} is {value!r:.60}")
    return min(numbers, key=lambda key: numbers[key])


def _or_nothing(value: object) -> object:
    """What a source does not have is left out of a text, where Jinja would write the word None."""
    return "" if value is None else value


def _is_small(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) <= _LIMIT_POWER
