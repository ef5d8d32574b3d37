"""What an agent file says of a command: whether it makes sense, and the words that the program is started with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from parallel_agents.agents.spec import AgentSpec, Claude, Text
from parallel_agents.core.errors import AgentError

MOST_SYSTEM_BYTES = 100_000
"""Of what stands in a single word of a command; the system takes little more."""


def check_command(spec: AgentSpec, place: str) -> None:
    """Refuse what a command cannot have, and what only a command has.

    Raises:
        AgentError: names the key.
    """
    problems = _of_others(spec) if spec.command is None else _of_commands(spec)
    for problem, hint in problems:
        raise AgentError(spec.name, problem, place=place, hint=hint)


def with_contract(spec: AgentSpec) -> AgentSpec:
    """The spec; what a preset answers is text, unless the file says otherwise."""
    if isinstance(spec.command, Claude) and spec.output is None:
        return msgspec.structs.replace(spec, output=Text())
    return spec


def words_of(command: Sequence[str], folder: Path | None) -> tuple[str, ...]:
    """The words of a command; one that names a file beside the agent's own file stands for that file."""
    return tuple(word if folder is None else _beside(word, folder) for word in command)


def _beside(word: str, folder: Path) -> str:
    file = folder / word
    return str(file.resolve()) if not word.startswith("-") and file.is_file() else word


def _of_others(spec: AgentSpec) -> Iterator[tuple[str, str]]:
    usual = AgentSpec(name=spec.name, description=spec.description)
    for key in ("env", "network", "output_limit_mb"):
        if getattr(spec, key) != getattr(usual, key):
            yield f"has the key `{key}`, which only an agent with a `command` has", "Leave it out."


def _of_commands(spec: AgentSpec) -> Iterator[tuple[str, str]]:
    if spec.entry is not None:
        yield "has both `entry` and `command`; one of them says how it works", ""
    if spec.isolation not in (None, "process"):
        yield f"asks for the `isolation` {spec.isolation}; a command needs a worker of its own", "Leave it out."
    if spec.reusable:
        yield "has `reusable: true`, but what a program does is not known from its words", "Leave it out."
    if spec.fallback_model is not None:
        yield "has a `fallback_model`, but its program calls models by itself, if any", "Leave it out."
    if isinstance(spec.command, Claude):
        yield from _of_claude(spec)
    elif spec.model != "inherit":
        yield "has a `model`, but its program calls models by itself, if any", "Leave it out, or put it in `command`."


def _of_claude(spec: AgentSpec) -> Iterator[tuple[str, str]]:
    if not spec.prompt:
        yield "has no prompt below its front matter", ""
    if len(spec.prompt.encode()) > MOST_SYSTEM_BYTES:
        yield f"has a prompt of more than {MOST_SYSTEM_BYTES} bytes, which `claude` cannot be given", ""
    if not spec.network:
        yield "has the preset `claude`, which works over the network only", "Say `network: true` in its front matter."
