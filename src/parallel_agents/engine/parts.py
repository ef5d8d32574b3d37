"""What an engine is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from parallel_agents.core.chains import NotNeeded
from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.task import Task
from parallel_agents.ports.clock import Chance, Clock
from parallel_agents.ports.entries import Unbound
from parallel_agents.ports.journal import Journal
from parallel_agents.ports.models import Gateway
from parallel_agents.ports.workers import Contexts, WorkerPool

Accept = Callable[[Mapping[str, Any], int, str | None], tuple[Task, AgentRecord]]
"""Checks a task mapping at this place of a list, under this model; returns it with its agent. Raises `InputError`."""


Bind = Callable[[str, Unbound, AgentRecord], tuple[Task, ...] | NotNeeded]
"""Makes the input of a task of this execution; with several items, one task for each. Raises `InputError`."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine works with."""

    journal: Journal
    pool: WorkerPool
    gateway: Gateway
    contexts: Contexts
    clock: Clock
    chance: Chance
    parameters: Callable[[AgentRecord], bytes]
    accept: Accept
    bind: Bind
