"""The accepted results of an execution that can land, in the order of its tasks."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from parallel_agents.agents.landingform import form_of
from parallel_agents.agents.parsing import parse_spec
from parallel_agents.canvas.landing import Accepted
from parallel_agents.core.errors import InputError, UnknownExecutionError
from parallel_agents.core.execution import AgentRecord, ExecutionRecord
from parallel_agents.core.forms import Form
from parallel_agents.core.states import SETTLED, State
from parallel_agents.core.task import TaskRecord, node_ids_of
from parallel_agents.executions import tasks_of
from parallel_agents.landing.following import Following
from parallel_agents.landing.reports import Refused
from parallel_agents.ports.entries import CanvasLanding
from parallel_agents.ports.journal import Journal, Reader

_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


class Harvest(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution has to land: results by canvas, as its tasks name it, each list in the order of the tasks.

    `elsewhere` has results that are for no canvas. `canvases` are all that its tasks name. `waiting` counts results
    behind a task that has not ended. `landings` are what was put on canvases before.
    """

    record: ExecutionRecord
    canvases: Sequence[str]
    results: Mapping[str, Sequence[Accepted]]
    elsewhere: Sequence[Refused] = ()
    waiting: int = 0
    landings: Sequence[CanvasLanding] = ()


async def harvest(journal: Journal, execution_id: str, only: Collection[str] | None) -> Harvest:
    """Read what can land; `only` names tasks or nodes, None takes all as far as the tasks before them have ended.

    Raises:
        UnknownExecutionError: the journal has none with this id.
        InputError: `only` names what the execution does not have, or none of its tasks is about a canvas.
    """
    return await journal.read(lambda reader: _harvest(reader, execution_id, journal.path, only))


def _harvest(reader: Reader, execution_id: str, path: str, only: Collection[str] | None) -> Harvest:
    record = reader.execution(execution_id)
    if record is None:
        raise UnknownExecutionError(execution_id, path)
    gathering = _Gathering(record, only)
    for task in tasks_of(reader, execution_id):
        gathering.take(task)
    return gathering.harvest(reader.landings(execution_id))


class _Gathering:
    """Goes through the tasks of one execution."""

    def __init__(self, record: ExecutionRecord, only: Collection[str] | None) -> None:
        self._record = record
        self._only = None if only is None else frozenset(only)
        self._forms = _Forms(record.agents)
        self._known: set[str] = set()
        self._canvases: dict[str, None] = {}
        self._results: dict[str, list[Accepted]] = {}
        self._elsewhere: list[Refused] = []
        self._waiting = 0
        self._is_interrupted = False
        self._following = Following()

    def take(self, task: TaskRecord) -> None:
        """Note one task."""
        names = {task.task.task_id, *node_ids_of(task.task)}
        self._known |= names
        if task.task.canvas_path is not None:
            self._canvases[task.task.canvas_path] = None
        is_asked_for = self._only is None or bool(names & self._only)
        if is_asked_for and task.state not in SETTLED:
            # What lies behind it would take its place: where things lie must not depend on which task was faster.
            self._is_interrupted = self._only is None
        if task.state is not State.COMPLETED or task.output is None:
            return
        if is_asked_for and self._is_interrupted:
            self._waiting += 1
            return
        result = self._accepted(task, task.output, is_asked_for=is_asked_for)
        if result is None:
            return
        self._following.note(result)
        if is_asked_for:
            self._results.setdefault(task.task.canvas_path or "", []).append(result)

    def _accepted(self, task: TaskRecord, output: bytes, *, is_asked_for: bool) -> Accepted | None:
        nodes, form = node_ids_of(task.task), self._forms.of(task.task.agent_name)
        if task.task.canvas_path is None or not nodes or form is None:
            if is_asked_for:
                self._elsewhere.append(_refused(task, _why_nowhere(task, has_node=bool(nodes))))
            return None
        first = task.reused if task.reused is not None and task.reused.node_id == nodes[0] else None
        given = _decode(task.task.input_data)
        is_about = form.kind == "explanation" and len(nodes) == 1
        return Accepted(
            execution_id=self._record.execution_id,
            task_id=task.task.task_id,
            position=task.task.position,
            agent_name=task.task.agent_name,
            node_id=nodes[0],
            node_ids=nodes,
            form=form,
            input_data=given,
            output=_decode(output),
            completed_at=first.at if first is not None else task.completed_at or task.submitted_at,
            origin=None if first is None else (first.execution_id, first.task_id),
            hangs_on=self._following.place(given, task.task.depends_on, nodes[0]) if is_about else None,
        )

    def harvest(self, landings: Sequence[CanvasLanding]) -> Harvest:
        """All that was noted."""
        for name in sorted((self._only or frozenset[str]()) - self._known):
            close = difflib.get_close_matches(name, self._known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise InputError(f"execution {self._record.execution_id} has no task, and no node, {name!r}.{hint}")
        return Harvest(
            record=self._record,
            canvases=tuple(self._canvases),
            results=self._results,
            elsewhere=self._elsewhere,
            waiting=self._waiting,
            landings=landings,
        )


class _Forms:
    """How the results of each agent of an execution look on a canvas; the agents as they were when it was submitted."""

    def __init__(self, agents: Sequence[AgentRecord]) -> None:
        self._agents = {agent.name: agent for agent in agents}
        self._forms: dict[str, Form | None] = {}

    def of(self, name: str) -> Form | None:
        """The form of an agent's results, None where it has none."""
        if name not in self._forms:
            agent = self._agents.get(name)
            spec = None if agent is None else agent.spec
            self._forms[name] = None if spec is None else form_of(parse_spec(spec, f"{name}.md"))
        return self._forms[name]


def _why_nowhere(task: TaskRecord, *, has_node: bool) -> str:
    if task.task.canvas_path is None or not has_node:
        return "its task is about no node of a canvas"
    return f"agent {task.task.agent_name!r} does not say how its results look on a canvas"


def _refused(task: TaskRecord, reason: str) -> Refused:
    return Refused(task_id=task.task.task_id, node_id=task.task.node_id, reason=reason)
