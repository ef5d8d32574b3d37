"""What in a folder cannot be read: a refusal of the whole, or left out with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from parallel_agents.canvas.selection import Skipped
from parallel_agents.core.errors import CanvasError, SourceError

Fault: TypeAlias = SourceError | CanvasError
_MOST_NAMED = 5


def left_out(faults: Sequence[Fault], *, skip_unreadable: bool) -> list[Skipped]:
    """Give what could not be read as skipped, where that was asked for.

    Raises:
        SourceError, CanvasError: it was not asked for; the first is told with its reason, the others are named.
    """
    if not faults or skip_unreadable:
        return [Skipped(None, _reason(fault), fault.path) for fault in faults]
    first, *others = sorted(faults, key=lambda fault: fault.path)
    named = ", ".join(fault.path for fault in others[:_MOST_NAMED]) + (", …" if len(others) > _MOST_NAMED else "")
    more = f"{len(others)} more cannot be read: {named}. " if others else ""
    hint = f"{more}Mend it, or leave out what cannot be read with --skip-unreadable."
    hint = f"{first.hint} {hint}" if first.hint else hint
    if isinstance(first, CanvasError):
        raise CanvasError(first.path, first.problem, node=first.node, field=first.field, hint=hint)
    raise SourceError(first.path, first.problem, line=first.line, hint=hint)


def _reason(fault: Fault) -> str:
    place: list[str] = []
    if isinstance(fault, CanvasError):
        place += [] if fault.node is None else [f"node {fault.node!r}"]
        place += [] if fault.field is None else [f"field {fault.field!r}"]
    elif fault.line is not None:
        place.append(f"line {fault.line}")
    return f"{', '.join(place)}: {fault.problem}" if place else fault.problem
