"""What an engine is made of."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from parallel_agents.core.execution import AgentRecord
from parallel_agents.ports.clock import Chance, Clock
from parallel_agents.ports.journal import Journal
from parallel_agents.ports.models import Gateway
from parallel_agents.ports.workers import Contexts, WorkerPool


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine works with."""

    journal: Journal
    pool: WorkerPool
    gateway: Gateway
    contexts: Contexts
    clock: Clock
    chance: Chance
    parameters: Callable[[AgentRecord], bytes]
