"""Loaded last by the fork server: everything loaded before it is shared with every worker and never copied."""

from __future__ import annotations

import gc

import parallel_agents.workers.child  # noqa: F401 - so that a worker finds it loaded

gc.collect()
gc.freeze()
