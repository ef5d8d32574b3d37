"""Finds out what kind a source is, and reads it."""

from __future__ import annotations

from pathlib import Path

from parallel_agents.agents.registry import Agent, AgentRegistry
from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.canvas.folder import Found, search
from parallel_agents.canvas.graph import MARKDOWN_SUFFIX
from parallel_agents.core.errors import InputError, SourceError
from parallel_agents.sources.canvases import EarlierByCanvas, plan_canvas, plan_canvases
from parallel_agents.sources.notes import plan_note, plan_notes
from parallel_agents.sources.plan import Plan
from parallel_agents.sources.taskfile import SUFFIX, plan_file

CANVAS_SUFFIX = ".canvas"
_SOURCES = "A source is a .canvas, a .md, a .jsonl with one task a line, or a folder."


def plan_source(
    source: str | Path,
    agent: str | Agent | None,
    choice: NodeChoice,
    agents: AgentRegistry,
    earlier: EarlierByCanvas | None = None,
    *,
    notes: bool = False,
    skip_unreadable: bool = False,
) -> Plan:
    """Read a `.canvas`, a folder of them, a note, with `notes` a folder of notes, or a `.jsonl` of tasks.

    `earlier` is for a choice that needs the journal, by the resolved path of a canvas. What cannot be read in a folder
    is refused, or with `skip_unreadable` skipped with its reason.

    Raises:
        InputError: the source, the agent or a node is not there or not what it should be.
    """
    if not str(source).strip():
        # Of an unset variable `Path` would make the folder that one is in, and run all of it.
        raise InputError(f"the source is empty. {_SOURCES}")
    path = Path(source)
    is_folder = _is_folder(path)
    if notes and not is_folder and path.suffix.lower() != MARKDOWN_SUFFIX:
        raise InputError(f"{path}: --notes is for a folder of notes")
    if is_folder:
        known = _agent(path, "a folder", agent, agents)
        if notes:
            _check_open(choice, path, "among notes")
            return plan_notes(path, search(path, MARKDOWN_SUFFIX), known, skip_unreadable=skip_unreadable)
        found = _canvases(path)
        return plan_canvases(path, found, known, choice, earlier or {}, skip_unreadable=skip_unreadable)
    return _plan_of_a_file(path, agent, choice, agents, earlier or {})


def _plan_of_a_file(
    path: Path, agent: str | Agent | None, choice: NodeChoice, agents: AgentRegistry, earlier: EarlierByCanvas
) -> Plan:
    match path.suffix.lower():
        case ".canvas":
            return plan_canvas(path, _agent(path, "a canvas", agent, agents), choice, earlier)
        case ".md":
            _check_open(choice, path, "in a note")
            return plan_note(path, _agent(path, "a note", agent, agents))
        case suffix if suffix == SUFFIX:
            _check_open(choice, path, "in a file of tasks")
            return plan_file(path, _names(agent), agents)
        case suffix:
            kind = repr(suffix) if suffix else "a file without an ending"
            raise SourceError(path, f"{kind} is not a source", hint=_SOURCES)


def _canvases(folder: Path) -> Found:
    found = search(folder, CANVAS_SUFFIX)
    if found.files or found.faults:
        return found
    number = len(search(folder, MARKDOWN_SUFFIX).files)
    one, many = "--notes makes a task of its note.", f"--notes makes a task of each of its {number} notes."
    hint = "" if not number else one if number == 1 else many
    raise SourceError(folder, "there is no canvas in this folder", hint=hint)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that the file system cannot have: reading it says so
        return False


def _agent(path: Path, what: str, agent: str | Agent | None, agents: AgentRegistry) -> Agent:
    if agent is None:
        raise InputError(f"{path}: {what} needs an agent. Name one of {', '.join(agents.names())}")
    return agents.resolve(agent) if isinstance(agent, str) else agent


def _names(agent: str | Agent | None) -> list[str]:
    return [] if agent is None else [agent if isinstance(agent, str) else agent.name]


def _check_open(choice: NodeChoice, path: Path, where: str) -> None:
    if not choice.is_open:
        raise InputError(f"{path}: nodes can be chosen on a canvas only, not {where}")
