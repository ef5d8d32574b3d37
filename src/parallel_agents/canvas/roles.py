"""What part each text plays in the learner's loop: material, question, understanding, explanation.

The loop draws material → question → understanding → explanation. Edges decide: their labels first, then the texts at
both ends. Colours do not, because what a colour means differs from vault to vault.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from enum import StrEnum

from parallel_agents.canvas.graph import Canvas, Edge, Node
from parallel_agents.canvas.placeholders import is_placeholder


class Role(StrEnum):
    """The part that a node plays. Material is what nothing speaks against."""

    MATERIAL = "material"
    QUESTION = "question"
    UNDERSTANDING = "understanding"
    EXPLANATION = "explanation"


# Looked for in this order within the label of an edge that leads to the node.
_LABELS: tuple[tuple[Role, tuple[str, ...]], ...] = (
    (Role.UNDERSTANDING, ("个人理解", "我的理解", "understanding")),
    (Role.QUESTION, ("拆解", "问题", "question", "decomposition")),
    (
        Role.EXPLANATION,
        ("解释", "详细内容", "对比分析", "记忆辅助", "例题教学", "explanation", "details"),
    ),
    (Role.MATERIAL, ("来源",)),  # from a question of a review canvas to what it asks about
)
_TYPE_MARK = re.compile(r"\s*(?:\*\*)?\[[^\]\n]{1,12}\](?:\*\*)?\s*(?=\S)")
_GUIDANCE = re.compile(r"\n+\s*💡\s*(?:提示|hint)\s*[：:][^\n]*\s*\Z", re.IGNORECASE)


def question_text(text: str) -> str:
    """Return a question without its `**[type]**` mark and the hint under it."""
    return _GUIDANCE.sub("", _TYPE_MARK.sub("", text, count=1) if _TYPE_MARK.match(text) else text).strip()


def roles_of(canvas: Canvas) -> dict[str, Role]:
    """Tell the part of every text and file node, by its id.

    From the sources downwards, so that every node is judged after those that lead to it; where edges run in a circle,
    the first node of the file begins.
    """
    roles: dict[str, Role] = {}
    for node in _downwards(canvas):
        if node.type in {"text", "file"}:
            roles[node.node_id] = _role(canvas, node, roles)
    return roles


def _downwards(canvas: Canvas) -> list[Node]:
    waits_for = {node.node_id: len(canvas.parents(node.node_id)) for node in canvas.nodes}
    order: dict[str, Node] = {}
    for start in (*(node for node in canvas.nodes if not waits_for[node.node_id]), *canvas.nodes):
        ready = deque([start])
        while ready:
            node = ready.popleft()
            if node.node_id in order:
                continue
            order[node.node_id] = node
            ready.extend(_released(canvas, node, waits_for))
    return list(order.values())


def _released(canvas: Canvas, node: Node, waits_for: dict[str, int]) -> list[Node]:
    released: list[Node] = []
    for target in dict.fromkeys(edge.to_node for edge in canvas.outgoing(node.node_id)):
        if target != node.node_id:
            waits_for[target] -= 1
            if waits_for[target] == 0:
                released.append(canvas.node(target))
    return released


def _role(canvas: Canvas, node: Node, roles: dict[str, Role]) -> Role:
    incoming = [edge for edge in canvas.incoming(node.node_id) if edge.from_node != node.node_id]
    labelled = next(filter(None, (_named(edge) for edge in incoming)), None)
    if labelled is not None:
        return labelled
    if _leads_to_understanding(canvas, node):
        return Role.QUESTION
    if not incoming:
        return Role.QUESTION if _is_asked_and_answered(canvas, node) else Role.MATERIAL
    return _unlabelled(canvas, node, {roles.get(edge.from_node) for edge in incoming}, incoming)


def _unlabelled(canvas: Canvas, node: Node, above: set[Role | None], incoming: Sequence[Edge]) -> Role:
    if node.type == "text" and is_placeholder(node.text):
        return Role.UNDERSTANDING
    if Role.QUESTION in above:
        return _below_a_question(canvas, node)
    if _is_question_like(node):
        return Role.QUESTION
    if above & {Role.UNDERSTANDING, Role.EXPLANATION}:
        return Role.EXPLANATION
    return Role.QUESTION if _has_asked_siblings(canvas, node, incoming) else Role.MATERIAL


def _below_a_question(canvas: Canvas, node: Node) -> Role:
    """Tell a deeper question from an understanding, which may itself be put as a question ("why though?")."""
    if not _is_question_like(node):
        return Role.UNDERSTANDING
    leads_on = any(_named(edge) is not Role.EXPLANATION for edge in canvas.outgoing(node.node_id))
    return Role.QUESTION if leads_on or _TYPE_MARK.match(node.text) else Role.UNDERSTANDING


def _has_asked_siblings(canvas: Canvas, node: Node, incoming: Sequence[Edge]) -> bool:
    """Tell whether a parent labels another of its edges as a question: tools label only the first of several."""
    if node.type != "text":
        return False
    return any(_named(edge) is Role.QUESTION for above in incoming for edge in canvas.outgoing(above.from_node))


def _is_asked_and_answered(canvas: Canvas, node: Node) -> bool:
    below = (canvas.node(edge.to_node) for edge in canvas.outgoing(node.node_id))
    return _is_question_like(node) and any(child.type == "text" and not _is_question_like(child) for child in below)


def _leads_to_understanding(canvas: Canvas, node: Node) -> bool:
    return any(_named(edge) is Role.UNDERSTANDING for edge in canvas.outgoing(node.node_id))


def _is_question_like(node: Node) -> bool:
    if node.type != "text":
        return False
    return _TYPE_MARK.match(node.text) is not None or question_text(node.text).rstrip("*_ ").endswith(("?", "？"))


def _named(edge: Edge) -> Role | None:
    label = edge.label.casefold()
    for role, words in _LABELS:
        if any(word in label for word in words):
            return role
    return None
