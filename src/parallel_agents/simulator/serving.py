"""The simulated provider's HTTP server."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from parallel_agents.core.errors import InputError
from parallel_agents.simulator.answers import answer_to, prompt_hash
from parallel_agents.simulator.counts import Counts
from parallel_agents.simulator.faults import Fault, FaultQueue
from parallel_agents.simulator.options import Behaviour, Options, checked
from parallel_agents.simulator.wire import ANTHROPIC, OPENAI, Body, WireFormat

if TYPE_CHECKING:
    from aiohttp import web
