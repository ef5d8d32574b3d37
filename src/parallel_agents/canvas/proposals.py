"""What goes into a landing, and what comes out of it: accepted results, and what each would add to the canvas."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.core.forms import Form


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted result of one task.

    `node_id` is what the task was about, the first of `node_ids` where those were several; `completed_at`, in seconds
    since the epoch, goes into the names of files.
    `origin` is the execution and the task that the result was first made for, about the same node: what stands on the
    canvas for those stands for this one too. `hangs_on` is the id of a node that another result of the execution puts
    there, and that this one is about; where it is missing, `node_id` takes its place.
    """

    execution_id: str
    task_id: str
    position: int
    agent_name: str
    node_id: str
    form: Form
    input_data: Mapping[str, Any]
    output: Mapping[str, Any]
    completed_at: float
    origin: tuple[str, str] | None = None
    node_ids: tuple[str, ...] = ()
    hangs_on: str | None = None

    def id_of(self, part: str) -> str:
        """The id of a node or an edge of it, the same whenever it is asked for."""
        execution_id, task_id = self.origin or (self.execution_id, self.task_id)
        return item_id(execution_id, task_id, part)


class NewFile(msgspec.Struct, frozen=True):
    """A note to be written. `path` counts from the vault's root, with "/" between, as file nodes have it."""

    path: str
    text: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a canvas lies: `canvas` is its path from `vault_root` on, with "/" between.

    `taken` are paths from the root on that new notes must not have, whatever their case. Times are told in `timezone`;
    None is that of this machine.
    """

    vault_root: Path
    canvas: str
    taken: Collection[str] = ()
    timezone: tzinfo | None = None


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What one result would add to its canvas; nothing, where all of it is there already.

    `nodes` and `edges` are whole JSON Canvas items with ids that follow from execution, task and part. `recolour` has
    codes by node id, and only where that was asked for. `refused` says why nothing of it can land, None where it can.
    """

    task_id: str
    node_id: str
    agent_name: str
    nodes: tuple[Mapping[str, Any], ...] = ()
    edges: tuple[Mapping[str, Any], ...] = ()
    files: tuple[NewFile, ...] = ()
    recolour: Mapping[str, str] = {}
    refused: str | None = None


def item_id(execution_id: str, task_id: str, part: str) -> str:
    """The id of a part of a task's result on a canvas, 16 hexadecimal characters: the same parts give the same id."""
    return hashlib.sha256("\x1f".join((execution_id, task_id, part)).encode()).hexdigest()[:16]
