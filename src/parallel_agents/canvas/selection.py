"""Which nodes of a canvas become tasks of an agent, and why the others do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.inputs import AgentInputs, Reader, Reads, Values, unreadable
from parallel_agents.canvas.placeholders import has_substance, is_placeholder
from parallel_agents.canvas.roles import Role
from parallel_agents.core.errors import CanvasError


class CanvasInput(msgspec.Struct, frozen=True, kw_only=True):
    """One task for an agent. `node_ids` are all that it is about, where those are several; `node_id` is the first.

    `input_data` has the agent's fields; an optional one without a value is None. An agent that declares no fields is
    given all that the canvas has.
    """

    node_id: str
    input_data: dict[str, Any]
    node_ids: tuple[str, ...] = ()


class Skipped(msgspec.Struct, frozen=True):
    """A node that becomes no task; or, with None for a node, a whole file.

    `path` is the file's, "" where only one canvas is looked at.
    """

    node_id: str | None
    reason: str
    path: str = ""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks in the order of the canvas (or as the nodes were named), and what was left out."""

    tasks: tuple[CanvasInput, ...]
    skipped: tuple[Skipped, ...]


def select_tasks(canvas: Canvas, requirements: AgentInputs, node_ids: Sequence[str] | None = None) -> Selection:
    """Choose nodes for an agent and derive its input from each.

    Without `node_ids`, an agent that reads material takes every text node and Markdown file node with a text of
    substance, except those that the edges show to be questions, understandings or explanations: a learner who has a
    canvas decomposed a second time does not want the questions of the first time decomposed. An agent that reads
    understandings takes every one that has been written; a placeholder counts as empty. An agent that reads both
    takes both. A named node is taken whatever its part, provided that it gives the required fields.

    Raises:
        CanvasError: a named node is not there.
    """
    reader = Reader(canvas)
    if node_ids is None:
        results = [_by_default(reader, requirements, node) for node in canvas.nodes]
    else:
        named = [canvas.node(node_id) for node_id in dict.fromkeys(node_ids)]
        results = [_by_name(reader, requirements, node) for node in named]
    return Selection(
        tasks=tuple(result for result in results if isinstance(result, CanvasInput)),
        skipped=tuple(result for result in results if isinstance(result, Skipped)),
    )


TOO_SHORT = "its text is too short to work on; name the node to take it all the same"
_PLURALS = {"material": "material", "understanding": "understandings"}


def _by_default(reader: Reader, requirements: AgentInputs, node: Node) -> CanvasInput | Skipped:
    reason = _holds_no_text(node)
    if reason is None:
        is_understanding = reader.is_understanding(node)
        role = Role.UNDERSTANDING if is_understanding and "understanding" in requirements.reads else None
        role = role or reader.roles[node.node_id]
        if role.value in requirements.reads:
            return _task(reader, requirements, node, "material" if role is Role.MATERIAL else "understanding")
        reason = _not_for(role, requirements)
    return Skipped(node.node_id, reason)


def _by_name(reader: Reader, requirements: AgentInputs, node: Node) -> CanvasInput | Skipped:
    reason = _holds_no_text(node)
    if reason is not None:
        return Skipped(node.node_id, reason)
    if "material" not in requirements.reads and reader.roles[node.node_id] is Role.QUESTION:
        return Skipped(node.node_id, _question_was_named(reader, node))
    as_understanding = "material" not in requirements.reads or reader.is_understanding(node)
    reads: Reads = "understanding" if as_understanding and "understanding" in requirements.reads else "material"
    return _task(reader, requirements, node, reads, is_named=True)


def _task(
    reader: Reader, requirements: AgentInputs, node: Node, reads: Reads, *, is_named: bool = False
) -> CanvasInput | Skipped:
    try:
        text = reader.text(node)
        reason = why_empty(text)
        if reason is not None:
            return Skipped(node.node_id, reason)
        if not is_named and not has_substance(text):
            return Skipped(node.node_id, TOO_SHORT)
        values = reader.values(node, reads)
    except CanvasError as error:
        return Skipped(node.node_id, unreadable(error, node))
    missing = [name for name, required in requirements.fields.items() if required and not values.get(name)]
    if missing:
        return Skipped(node.node_id, _lacks(missing, values))
    fields = requirements.fields or [name for name, value in values.items() if value is not None]
    return CanvasInput(node_id=node.node_id, input_data={name: values.get(name) for name in fields})


def _holds_no_text(node: Node) -> str | None:
    if node.type == "text" or node.is_markdown_file:
        return None
    match node.type:
        case "file":
            return f"{node.file!r} is not a Markdown note"
        case "group" | "link":
            return f"a {node.type} holds no text"
        case "":
            return "the node has no type"
        case other:
            return f"nodes of type {other!r} are not read"


def _not_for(role: Role, requirements: AgentInputs) -> str:
    if role is Role.MATERIAL:
        return "no question leads to it, so it is not read as an understanding"
    article = "a" if role is Role.QUESTION else "an"
    return f"is {article} {role}; the agent reads {' and '.join(_PLURALS[reads] for reads in requirements.reads)}"


def why_empty(text: str) -> str | None:
    """Say in what way a text says nothing; None where it does."""
    if not is_placeholder(text):
        return None
    if not text.strip():
        return "is empty"
    return "is only a heading" if text.lstrip().startswith("#") else "holds only a placeholder"


def _lacks(missing: Sequence[str], values: Values) -> str:
    if "question_text" in missing or ("material_content" in missing and "user_understanding" in values):
        return "no edge leads to it from a question with a text"
    return f"the canvas gives no {' and no '.join(missing)}"


def _question_was_named(reader: Reader, node: Node) -> str:
    below = (edge.to_node for edge in reader.canvas.outgoing(node.node_id))
    answers = [node_id for node_id in below if reader.roles.get(node_id) is Role.UNDERSTANDING]
    if not answers:
        return "is a question, and no understanding hangs on it"
    return f"is a question; name its understanding {' or '.join(map(repr, answers))}"
