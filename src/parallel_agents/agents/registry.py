"""Knows every agent: those that ship with the package, those from files, and Python functions."""

from __future__ import annotations

import difflib
import inspect
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from pathlib import Path, PurePath
from typing import Any, get_args

import msgspec

from parallel_agents.agents.commandline import words_of
from parallel_agents.agents.parsing import parse_spec, read_spec
from parallel_agents.agents.spec import AgentSpec, Claude, Reads
from parallel_agents.core.errors import AgentError
from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.gathering import Gathers
from parallel_agents.core.settings import IsolationLevel, Level
from parallel_agents.core.submission import AgentLimits

SPEC_TARGET = "parallel_agents.agents.runtime:run"
COMMAND_TARGET = "parallel_agents.agents.command:run"
ALIASES = {"scoring": "scoring-agent", "four-level": "four-level-explanation"}
# The specification's sample calls the material by another name than the agents do.
_FIELD_ALIASES = {"material_text": "material_content"}

# Said to whoever listens; without a listener the standard library would print it, and the command line says it itself.
_log = logging.getLogger("parallel_agents.agents")
_log.addHandler(logging.NullHandler())

Target = str | Callable[..., Awaitable[Mapping[str, Any]]]


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that can be run. `fields` are the inputs it knows (True: required).

    `gathers` says how many nodes one task takes, None: one. `reusable` tells that its result is all that a run of it
    does, so that the result of an earlier run may serve. `takes_all` tells that it sends whatever its task gives, not
    only its `fields`. `warnings` say what of its file has no effect. A command agent (`is_command`) has these variables
    `env` of the engine's environment, and the network or none.
    """

    name: str
    target: str
    description: str = ""
    title: str | None = None
    fields: dict[str, bool] = {}
    reads: tuple[Reads, ...] = ("material",)
    gathers: Gathers | None = None
    limits: AgentLimits = AgentLimits()
    max_concurrent: int | None = None
    context_tokens: int | None = None
    isolation: IsolationLevel | None = None
    fallback_model: str | None = None
    needs_model: bool = False
    reusable: bool = False
    is_command: bool = False
    env: tuple[str, ...] = ()
    network: bool = False
    spec: str | None = None
    spec_path: str | None = None
    takes_all: bool = False
    warnings: tuple[str, ...] = ()


class AgentRegistry:
    """Finds agents by name. A name that ends in `.md` is the path of an agent file."""

    def __init__(self) -> None:
        self._agents: dict[str, Agent] = {}
        self._packed: dict[tuple[str, str | None], bytes] = {}
        self._recorded: dict[tuple[str, str], Agent] = {}
        self._shipped = False

    def names(self) -> list[str]:
        """The names that `resolve` knows, in order."""
        self._load_shipped()
        return sorted(name for name in self._agents if not name.endswith(".md"))

    def resolve(self, name: str, place: str = "") -> Agent:
        """Find an agent. `place` says where it was named, for the message when there is none.

        Raises:
            AgentError: there is none with this name, or its file is wrong.
        """
        self._load_shipped()
        known = ALIASES.get(name, name)
        if known in self._agents:
            return self._agents[known]
        if name.endswith(".md"):
            spec, text = read_spec(Path(name))
            agent = _from_spec(spec, text, str(Path(name)))
            earlier = self._agents.get(agent.name)
            if earlier is not None and earlier.spec_path not in (None, agent.spec_path):
                raise AgentError(agent.name, f"is the name of {earlier.spec_path} too", place=name, hint="Rename one.")
            # By its own name too: that is what its tasks say. Whoever names a file means that file's agent.
            self._agents[name] = self._agents[agent.name] = agent
            for warning in agent.warnings:
                _log.warning("%s: %s", name, warning)
            return agent
        close = difflib.get_close_matches(name, [*self._agents, *ALIASES], n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise AgentError(
            name,
            "is not known",
            place=place,
            hint=f"{hint}There are {', '.join(self.names())}, and paths to .md files.",
        )

    def register(
        self,
        name: str,
        target: Target,
        *,
        description: str = "",
        isolation: IsolationLevel | None = None,
        reusable: bool = False,
    ) -> None:
        """Add a Python agent, an import string or a module-level `async def run(context)`.

        Raises:
            AgentError: the name is taken, a worker could not find the function by its name, or there is no such level.
        """
        self._load_shipped()
        if name in self._agents or name.endswith(".md"):
            raise AgentError(name, "is a name that is taken already")
        found = target if isinstance(target, str) else import_string(name, target)
        place, _, function = found.rpartition(":")
        if not place or not function.isidentifier():
            raise AgentError(name, f"has the target {found!r}; it has to be 'module:function' or 'file.py:function'")
        if isolation not in (None, *get_args(Level)):
            hint = f"The levels are {', '.join(get_args(Level))}."
            raise AgentError(name, f"asks for the isolation {isolation!r}, which is not available", hint=hint)
        self._agents[name] = Agent(
            name=name, target=found, description=description, isolation=isolation, reusable=reusable
        )

    def record(
        self, agent: Agent, model: str | None, isolation: Level | None = None, fallback_model: str | None = None
    ) -> AgentRecord:
        """What the journal keeps of an agent, so that a resume runs the same one, at the same level of its own."""
        return AgentRecord(
            name=agent.name,
            target=agent.target,
            spec=agent.spec,
            spec_path=agent.spec_path,
            model=model,
            context_tokens=agent.context_tokens,
            max_concurrent=agent.max_concurrent,
            isolation=isolation,
            fallback_model=fallback_model,
        )

    def recorded(self, record: AgentRecord) -> Agent:
        """The agent of a record, as it was then: in another process its file need not be known, or may say else."""
        if record.spec is not None:
            key, path = (record.name, record.spec), record.spec_path
            if key not in self._recorded:
                spec = parse_spec(record.spec, path or f"{record.name}.md")
                self._recorded[key] = _from_spec(spec, record.spec, path)
            return self._recorded[key]
        self._load_shipped()
        return self._agents.get(record.name) or Agent(name=record.name, target=record.target)

    def parameters(self, record: AgentRecord) -> bytes:
        """What a worker is told of an agent: a msgpack map with its name and its parsed spec."""
        key = (record.name, record.spec)
        if key not in self._packed:
            told: dict[str, Any] = {"name": record.name}
            if record.spec is not None:
                spec = parse_spec(record.spec, record.spec_path or record.name)
                told["spec"] = msgspec.to_builtins(spec)
                if isinstance(spec.command, tuple):
                    told["command"] = words_of(spec.command, _folder(record.spec_path))
            self._packed[key] = msgspec.msgpack.encode(told)
        return self._packed[key]

    def _load_shipped(self) -> None:
        if self._shipped:
            return
        self._shipped = True
        for file in sorted(resources.files("parallel_agents.agents").joinpath("builtin").iterdir(), key=str):
            if file.name.endswith(".md"):
                text = file.read_text(encoding="utf-8")
                agent = _from_spec(parse_spec(text, file.name), text, None)
                self._agents[agent.name] = agent


def with_known_fields(agent: Agent, given: Mapping[str, Any], canvas_path: str | None = None) -> dict[str, Any]:
    """Call the fields of an input as the agent does, where the specification's sample calls them otherwise.

    A task of a canvas that names no topic has the canvas's name for it, as a node without group and heading has.
    """
    named = dict(given)
    for other, own in _FIELD_ALIASES.items():
        if own in agent.fields and own not in named and other in named:
            named[own] = named.pop(other)
    if canvas_path is not None and "topic" in agent.fields and named.get("topic") in (None, ""):
        named["topic"] = PurePath(canvas_path).stem
    return named


def missing_fields(agent: Agent, given: Mapping[str, Any]) -> list[str]:
    """Required fields that an input lacks."""
    return [field for field, required in agent.fields.items() if required and given.get(field) in (None, "", [])]


def import_string(name: str, function: Callable[..., Any]) -> str:
    """The import string of a module-level `async def`; one in `__main__` is named by its file.

    Raises:
        AgentError: a worker could not find it.
    """
    qualified = getattr(function, "__qualname__", "")
    module = getattr(function, "__module__", None)
    if not inspect.iscoroutinefunction(function):
        raise AgentError(name, "is not an `async def`", hint="An agent is `async def run(context)`.")
    if module is None or not qualified or "." in qualified or "<" in qualified:
        hint = "Move it to the top level of a module, or give an import string."
        raise AgentError(name, f"is {qualified or 'no function'}, which a worker cannot import by name", hint=hint)
    if getattr(sys.modules.get(module), qualified, None) is not function:
        hint = "Register what stands at the top level of its module, after any decorator."
        raise AgentError(name, f"is not what {module}:{qualified} names", hint=hint)
    if module != "__main__":
        return f"{module}:{qualified}"
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None or not Path(file).is_file():  # `python -` calls it <stdin>
        raise AgentError(name, "was defined interactively, where a worker cannot find it", hint="Put it into a file.")
    return f"{Path(file).resolve()}:{qualified}"


def _entry_target(entry: str, spec_path: str | None) -> str:
    """An entry `file.py:function` is named from the folder of the agent's own file."""
    place, _, function = entry.rpartition(":")
    if spec_path is None or not place.endswith(".py"):
        return entry
    return f"{(Path(spec_path).parent / place).resolve()}:{function}"


