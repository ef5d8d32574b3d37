"""Exit codes."""

from __future__ import annotations

from typing import Any

OK = 0
WITH_ERRORS = 1
USAGE = 2
PAUSED = 3
INTERRUPTED = 130

_BY_STATUS = {"completed": OK, "paused": PAUSED}


def code_of(document: dict[str, Any]) -> int:
    """The exit code for an execution's document."""
    return _BY_STATUS.get(document["parallel_agent_execution"]["overall_status"], WITH_ERRORS)
