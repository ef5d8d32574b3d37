"""Which tasks may have the result of an earlier one, and what they are known by."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.agents.registry import SPEC_TARGET, Agent, AgentRegistry
from parallel_agents.agents.version import PROMPTS
from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.fingerprint import Asking, Fingerprints, batch_digest
from parallel_agents.core.settings import Settings
from parallel_agents.core.submission import TaskMapping
from parallel_agents.models.providers import OFFLINE


class Fingerprinting:
    """Gives tasks their fingerprints, under settings. `place_of` tells where a model is reached, or raises."""

    def __init__(self, settings: Settings, agents: AgentRegistry, place_of: Callable[[str], str]) -> None:
        self._settings = settings
        self._agents = agents
        self._place_of = place_of
        self._known: dict[tuple[str, str | None], Fingerprints | None] = {}

    def of(self, record: AgentRecord, input_data: Mapping[str, Any]) -> bytes | None:
        """The fingerprint of a task of this agent; None where its result serves nobody else."""
        name = (record.name, record.model)
        if name not in self._known:
            self._known[name] = self._made(self._agents.recorded(record), record)
        found = self._known[name]
        return None if found is None else found.of(input_data)

    def _made(self, agent: Agent, record: AgentRecord) -> Fingerprints | None:
        model = record.model
        if not agent.reusable or model in (None, OFFLINE):
            return None
        has_contract = agent.target == SPEC_TARGET
        code = None if has_contract else _code_digest(agent.target)
        if code is None and not has_contract:
            return None
        chosen = self._settings.model_settings(model)
        asking = Asking(
            prompts=PROMPTS,
            target=agent.target,
            spec=agent.spec,
            code=code,
            model=model,
            place=self._place_of(model),
            temperature=chosen.temperature,
            max_tokens=chosen.max_tokens,
            fallback=record.fallback_model,
            # Of the input, an agent with a contract sends a model what its file names, and nothing else; one
            # in the subagent format sends all of it.
            fields=tuple(agent.fields) if has_contract and not agent.takes_all else None,
        )
        return Fingerprints(asking)


def digest_of(tasks: Sequence[TaskMapping], agents: Sequence[AgentRecord]) -> bytes:
    """A digest of a batch: its tasks as they were written, and its agents with their models."""
    listed = [(agent.name, agent.target, agent.spec, agent.model) for agent in agents]
    return batch_digest([listed, *map(msgspec.structs.asdict, tasks)])


def _code_digest(target: str) -> str | None:
    """A digest of the file that an import string names; None where there is no file to look at."""
    place, _, _ = target.rpartition(":")
    path = Path(place) if place.endswith(".py") else _file_of(place)
    try:
        return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _file_of(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)
