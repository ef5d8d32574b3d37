"""Runs a command agent, inside a worker: a program with JSON on its stdin, whose stdout is the result."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from parallel_agents.agents import claude
from parallel_agents.agents.answers import Problems
from parallel_agents.agents.contract import check
from parallel_agents.agents.prompt import is_blank, system_prompt, user_prompt
from parallel_agents.agents.spec import AgentSpec, Claude
from parallel_agents.core.errors import ContractError, ItemError, TransientError
from parallel_agents.ports.context import Context
from parallel_agents.processes.program import CannotStartError, Ended, run_program

MB = 1_000_000
# Of the exit codes that have a meaning (sysexits.h, and the shell's own two), those that another try does not change:
# usage, data, no input, no permission, configuration; not executable, not found.
FOR_GOOD = frozenset({64, 65, 66, 77, 78, 126, 127})
_MOST_RAW = 100_000
_SHORTEST_SECRET = 8


async def run(context: Context) -> Mapping[str, Any]:
    """Run the program of the agent whose spec stands in `context.parameters["spec"]`.

    `parameters["command"]` are its words, `parameters["environment"]` the variables that its spec names.

    Raises:
        ItemError: a field is missing, it cannot be started, wrote too much, or failed for good by its exit code.
        TransientError: it failed otherwise.
        ContractError: what it wrote is no result.
    """
    spec = msgspec.convert(context.parameters["spec"], AgentSpec)
    for field in spec.required:
        if is_blank(context.input.get(field)):
            raise ItemError(f"agent {spec.name!r} needs the field {field!r} in input_data")
    named = _named(context, spec)
    if isinstance(spec.command, Claude):
        return await _ask_claude(context, spec, spec.command, named)
    given = json.dumps(_told(context, spec), ensure_ascii=False).encode("utf-8", "backslashreplace")
    ended = await _ended(context, spec, context.parameters["command"], _environ(context.workdir, named), given)
    refuse_failure(ended.exit_code, _without(named, ended.stderr_tail))
    return _accepted(spec, ended, named)


def refuse_failure(exit_code: int, stderr_tail: str) -> None:
    """Raise what a program's end means, unless it is success.

    Raises:
        ItemError: an exit code that says that trying again is of no use.
        TransientError: any other, or a signal.
    """
    if exit_code == 0:
        return
    said = stderr_tail or "it said nothing on stderr"
    if exit_code < 0:
        raise TransientError(f"its command was killed by signal {-exit_code}: {said}")
    kind = ItemError if exit_code in FOR_GOOD else TransientError
    raise kind(f"its command ended with exit code {exit_code}: {said}")


async def _ask_claude(context: Context, spec: AgentSpec, preset: Claude, named: Mapping[str, str]) -> Mapping[str, Any]:
    given = user_prompt(tuple(spec.inputs), context.input).encode("utf-8", "backslashreplace")
    if len(given) > claude.MOST_BYTES:
        raise ItemError(f"its input has {len(given)} bytes, and claude takes {claude.MOST_BYTES} on its stdin")
    # Runs that share one damage it; and what is in the user's own is not for whoever wrote the notes.
    own = context.workdir / ".claude"
    own.mkdir(mode=0o700)
    environ = {**_environ(context.workdir, named), "CLAUDE_CONFIG_DIR": str(own)}
    words = claude.words_of(preset, model=spec.model, system=system_prompt(spec))
    ended = await _ended(context, spec, words, environ, given)
    result = claude.result_in(_without(named, _text_of(ended.stdout, named)))
    if result is None:
        refuse_failure(ended.exit_code, _without(named, ended.stderr_tail))
        raise ContractError(("claude printed no result in JSON",), _raw(ended.stdout, named))
    answer = claude.answer_of(result, ended.exit_code)
    return {**_checked(spec, answer, named), "reported": claude.reported_in(result)}


async def _ended(
    context: Context, spec: AgentSpec, words: Sequence[str], environ: Mapping[str, str], given: bytes
) -> Ended:
    most = int(spec.output_limit_mb * MB)
    try:
        ended = await run_program(
            words,
            environ=environ,
            directory=context.workdir,
            given=given,
            most_bytes=most,
            network="open" if spec.network else "closed",
        )
    except CannotStartError as error:
        raise _not_started(words[0], error) from None
    if len(ended.stdout) > most:
        raise ItemError(f"its command wrote more than {spec.output_limit_mb:g} MB to stdout (output_limit_mb)")
    return ended


def _not_started(program: str, error: CannotStartError) -> ItemError | TransientError:
    if error.part == "network":
        way_out = "`network: true` in its file runs it with the network open"
        return ItemError(f"the network cannot be closed to its command: {error}. {way_out}")
    if error.part == "program":
        return ItemError(f"its command {program!r} cannot be started: {error}")
    return TransientError(f"its command {program!r} could not be started: {error}")


def _named(context: Context, spec: AgentSpec) -> dict[str, str]:
    found = cast("Mapping[str, str]", context.parameters.get("environment", {}))
    for name in spec.env:
        if name not in found:
            raise ItemError(f"the environment variable {name}, which `env` names, was not set where the engine runs")
    return {name: found[name] for name in spec.env}


def _environ(workdir: Path, named: Mapping[str, str]) -> dict[str, str]:
    """All that the program has of an environment."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(workdir),
        "TMPDIR": str(workdir),
        **named,
    }


def _told(context: Context, spec: AgentSpec) -> dict[str, Any]:
    told: dict[str, Any] = {
        "agent": spec.name,
        "input": dict(context.input),
        "context": {
            "context_id": context.context_id,
            "session_id": context.session_id,
            "attempt": context.attempt,
            "workdir": str(context.workdir),
        },
    }
    if spec.prompt:
        told["prompt"] = {"system": system_prompt(spec), "user": user_prompt(tuple(spec.inputs), context.input)}
    return told


def _accepted(spec: AgentSpec, ended: Ended, named: Mapping[str, str]) -> Mapping[str, Any]:
    text = _text_of(ended.stdout, named)
    if spec.output is not None:
        return _checked(spec, text, named)
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ContractError((f"stdout is not JSON ({error})",), _raw(ended.stdout, named)) from None
    if not isinstance(value, dict):
        raise ContractError(("stdout is JSON, but no object",), _raw(ended.stdout, named))
    return cast("dict[str, Any]", value)


def _checked(spec: AgentSpec, text: str, named: Mapping[str, str]) -> dict[str, Any]:
    assert spec.output is not None
    try:
        return check(spec.output, text)
    except Problems as misfits:
        raise ContractError(misfits.problems, _without(named, text)[:_MOST_RAW]) from None


def _text_of(out: bytes, named: Mapping[str, str]) -> str:
    try:
        return out.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError((f"stdout is not UTF-8 text (byte {error.start})",), _raw(out, named)) from None


def _raw(out: bytes, named: Mapping[str, str]) -> str:
    return _without(named, out.decode("utf-8", "backslashreplace"))[:_MOST_RAW]


def _without(named: Mapping[str, str], text: str) -> str:
    """What a program says of a failure is kept; a key that it was given must not be."""
    for name, value in named.items():
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, f"[{name}]")
    return text


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
