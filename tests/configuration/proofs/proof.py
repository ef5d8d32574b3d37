"""What a proof of a key is: values, a run under each, and what each run shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from tests.configuration.proofs.scene import Observe

PROCESSING = "parallel_processing"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """`observe` runs under each of `values` and sees what `shows` has at the same place. `given` are other keys."""

    values: Sequence[Any]
    shows: Sequence[Any]
    observe: Observe
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    needs_provider: bool = False


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted keys into nested mappings."""
    result: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, last = key.split(".")
        here = result
        for section in sections:
            here = cast("dict[str, Any]", here.setdefault(section, {}))
        here[last] = value
    return result
