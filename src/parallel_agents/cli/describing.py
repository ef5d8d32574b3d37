"""The commands that show agents and configuration; nothing runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.agents.registry import Agent, AgentRegistry
from parallel_agents.cli import codes
from parallel_agents.cli.streams import note, tell
from parallel_agents.configuration import load, warnings


def list_agents() -> int:
    """One line for every agent that ships."""
    registry = AgentRegistry()
    for name in registry.names():
        tell(f"{name:24} {registry.resolve(name).description}")
    return codes.OK


def show_agent(name: str) -> int:
    """Everything about one agent, its prompt last."""
    agent = AgentRegistry().resolve(name)
    for label, value in _facts_of(agent).items():
        tell(f"{label:16} {value}")
    if agent.spec is not None:
        tell("\n" + agent.spec.rstrip())
    return codes.OK


def check_agents(paths: tuple[Path, ...]) -> int:
    """Check agent files; a wrong one ends the command with its error."""
    for path in paths:
        agent = AgentRegistry().resolve(str(path))
        tell(f"{path}: {agent.name} is fine")
    return codes.OK


def check_configuration(config: Path | None) -> int:
    """Read the configuration as a run would; prints warnings."""
    for warning in warnings(load(config, os.environ)):
        note(f"warning: {warning}")
    tell(f"{config or 'the configuration'} is fine")
    return codes.OK


def show_configuration(config: Path | None) -> int:
    """Print what is in force: defaults, file and environment together."""
    settings: dict[str, Any] = msgspec.to_builtins(load(config, os.environ))
    tell(msgspec.json.format(msgspec.json.encode(settings), indent=2).decode())
    return codes.OK


def _facts_of(agent: Agent) -> dict[str, str]:
    fields = [field if required else f"{field} (optional)" for field, required in agent.fields.items()]
    limits = agent.limits
    return {
        "name": agent.name,
        "description": agent.description,
        "reads": ", ".join(agent.reads),
        "input": ", ".join(fields) or "anything",
        "target": agent.target,
        "needs a model": "yes" if agent.needs_model else "no",
        "timeout": "as configured" if limits.timeout_s is None else f"{limits.timeout_s:g} s",
        "retries": "as configured" if limits.retry_attempts is None else str(limits.retry_attempts),
        "memory": "as configured" if limits.memory_mb is None else f"{limits.memory_mb:g} MB above the worker's own",
        "at once": "as configured" if agent.max_concurrent is None else str(agent.max_concurrent),
    }
