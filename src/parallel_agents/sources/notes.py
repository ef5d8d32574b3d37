"""Tasks from Markdown notes, a note a task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from parallel_agents.agents.registry import Agent
from parallel_agents.canvas.folder import Found, Link
from parallel_agents.canvas.notes import GIVEN, is_generated, note_text, values_of
from parallel_agents.canvas.placeholders import has_substance
from parallel_agents.canvas.selection import Skipped, why_empty
from parallel_agents.canvas.vault import vault_of
from parallel_agents.core.errors import InputError, SourceError
from parallel_agents.sources.faults import Fault, left_out
from parallel_agents.sources.plan import Plan


def plan_note(path: Path, agent: Agent) -> Plan:
    """Make the task of one note.

    Raises:
        InputError: the note cannot be read, or the agent has no use for notes.
    """
    _check_agent(agent)
    try:
        # The link that a user names is followed; those that lie about in a folder are not.
        real = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(path, f"cannot be read: {error}") from error
    return _plan(path, path.parent, agent, _share([(path, note_text(real))], agent, is_named=True))


def plan_notes(folder: Path, found: Found, agent: Agent, *, skip_unreadable: bool) -> Plan:
    """Make the tasks of the notes that were found in a folder, in the order of their paths.

    Raises:
        InputError: a note cannot be read and is not to be skipped, or the agent has no use for notes.
    """
    _check_agent(agent)
    read: list[tuple[Path, str]] = []
    faults: list[Fault] = [*found.faults]
    for path in found.files:
        try:
            read.append((path, note_text(path)))
        except SourceError as error:
            faults.append(error)
    skipped = left_out(faults, skip_unreadable=skip_unreadable)
    tasks, reasons = _share(read, agent, is_named=False)
    return _plan(folder, folder, agent, (tasks, [*skipped, *map(_skipped, found.links), *reasons]))


_Share: TypeAlias = tuple[list[dict[str, Any]], list[Skipped]]


def _share(notes: Sequence[tuple[Path, str]], agent: Agent, *, is_named: bool) -> _Share:
    tasks: list[dict[str, Any]] = []
    skipped: list[Skipped] = []
    for path, text in notes:
        reason = _why_not(text, is_named=is_named)
        if reason is None:
            tasks.append(_task(path, text, agent))
        else:
            skipped.append(Skipped(None, reason, str(path)))
    return tasks, skipped


def _task(path: Path, text: str, agent: Agent) -> dict[str, Any]:
    values = values_of(path, text)
    fields = agent.fields or values
    return {
        "agent_name": agent.name,
        "input_data": {field: values.get(field) for field in fields},
        "metadata": {"note_path": str(path)},
    }


def _why_not(text: str, *, is_named: bool) -> str | None:
    reason = why_empty(text)
    if reason is not None or is_named:
        return reason
    if is_generated(text):
        return "was written by an agent; name the note to take it all the same"
    return None if has_substance(text) else "its text is too short to work on; name the note to take it all the same"


def _plan(source: Path, folder: Path, agent: Agent, share: _Share) -> Plan:
    tasks, skipped = share
    root = vault_of(folder)
    return Plan(
        tasks=tasks,
        places=[task["metadata"]["note_path"] for task in tasks],
        skipped=skipped,
        source=str(source),
        vault_root=None if root is None else str(root),
        title=agent.title,
    )


def _skipped(link: Link) -> Skipped:
    return Skipped(None, link.reason, str(link.path))


def _check_agent(agent: Agent) -> None:
    missing = [field for field, required in agent.fields.items() if required and field not in GIVEN]
    if "material" not in agent.reads:
        raise InputError(f"agent {agent.name!r} reads understandings, and a note is material")
    if missing:
        raise InputError(f"agent {agent.name!r} needs {', '.join(missing)}, which a note does not give")
