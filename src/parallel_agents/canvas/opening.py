"""Which file nodes of a canvas open: the file is there, a regular one, below the vault's root."""

from __future__ import annotations

import contextlib

import msgspec

from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.vault import Vault
from parallel_agents.core.errors import CanvasError


class Unopened(msgspec.Struct, frozen=True):
    """A file node that does not open, and why."""

    node_id: str
    file: str
    reason: str


def unopened_files(canvas: Canvas, vault: Vault) -> list[Unopened]:
    """Every file node that does not open. Nothing outside the vault is looked at, and no file is read."""
    found = ((node, _problem(node, vault)) for node in canvas.nodes if node.type == "file")
    return [Unopened(node.node_id, node.file, problem) for node, problem in found if problem is not None]


def note_texts(canvas: Canvas, vault: Vault) -> dict[str, str]:
    """What the notes say that file nodes name, by id; those that cannot be read are left out."""
    found: dict[str, str] = {}
    for node in canvas.nodes:
        if node.is_markdown_file:
            with contextlib.suppress(CanvasError):  # told by `unopened_files`, or too large for a card
                found[node.node_id] = vault.read_note(node)
    return found


def _problem(node: Node, vault: Vault) -> str | None:
    try:
        path = vault.resolve(node)
        if path.is_file():
            return None
        if "\\" in node.file:
            return f"{node.file!r} has backslashes; in a canvas there are only '/' between folders"
        return f"{node.file!r} is not a regular file" if path.exists() else f"{node.file!r} is not in the vault"
    except CanvasError as error:
        return error.problem
    except OSError as error:  # a name that the file system cannot have
        return f"{node.file!r} cannot be read: {error.strerror or error}"
