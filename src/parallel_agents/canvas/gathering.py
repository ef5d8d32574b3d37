"""Which nodes of a canvas become one task together, and what that task is given of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, pairwise
from typing import Any

import msgspec

from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.inputs import AgentInputs, Reader, unreadable
from parallel_agents.canvas.markdown import first_heading
from parallel_agents.canvas.placeholders import has_substance
from parallel_agents.canvas.roles import question_text
from parallel_agents.canvas.selection import TOO_SHORT, CanvasInput, Selection, Skipped, select_tasks
from parallel_agents.core.errors import CanvasError
from parallel_agents.core.gathering import Gathers

MARKED = ("red", "purple")
"""Colours that say how well a learner knows what a node holds."""

_CONCEPT_CHARACTERS = 30
_BOLD_FIRST = re.compile(r"\s*(?:[-+]\s+)?\*\*([^*\n]{1,40})\*\*")
_SENTENCE_END = re.compile(r"[。！？!?；;：:\n]")
_NO_HEAD = re.compile(r"[|*_`\[\]]+|\s+")


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A node that is to be part of a task, and all that the canvas gives for it. `mark` is its colour's name."""

    node: Node
    values: dict[str, Any]
    mark: str = ""
    answers: tuple[str, ...] = ()


def tasks_of(canvas: Canvas, agent: AgentInputs, node_ids: Sequence[str] | None = None) -> Selection:
    """Make an agent's tasks of nodes: as `select_tasks`, for an agent that gathers of several nodes each.

    All of them become one task, as far as one takes as many. Where there are more, each group of the canvas is a task,
    what lies in no group being together too, or they are split in the order of the canvas, as the agent says. Whoever
    is left alone, or in too large a group, is skipped: nobody chooses for the user.

    Raises:
        CanvasError: a named node is not there.
    """
    if agent.gathers is None:
        return select_tasks(canvas, agent, node_ids)
    return _Gathering(canvas, agent, agent.gathers).selection(node_ids)


def candidates(canvas: Canvas, agent: AgentInputs) -> list[str]:
    """Ids of the nodes that a task of the agent may be about, whoever else it is about."""
    if agent.gathers is None:
        return [task.node_id for task in select_tasks(canvas, agent).tasks]
    members, _ = _Gathering(canvas, agent, agent.gathers).members(None)
    return [member.node.node_id for member in members]


