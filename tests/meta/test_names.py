"""Names: the public ones are frozen, and no module is a drawer for whatever comes."""

from __future__ import annotations

import re
from pathlib import Path

import parallel_agents

ROOT = Path(__file__).parents[2]
DRAWERS = {"utils", "util", "helpers", "helper", "common", "base", "misc", "tools", "shared", "lib"}
PUBLIC = [
    "AgentError",
    "AttemptError",
    "BatchStream",
    "Budget",
    "CanvasLandings",
    "Context",
    "ContextIsolationManager",
    "ContractError",
    "ErrorHandlingManager",
    "Event",
    "EventType",
    "ExecutionClosedError",
    "Forecast",
    "InputError",
    "ItemError",
    "ParallelAgentExecutor",
    "ParallelAgentsError",
    "PerformanceMonitor",
    "QueueFullError",
    "ResultAggregator",
    "Settings",
    "TaskQueueManager",
    "TransientError",
    "UnscoredError",
    "__version__",
    "aggregate_results",
    "create_batch_tasks",
    "create_pipeline_tasks",
    "handle_execution_error",
    "prioritize_tasks",
]
"""A name that goes or changes breaks somebody's program: that is a new major version. A new name is added here."""


def test_the_public_names_are_these() -> None:
    assert sorted(parallel_agents.__all__) == PUBLIC


def test_every_public_name_is_there() -> None:
    missing = [name for name in PUBLIC if not hasattr(parallel_agents, name)]
    assert missing == []


def test_no_module_is_a_drawer() -> None:
    names = [path for folder in ("src", "tests", "scripts") for path in (ROOT / folder).rglob("*")]
    named = [path for path in names if path.is_dir() or path.suffix == ".py"]
    words = {path: set(re.split(r"[_.]", path.stem)) for path in named if path.parent.name != "__pycache__"}
    assert words
    assert [str(path.relative_to(ROOT)) for path, parts in words.items() if parts & DRAWERS] == []
