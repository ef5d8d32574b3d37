"""Loaded last by the fork server: everything loaded before it is shared with every worker and never copied."""

from __future__ import annotations

import gc
import importlib

# So that a worker finds its own program loaded.
importlib.import_module("parallel_agents.workers.child")
gc.collect()
gc.freeze()
