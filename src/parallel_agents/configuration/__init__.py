"""Reads configuration files and environment variables into `core.settings`."""

from parallel_agents.configuration.loading import DEFAULT_PATH, load, merge
from parallel_agents.configuration.rules import warnings

__all__ = ["DEFAULT_PATH", "load", "merge", "warnings"]
