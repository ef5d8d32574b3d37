"""Holds results against the contracts of the agents that they say they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parallel_agents.agents.contract import problems_of
from parallel_agents.agents.parsing import parse_spec
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.agents.spec import Output


class Contracts:
    """The output contracts of agents, each read once. An agent that is not known, or has none, finds no fault.

    Names only: that a result names a file is no reason to read it.
    """

    def __init__(self, agents: AgentRegistry) -> None:
        self._agents = agents
        self._read: dict[str, Output | None] = {}

    def problems(self, agent_name: str, output: Mapping[str, Any]) -> tuple[str, ...]:
        """Everything that keeps an output from fitting its agent's contract."""
        if agent_name not in self._read:
            self._read[agent_name] = self._contract(agent_name)
        contract = self._read[agent_name]
        if contract is None:
            return ()
        # What was excerpted without a language model says so itself, and is not measured by its length.
        return problems_of(contract, output, from_language_model="generator" not in output)

    def _contract(self, agent_name: str) -> Output | None:
        if agent_name not in self._agents.names():
            return None
        agent = self._agents.resolve(agent_name)
        return None if agent.spec is None else parse_spec(agent.spec, agent.spec_path or agent.name).output
