"""Which node a result hangs on: the understanding that it explains, the question that it scores."""

from __future__ import annotations

from functools import cached_property

from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.pieces import SOURCE, source_name
from parallel_agents.canvas.placeholders import is_placeholder
from parallel_agents.canvas.proposals import Accepted
from parallel_agents.canvas.roles import Role, roles_of


class Attaching:
    """Finds, for the results of one canvas, the nodes that they belong to."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._there = {node.node_id: node for node in canvas.nodes}

    def put(self, node: Node) -> None:
        """A node that comes to the canvas with the results before, so that others may hang on it."""
        self._there[node.node_id] = node

    def source(self, result: Accepted) -> Node:
        """The node that a result hangs on: for an explanation the understanding that it was given, where there is one.

        Raises:
            CanvasError: the node that the task was about is not on the canvas.
        """
        if result.hangs_on is not None and result.hangs_on in self._there:
            return self._there[result.hangs_on]
        node = self._canvas.node(result.node_id)
        said = result.input_data.get("user_understanding")
        if result.form.kind != "explanation" or not isinstance(said, str) or not said.strip():
            return node
        if node.text.strip() == said.strip():
            return node
        return self._understanding_below(node, said.strip()) or node

    def sources(self, result: Accepted) -> dict[str, Node]:
        """The nodes that a result hangs on, by their names; of several those that are still there, at least one.

        Raises:
            CanvasError: none of the nodes that the task was about is on the canvas.
        """
        if len(result.node_ids) < 2:
            return {SOURCE: self.source(result)}
        there = {node.node_id: node for node in self._canvas.nodes}
        found = {source_name(place): there[one] for place, one in enumerate(result.node_ids) if one in there}
        return found or {SOURCE: self.source(result)}

    def question(self, result: Accepted) -> Node | None:
        """The question that a scored understanding answers, None where there is none.

        Raises:
            CanvasError: the node that the task was about is not on the canvas.
        """
        node = self._canvas.node(result.node_id)
        if self._roles.get(node.node_id) is Role.QUESTION:
            return node
        above = [parent for parent in self._canvas.parents(node.node_id) if parent.node_id in self._roles]
        asked = [parent for parent in above if self._roles[parent.node_id] is Role.QUESTION]
        return next(iter(asked or above), None)

    def _understanding_below(self, node: Node, said: str) -> Node | None:
        targets = dict.fromkeys(edge.to_node for edge in self._canvas.outgoing(node.node_id))
        below = [self._canvas.node(target) for target in targets if target != node.node_id]
        same = [child for child in below if child.type == "text" and child.text.strip() == said]
        if same or self._roles.get(node.node_id) is not Role.QUESTION:
            return next(iter(same), None)
        # Edited since, or a note: the words do not tell, so the edges do.
        answers = [child for child in below if self._roles.get(child.node_id) is Role.UNDERSTANDING]
        return next((child for child in answers if child.type == "file" or not is_placeholder(child.text)), None)

    @cached_property
    def _roles(self) -> dict[str, Role]:
        return roles_of(self._canvas)
