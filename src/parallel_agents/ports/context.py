"""What an agent is given: the context of one attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from parallel_agents.core.delegation import DelegatedResult
from parallel_agents.ports.models import ModelClient


class Context(Protocol):
    """The whole world of one attempt of an agent, `async def run(context) -> Mapping`."""

    @property
    def input(self) -> Mapping[str, Any]:
        """The task's input_data."""
        ...

    @property
    def context_id(self) -> str:
        """Unique for every attempt."""
        ...

    @property
    def session_id(self) -> str:
        """The same for all attempts of a task."""
        ...

    @property
    def attempt(self) -> int:
        """Number of this try, from 1. It only ever grows."""
        ...

    @property
    def workdir(self) -> Path:
        """A private directory, empty at the start and removed after the attempt."""
        ...

    @property
    def model(self) -> ModelClient:
        """The model of this execution."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the engine knows of the agent itself: `name` and, for an agent from a file, its parsed `spec`."""
        ...

    async def delegate(self, tasks: Sequence[Mapping[str, Any]]) -> list[DelegatedResult]:
        """Hand tasks in to this execution and wait until they have ended; their results, in the same order.

        A task is a mapping as a batch has it, without `task_id` and `depends_on`. This attempt's clock stands still
        meanwhile and its place is somebody else's. When this task is tried again and asks the same, it finds the same
        tasks: what they have done is not done again.

        Raises:
            ItemError: a task is wrong, or these would be nested too deeply.
        """
        ...

    def progress(self, fraction: float | None, message: str = "") -> None:
        """Say how far the work is, 0 to 1 (None: not known)."""
        ...
