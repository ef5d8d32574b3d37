"""What was guaranteed of the programs that an attempt started, told to the worker that the attempt runs in."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_noted: ContextVar[dict[str, str] | None] = ContextVar("achieved", default=None)


@contextmanager
def noting() -> Generator[Mapping[str, str]]:
    """Give what is noted within, the last word of each: a guarantee and how it is kept, as in `effective`."""
    found: dict[str, str] = {}
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def note(**guarantees: str) -> None:
    """Note guarantees of a program that runs; nothing where nobody asked."""
    found = _noted.get()
    if found is not None:
        found.update(guarantees)
