"""The commands that show agents and configuration; nothing runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
from rich.cells import cell_len

from parallel_agents.agents.registry import Agent, AgentRegistry
from parallel_agents.cli import codes
from parallel_agents.cli.guard import complain
from parallel_agents.cli.language import Language, spoken
from parallel_agents.cli.streams import note, tell, tell_data, tell_json
from parallel_agents.cli.translation import localized, sentence_of
from parallel_agents.configuration import find_faults, load, load_with_origins, warnings
from parallel_agents.configuration.layer import dotted, leaves
from parallel_agents.configuration.reference import reference
from parallel_agents.core.errors import OutputError


def list_agents(*, as_json: bool) -> int:
    """One line for every agent that ships."""
    registry = AgentRegistry()
    agents = [registry.resolve(name) for name in registry.names()]
    if as_json:
        tell_json([_document_of(agent) for agent in agents])
        return codes.OK
    for agent in agents:
        tell_data(f"{agent.name:28} {agent.description}")
    return codes.OK


def show_agent(name: str, *, as_json: bool) -> int:
    """Everything about one agent, its prompt last."""
    agent = AgentRegistry().resolve(name)
    if as_json:
        tell_json({**_document_of(agent), "spec": agent.spec})
        return codes.OK
    for label, value in _facts_of(agent).items():
        shown = localized(label)
        tell_data(f"{shown}{' ' * max(0, 16 - cell_len(shown))} {value}")
    if agent.spec is not None:
        tell_data("\n" + agent.spec.rstrip())
    _say_warnings(agent)
    return codes.OK


def check_agents(paths: tuple[Path, ...]) -> int:
    """Check agent files; a wrong one ends the command with its error."""
    for path in paths:
        agent = AgentRegistry().resolve(str(path))
        if agent.takes_all:
            tell(f"{path}: {agent.name} is fine, a Claude Code subagent; it answers without tools")
        else:
            tell(f"{path}: {agent.name} is fine")
        _say_warnings(agent)
    return codes.OK


def check_configuration(config: Path | None) -> int:
    """Read the configuration as a run would; prints everything that is wrong, else warnings."""
    faults = find_faults(config, os.environ)
    for fault in faults[:-1]:
        complain(sentence_of(fault), fault.exit_code)
    if faults:
        raise faults[-1]
    for warning in warnings(load(config, os.environ)):
        note(f"warning: {warning}")
    tell(f"{config or 'the configuration'} is fine")
    return codes.OK


def show_configuration(config: Path | None, *, with_origins: bool) -> int:
    """Print what is in force: defaults, file and environment together; with origins, one key a line."""
    settings, origins = load_with_origins(config, os.environ)
    if with_origins:
        for path, value in leaves(settings):
            key = dotted(path)
            tell_data(f"{key} = {json.dumps(msgspec.to_builtins(value), ensure_ascii=False)}  # {_said(origins[key])}")
    else:
        tell_data(msgspec.json.format(msgspec.json.encode(settings), indent=2).decode())
    return codes.OK


def explain_configuration(language: Language | None, output: Path | None) -> int:
    """Print the page about every key, or write it to a new file."""
    page = reference(language or spoken())
    if output is None:
        tell_data(page.rstrip("\n"))
        return codes.OK
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(page)
    except FileExistsError:
        raise OutputError(output, "it is there already", hint="Choose another place with --output.") from None
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise OutputError(output, problem, hint="Choose another place with --output.") from None
    tell_data(str(output))
    return codes.OK


def _say_warnings(agent: Agent) -> None:
    for warning in agent.warnings:
        note(f"warning   {warning}")


def _said(origin: str) -> str:
    return localized(origin) if origin == "default" else origin


def _document_of(agent: Agent) -> dict[str, Any]:
    # What is None is not said by the agent: the configuration rules.
    limits = agent.limits
    return {
        "name": agent.name,
        "description": agent.description,
        "reads": list(agent.reads),
        "gathers": None if agent.gathers is None else msgspec.to_builtins(agent.gathers),
        "input": [{"name": name, "required": required} for name, required in agent.fields.items()],
        "target": agent.target,
        "needs_model": agent.needs_model,
        "timeout_s": limits.timeout_s,
        "retry_attempts": limits.retry_attempts,
        "memory_mb": limits.memory_mb,
        "max_concurrent": agent.max_concurrent,
        "isolation": agent.isolation,
        "takes_all": agent.takes_all,
        "warnings": list(agent.warnings),
        "is_command": agent.is_command,
        "env": list(agent.env),
        "network": agent.network,
    }


def _nodes_a_task(agent: Agent) -> str:
    if agent.gathers is None:
        return "1"
    return f"{agent.gathers.least}–{agent.gathers.most or '∞'}"


def _facts_of(agent: Agent) -> dict[str, str]:
    optional, configured = localized("optional"), localized("as configured")
    fields = [field if required else f"{field} ({optional})" for field, required in agent.fields.items()]
    if agent.takes_all:
        fields.append(localized("anything else"))
    limits = agent.limits
    memory = localized(f"{limits.memory_mb or 0:g} MB above the worker's own")
    return {
        "name": agent.name,
        "description": agent.description,
        "reads": ", ".join(agent.reads),
        "nodes a task": _nodes_a_task(agent),
        "input": ", ".join(fields) or localized("anything"),
        "target": agent.target,
        "needs a model": localized("yes" if agent.needs_model else "no"),
        "timeout": configured if limits.timeout_s is None else f"{limits.timeout_s:g} s",
        "retries": configured if limits.retry_attempts is None else str(limits.retry_attempts),
        "memory": configured if limits.memory_mb is None else memory,
        "at once": configured if agent.max_concurrent is None else str(agent.max_concurrent),
        "isolation": agent.isolation or configured,
        **(_reach_of(agent) if agent.is_command else {}),
    }


def _reach_of(agent: Agent) -> dict[str, str]:
    return {
        "variables": ", ".join(agent.env) or localized("none"),
        "network": localized("open" if agent.network else "closed"),
    }
