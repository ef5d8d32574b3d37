"""Tasks from canvases: one, or every one of a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from parallel_agents.agents.registry import Agent
from parallel_agents.canvas.choice import Chosen, NodeChoice, chosen_among_many, chosen_nodes, nothing_fits
from parallel_agents.canvas.document import load_canvas
from parallel_agents.canvas.earlier import Earlier
from parallel_agents.canvas.expressions import refuse
from parallel_agents.canvas.folder import Found
from parallel_agents.canvas.gathering import tasks_of
from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.inputs import AgentInputs
from parallel_agents.canvas.palettefile import palette_named
from parallel_agents.canvas.selection import CanvasInput, Skipped
from parallel_agents.canvas.vault import find_vault_root, vault_of
from parallel_agents.core.errors import CanvasError, NothingFitsError, SourceError
from parallel_agents.sources.faults import Fault, left_out
from parallel_agents.sources.naming import nodes_by_canvas
from parallel_agents.sources.plan import Plan

EarlierByCanvas: TypeAlias = Mapping[Path, Earlier]
"""What was done before, by the resolved path of a canvas; one that is missing has nothing."""


def plan_canvas(path: Path, agent: Agent, choice: NodeChoice, earlier: EarlierByCanvas) -> Plan:
    """Make the tasks of one canvas.

    Raises:
        InputError: the canvas or a node is not there or not what it should be, or nothing fits.
    """
    canvas = load_canvas(path)
    wanted = _wanted(agent, choice)
    chosen = chosen_nodes(canvas, choice, wanted, earlier.get(path.resolve()))
    share = _share(canvas, agent, wanted, chosen)
    root = find_vault_root(path)
    return Plan(
        tasks=share.tasks,
        places=share.places,
        skipped=share.skipped,
        source=str(path),
        vault_root=None if root is None else str(root),
        title=agent.title,
        warnings=canvas.warnings,
        not_selected=share.not_selected,
    )


def plan_canvases(
    folder: Path,
    found: Found,
    agent: Agent,
    choice: NodeChoice,
    earlier: EarlierByCanvas,
    *,
    skip_unreadable: bool,
) -> Plan:
    """Make the tasks of the canvases that were found in a folder, in the order of their paths.

    Raises:
        InputError: a canvas cannot be read and is not to be skipped; a node is on none or on several; nothing fits.
    """
    canvases, faults = _loaded(found)
    skipped = left_out(faults, skip_unreadable=skip_unreadable)
    skipped += [Skipped(None, link.reason, str(link.path)) for link in found.links]
    wanted = _wanted(agent, choice)
    chosen = [
        (canvas, chosen_among_many(canvas, own, wanted, earlier.get(canvas.path.resolve(), Earlier())))
        for canvas, own in _choices(folder, canvases, choice)
    ]
    if choice.select is not None:
        _check_something_fits(folder, choice, [one for _, one in chosen])
    shares = [_share(canvas, agent, wanted, one) for canvas, one in chosen]
    root = _common_root(folder, canvases)
    return Plan(
        tasks=[task for share in shares for task in share.tasks],
        places=[place for share in shares for place in share.places],
        skipped=[*skipped, *(skip for share in shares for skip in share.skipped)],
        source=str(folder),
        vault_root=None if root is None else str(root),
        title=agent.title,
        warnings=[f"in {canvas.path}: {warning}" for canvas in canvases for warning in canvas.warnings],
        not_selected=sum(share.not_selected for share in shares),
    )


class _Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one canvas gives."""

    tasks: list[dict[str, Any]]
    places: list[str]
    skipped: list[Skipped]
    not_selected: int


def _wanted(agent: Agent, choice: NodeChoice) -> AgentInputs:
    palette = palette_named(choice.palette)
    return AgentInputs(fields=agent.fields, reads=agent.reads, gathers=agent.gathers, palette=palette)


def _task(agent: Agent, path: str, task: CanvasInput) -> dict[str, Any]:
    made = {"agent_name": agent.name, "canvas_path": path, "node_id": task.node_id, "input_data": task.input_data}
    return made | ({"metadata": {"node_ids": list(task.node_ids)}} if task.node_ids else {})


def _share(canvas: Canvas, agent: Agent, wanted: AgentInputs, chosen: Chosen) -> _Share:
    selection = tasks_of(canvas, wanted, chosen.node_ids)
    path = str(canvas.path)
    return _Share(
        tasks=[_task(agent, path, task) for task in selection.tasks],
        places=[f"{path}, node {task.node_id!r}" for task in selection.tasks],
        skipped=[Skipped(skip.node_id, skip.reason, path) for skip in (*chosen.skipped, *selection.skipped)],
        not_selected=chosen.not_selected,
    )


def _loaded(found: Found) -> tuple[list[Canvas], list[Fault]]:
    canvases: list[Canvas] = []
    faults: list[Fault] = [*found.faults]
    for path in found.files:
        try:
            canvases.append(load_canvas(path))
        except (SourceError, CanvasError) as error:
            faults.append(error)
    return canvases, faults


def _choices(folder: Path, canvases: Sequence[Canvas], choice: NodeChoice) -> list[tuple[Canvas, NodeChoice]]:
    if choice.node_ids is None:
        return [(canvas, choice) for canvas in canvases]
    named = nodes_by_canvas(folder, canvases, choice.node_ids)
    return [
        (canvas, msgspec.structs.replace(choice, node_ids=named[canvas.path]))
        for canvas in canvases
        if canvas.path in named
    ]


def _check_something_fits(folder: Path, choice: NodeChoice, chosen: Sequence[Chosen]) -> None:
    lacking = Counter(absent for one in chosen for absent in set(one.absent))
    everywhere = [absent for absent, number in lacking.items() if number == len(chosen)]
    for absent in sorted(everywhere, key=lambda one: one.column):
        refuse(absent.text, absent.column, f"no canvas in {folder} has a {absent.what} {absent.name!r}")
    if not any(one.node_ids or one.skipped for one in chosen):
        problem, _ = nothing_fits(choice)
        raise NothingFitsError(folder, problem)


def _common_root(folder: Path, canvases: Sequence[Canvas]) -> Path | None:
    own = vault_of(folder)
    if own is not None:
        return own
    roots = {find_vault_root(canvas.path) for canvas in canvases}
    return roots.pop() if len(roots) == 1 else None