class _Gathering:
    def __init__(self, canvas: Canvas, agent: AgentInputs, gathers: Gathers) -> None:
        self._canvas = canvas
        self._agent = agent
        self._gathers = gathers
        self._reader = Reader(canvas)

    def selection(self, node_ids: Sequence[str] | None) -> Selection:
        """Tasks, and what is left out."""
        members, skipped = self.members(node_ids)
        results = [result for part, where in self._parts(members) for result in self._of_part(part, where)]
        return Selection(
            tasks=tuple(result for result in results if isinstance(result, CanvasInput)),
            skipped=(*skipped, *(result for result in results if isinstance(result, Skipped))),
        )

    def members(self, node_ids: Sequence[str] | None) -> tuple[list[Member], list[Skipped]]:
        """Nodes that can take part, in the order of the canvas or as named, and the others with their reasons."""
        if "nodes" not in self._agent.fields:
            return self._read(node_ids)
        marked, skipped = self._marked(node_ids)
        members, unread = self._read(marked)
        return self._with_substance(members, [*skipped, *unread], is_named=node_ids is not None)

    def _read(self, node_ids: Sequence[str] | None) -> tuple[list[Member], list[Skipped]]:
        found = select_tasks(self._canvas, AgentInputs(fields={}, reads=self._agent.reads), node_ids)
        members: list[Member] = []
        skipped = [*found.skipped]
        for task in found.tasks:
            node = self._canvas.node(task.node_id)
            try:
                answers = tuple(self._reader.understandings_below(node))
            except CanvasError as error:
                skipped.append(Skipped(node.node_id, unreadable(error, node)))
            else:
                members.append(Member(node=node, values=task.input_data, mark=self._mark(node), answers=answers))
        return members, skipped

    def _marked(self, node_ids: Sequence[str] | None) -> tuple[list[str], list[Skipped]]:
        named = self._canvas.nodes if node_ids is None else map(self._canvas.node, dict.fromkeys(node_ids))
        marked: list[str] = []
        skipped: list[Skipped] = []
        for node in named:
            if self._mark(node):
                marked.append(node.node_id)
            else:
                reason = f"is neither red nor purple in the palette {self._agent.palette.name}"
                skipped.append(Skipped(node.node_id, reason))
        return marked, skipped

    def _mark(self, node: Node) -> str:
        code = (node.color or "").lower()
        return next((name for name in MARKED if code in (self._agent.palette.codes_of(name) or ())), "")

    def _with_substance(
        self, members: Sequence[Member], skipped: list[Skipped], *, is_named: bool
    ) -> tuple[list[Member], list[Skipped]]:
        kept: list[Member] = []
        for member in members:
            if is_named or has_substance(str(member.values["node_text"])):
                kept.append(member)
            else:
                skipped.append(Skipped(member.node.node_id, TOO_SHORT))
        return kept, skipped

    def _parts(self, members: Sequence[Member]) -> Iterator[tuple[Sequence[Member], str | None]]:
        """Nodes that belong together; second, what they have in common where groups make the tasks."""
        most = self._gathers.most
        if not members:
            return
        if most is None or len(members) <= most:
            yield members, None
        elif self._gathers.beyond == "parts":
            yield from ((part, None) for part in _split(members, most))
        else:
            yield from self._by_group(members)

    def _by_group(self, members: Iterable[Member]) -> Iterator[tuple[Sequence[Member], str | None]]:
        groups: dict[str, list[Member]] = {}
        labels: dict[str, str] = {}
        for member in members:
            group = self._canvas.group_of(member.node)
            key = "" if group is None else group.node_id
            groups.setdefault(key, []).append(member)
            labels[key] = "" if group is None else group.label.strip() or group.node_id
        yield from ((part, labels[key]) for key, part in groups.items())

    def _of_part(self, part: Sequence[Member], where: str | None) -> list[CanvasInput | Skipped]:
        least, most = self._gathers.least, self._gathers.most
        if least <= len(part) and (most is None or len(part) <= most):
            return self._task(part)
        reason = self._why_not(len(part), where)
        return [Skipped(member.node.node_id, reason) for member in part]

    def _why_not(self, number: int, where: str | None) -> str:
        least, most = self._gathers.least, self._gathers.most
        if where is None:
            return f"one task takes at least {least} nodes, and there are {number}"
        if not where:
            return (
                f"they are more than one task takes ({most}), so each group is a task; "
                f"outside of groups there are {number}, and it takes {least} to {most}"
            )
        return (
            f"they are more than one task takes ({most}), so each group is a task; "
            f"the group {where!r} has {number}, and it takes {least} to {most}"
        )

    def _task(self, part: Sequence[Member]) -> list[CanvasInput | Skipped]:
        values = self._values(part)
        missing = [name for name, required in self._agent.fields.items() if required and not values.get(name)]
        if missing:
            reason = f"the canvas gives no {' and no '.join(missing)}"
            return [Skipped(member.node.node_id, reason) for member in part]
        ids = tuple(member.node.node_id for member in part)
        fields = self._agent.fields or [name for name, value in values.items() if value]
        return [CanvasInput(node_id=ids[0], node_ids=ids, input_data={name: values.get(name) for name in fields})]

    def _values(self, part: Sequence[Member]) -> dict[str, Any]:
        """What is given of all: `concepts`, or `nodes`; the texts under their concepts; one topic for them."""
        texts = [str(member.values["node_text"]) for member in part]
        concepts = _distinct(map(concept_of, texts))
        said = [f"{name}：{answer}" for name, member in zip(concepts, part, strict=True) for answer in member.answers]
        topics = {str(member.values.get("topic") or "") for member in part}
        return {
            "concepts": concepts,
            "nodes": [_entry(member) for member in part],
            "topic": topics.pop() if len(topics) == 1 else self._canvas.name,
            "material_content": "\n\n".join(
                f"【{name}】\n{_material(member)}" for name, member in zip(concepts, part, strict=True)
            ),
            "user_understanding": "\n\n".join(said) or None,
        }


def _entry(member: Member) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": member.node.node_id,
        "content": member.values["node_text"],
        "type": member.mark,
        "related_yellow": list(member.answers),
    }
    above = member.values.get("reference_material")
    return entry if above is None else entry | {"parent_content": above}


def _material(member: Member) -> str:
    return str(member.values.get("material_content") or member.values["node_text"])


def _split(members: Sequence[Member], most: int) -> list[Sequence[Member]]:
    number = -(-len(members) // most)
    ends = [len(members) * part // number for part in range(number + 1)]
    return [members[start:end] for start, end in pairwise(ends)]


def concept_of(text: str) -> str:
    """What a text is about, in a few words that can head a column: its heading, its first bold words, its beginning."""
    said = question_text(text)
    bold = _BOLD_FIRST.match(said)
    found = (first_heading(text) or "", bold[1] if bold else "", _first_words(said), said)
    plain = next(filter(None, (" ".join(_NO_HEAD.sub(" ", one).split()) for one in found)), "—")
    return plain if len(plain) <= _CONCEPT_CHARACTERS else plain[:_CONCEPT_CHARACTERS].rstrip() + "…"


def _first_words(text: str) -> str:
    end = _SENTENCE_END.search(text.strip())
    return text.strip()[: end.end()].rstrip("。；;：:\n") if end else text.strip()


def _distinct(names: Iterable[str]) -> list[str]:
    told: dict[str, None] = {}
    for name in names:
        numbered = (name if number == 1 else f"{name}（{number}）" for number in count(1))
        told[next(one for one in numbered if one not in told)] = None
    return list(told)
