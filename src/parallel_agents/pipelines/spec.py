"""What a pipeline file says, in one struct a step."""

from __future__ import annotations

from typing import Any

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One agent, and what has to be done before it.

    `agent` is a name or the path of an agent file, never an expression. `for_each` gives a list: one task for each item
    of it. `when` decides whether the step runs, with `for_each` for each item. `input` gives fields; its texts are
    templates, at any depth. `line` is where the step begins in its file, from 1.
    """

    name: str
    agent: str
    depends_on: tuple[str, ...] = ()
    for_each: str | None = None
    when: str | None = None
    input: dict[str, Any] = {}
    line: int = 0


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """Steps in an order in which each stands below all that it depends on. `source` is its file, for messages."""

    name: str
    steps: tuple[Step, ...]
    description: str = ""
    source: str = ""

    def roots(self) -> tuple[Step, ...]:
        """The steps that depend on no other: they run on the source itself."""
        return tuple(step for step in self.steps if not step.depends_on)

    def step(self, name: str) -> Step:
        """Return the step of this name.

        Raises:
            KeyError: there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