def variables_of(record: AgentRecord) -> tuple[str, ...]:
    """The variables of the engine's environment that an agent asks for, in the order of its file."""
    return () if record.spec is None else parse_spec(record.spec, record.spec_path or record.name).env


def own_budget_of(record: AgentRecord) -> float | None:
    """What one attempt of a preset may spend, in USD, by its program's estimate; None for every other agent."""
    if record.spec is None:
        return None
    command = parse_spec(record.spec, record.spec_path or record.name).command
    return command.max_budget_usd if isinstance(command, Claude) else None


def calls_by_itself(record: AgentRecord) -> bool:
    """Whether an agent's program may call a model, or whatever else costs money, where nobody here sees it."""
    return record.spec is not None and parse_spec(record.spec, record.spec_path or record.name).network


def _folder(spec_path: str | None) -> Path | None:
    return None if spec_path is None else Path(spec_path).parent


def _target_of(spec: AgentSpec, path: str | None) -> str:
    if spec.command is not None:
        return COMMAND_TARGET
    return SPEC_TARGET if spec.entry is None else _entry_target(spec.entry, path)


def _from_spec(spec: AgentSpec, text: str, path: str | None) -> Agent:
    limits, is_command = spec.limits, spec.command is not None
    # A command is found from the folder of its file, also by a resume from elsewhere.
    place = str(Path(path).resolve()) if path is not None and is_command else path
    return Agent(
        name=spec.name,
        target=_target_of(spec, path),
        description=spec.description,
        title=spec.title,
        fields={field: needed == "required" for field, needed in spec.inputs.items()},
        reads=spec.reads,
        gathers=spec.gathers,
        limits=AgentLimits(
            timeout_s=limits.timeout_seconds, retry_attempts=limits.retry_attempts, memory_mb=limits.context_size_mb
        ),
        max_concurrent=limits.max_concurrent,
        context_tokens=spec.context_tokens,
        isolation="process" if is_command else spec.isolation,
        fallback_model=spec.fallback_model,
        needs_model=spec.output is not None and not is_command,
        reusable=spec.output is not None and not is_command if spec.reusable is None else spec.reusable,
        is_command=is_command,
        env=spec.env,
        network=spec.network,
        spec=text,
        spec_path=place,
        takes_all=spec.subagent is not None,
        warnings=() if spec.subagent is None else spec.subagent.warnings,
    )
