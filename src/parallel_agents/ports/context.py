"""What an agent is given: the context of one attempt."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

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

    def progress(self, fraction: float | None, message: str = "") -> None:
        """Say how far the work is, 0 to 1 (None: not known)."""
        ...
