"""Reads configuration files and environment variables into `core.settings`."""

from parallel_agents.configuration.availability import refuse_unavailable, warnings
from parallel_agents.configuration.changing import changed
from parallel_agents.configuration.loading import DEFAULT_PATH, find_faults, load, load_with_origins, merge

__all__ = [
    "DEFAULT_PATH",
    "changed",
    "find_faults",
    "load",
    "load_with_origins",
    "merge",
    "refuse_unavailable",
    "warnings",
]
