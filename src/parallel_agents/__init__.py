"""Run LLM agents over a whole Obsidian canvas, a folder of notes or a JSONL file, many at a time.

Names are loaded at their first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

# Not from `typing`: until the command line can answer Ctrl-C, as little as possible is loaded.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from parallel_agents.batches import (
        aggregate_results,
        create_batch_tasks,
        create_pipeline_tasks,
        handle_execution_error,
        prioritize_tasks,
    )
    from parallel_agents.core.aggregate import ResultAggregator
    from parallel_agents.core.budget import Budget
    from parallel_agents.core.errors import (
        AgentError,
        AttemptError,
        ContractError,
        ExecutionClosedError,
        InputError,
        ItemError,
        ParallelAgentsError,
        QueueFullError,
        TransientError,
        UnscoredError,
    )
    from parallel_agents.core.events import Event, EventType
    from parallel_agents.core.forecast import Forecast
    from parallel_agents.core.settings import Settings
    from parallel_agents.engine.failures import ErrorHandlingManager
    from parallel_agents.engine.monitor import PerformanceMonitor
    from parallel_agents.engine.queue import TaskQueueManager
    from parallel_agents.executor import ParallelAgentExecutor
    from parallel_agents.landing import CanvasLandings
    from parallel_agents.ports.context import Context
    from parallel_agents.streaming import BatchStream
    from parallel_agents.workers.workdir import ContextIsolationManager

__version__ = "0.1.0"

_HOMES = {
    "AgentError": "core.errors",
    "AttemptError": "core.errors",
    "BatchStream": "streaming",
    "Budget": "core.budget",
    "CanvasLandings": "landing",
    "Context": "ports.context",
    "ContextIsolationManager": "workers.workdir",
    "ContractError": "core.errors",
    "ErrorHandlingManager": "engine.failures",
    "Event": "core.events",
    "EventType": "core.events",
    "ExecutionClosedError": "core.errors",
    "Forecast": "core.forecast",
    "InputError": "core.errors",
    "ItemError": "core.errors",
    "ParallelAgentExecutor": "executor",
    "ParallelAgentsError": "core.errors",
    "PerformanceMonitor": "engine.monitor",
    "QueueFullError": "core.errors",
    "ResultAggregator": "core.aggregate",
    "Settings": "core.settings",
    "TaskQueueManager": "engine.queue",
    "TransientError": "core.errors",
    "UnscoredError": "core.errors",
    "aggregate_results": "batches",
    "create_batch_tasks": "batches",
    "create_pipeline_tasks": "batches",
    "handle_execution_error": "batches",
    "prioritize_tasks": "batches",
}

__all__ = [
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


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
