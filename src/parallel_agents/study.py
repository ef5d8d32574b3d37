"""Joins what the journal knows of an execution with its canvases as they stand: what a study report tells."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from parallel_agents.canvas.checking import Checked
from parallel_agents.canvas.document import load_document
from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.inputs import AgentInputs
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.selection import select_tasks
from parallel_agents.canvas.studying import (
    LISTED,
    CanvasStudy,
    Explained,
    Failure,
    Score,
    ScoreSheet,
    Spot,
    Study,
    next_steps,
)
from parallel_agents.canvas.survey import Named, beginning_of, named_colours, survey_of
from parallel_agents.canvas.vault import find_vault_root, found_again
from parallel_agents.core.aggregate import DIMENSIONS, has_questions, questions_in
from parallel_agents.core.errors import CanvasError, SourceError
from parallel_agents.core.metrics import kinds_of
from parallel_agents.core.session import accepted_output
from parallel_agents.core.states import State
from parallel_agents.core.task import TaskRecord
from parallel_agents.executions import Executions

_UNDERSTANDINGS = AgentInputs(fields={"question_text": True, "user_understanding": True}, reads=("understanding",))
_NAMES = ("question_text", "material_content", "node_text", "topic")


async def study_of(
    executions: Executions, execution_id: str, palette: Palette, *, checks: Mapping[str, Checked] | None = None
) -> Study:
    """Tell what an execution says to a learner. `checks` are those of landings, by the canvas's path.

    A canvas that cannot be read now is told with its problem, and nothing is said of what is on it.

    Raises:
        UnknownExecutionError: the journal has none with this id.
    """
    standing = await executions.standing(execution_id)
    record = await executions.record(execution_id)
    gathered = _Gathered()
    await executions.each_task(execution_id, gathered.take)
    scores = gathered.sheet.told()
    canvases: list[CanvasStudy] = []
    for path in gathered.canvas_paths:
        place = await asyncio.to_thread(found_again, path, record.vault_root)
        earlier = (await executions.earlier(place, "")).get(place)
        scored = earlier.scored_node_ids if earlier is not None else frozenset[str]()
        canvases.append(await asyncio.to_thread(_canvas, path, place, palette, scored, (checks or {}).get(path)))
    return Study(
        execution_id=execution_id,
        status=standing["overall_status"],
        submitted_at=standing["submission_timestamp"],
        source=record.source,
        model=record.model,
        is_language_model=next(iter(gathered.kinds)) if len(gathered.kinds) == 1 else None,
        tasks={key.removesuffix("_tasks"): number for key, number in standing["task_queue"].items() if "_tasks" in key},
        canvases=tuple(canvases),
        scores=scores,
        questions_asked=gathered.questions,
        explanations=gathered.explanations,
        explained=tuple(gathered.explained),
        failures=gathered.failures,
        failed=tuple(gathered.failed),
        steps=next_steps(scores, canvases),
    )


class _Gathered:
    """What the tasks of an execution tell, one after the other, in memory that does not grow with their number."""

    def __init__(self) -> None:
        self.sheet = ScoreSheet(DIMENSIONS)
        self.canvas_paths: dict[str, None] = {}
        self.kinds: set[bool] = set()
        self.questions: int | None = None
        self.explanations = self.failures = 0
        self.explained: list[Explained] = []
        self.failed: list[Failure] = []

    def take(self, task: TaskRecord) -> None:
        """Count one task."""
        if task.task.canvas_path is not None:
            self.canvas_paths[task.task.canvas_path] = None
        self.kinds.update(kinds_of(task))
        self.sheet.unscored += task.state is State.COMPLETED and task.result_status == "unscored"
        if task.state is State.FAILED:
            self._note_failure(task)
        output = accepted_output(task)
        if output is not None:
            self._note_output(task, output)

    def _note_output(self, task: TaskRecord, output: Mapping[str, Any]) -> None:
        if has_questions(output):
            self.questions = (self.questions or 0) + len(list(questions_in(output)))
        total = output.get("total_score")
        if isinstance(total, int) and not isinstance(total, bool):
            self.sheet.add(Score(spot=_spot(task), total=total, breakdown=_breakdown(output.get("breakdown"))))
        if "markdown" in output:
            self.explanations += 1
            if len(self.explained) < LISTED:
                self.explained.append(Explained(_spot(task), task.task.agent_name))

    def _note_failure(self, task: TaskRecord) -> None:
        self.failures += 1
        if len(self.failed) >= LISTED:
            return
        error = next((one.error for one in reversed(task.attempts) if one.error is not None), None)
        failure = Failure(
            spot=_spot(task),
            task_id=task.task.task_id,
            agent_name=task.task.agent_name,
            error_class=None if error is None else error.error_class.value,
            message=None if error is None else error.message,
        )
        self.failed.append(failure)


def _breakdown(value: object) -> Mapping[str, int] | None:
    points = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    is_whole = all(isinstance(points.get(name), int) for name in DIMENSIONS)
    return {name: points[name] for name in DIMENSIONS} if is_whole else None


def _spot(task: TaskRecord) -> Spot:
    given: dict[str, Any] = msgspec.msgpack.decode(task.task.input_data)
    said = (given.get(name) for name in _NAMES)
    text = next((value for value in said if isinstance(value, str) and value.strip()), "")
    return Spot(
        text=beginning_of(text) or task.task.task_id, node_id=task.task.node_id, canvas_path=task.task.canvas_path
    )


def _canvas(path: str, place: Path, palette: Palette, scored: frozenset[str], check: Checked | None) -> CanvasStudy:
    try:
        document = load_document(place)
        canvas = document.canvas
        survey = survey_of(canvas, palette)
    except (CanvasError, SourceError) as error:
        return CanvasStudy(path=path, problem=error.problem)
    root = find_vault_root(canvas.path)
    study = CanvasStudy(
        path=path,
        vault_root=None if root is None else str(root),
        in_vault=None if root is None else canvas.path.resolve().relative_to(root).as_posix(),
        nodes_after=survey.nodes,
        edges_after=len(document.data.get("edges", [])),
        colours_after=survey.colours,
        questions=survey.questions,
        unanswered=survey.unanswered,
        never_scored=_never_scored(canvas, scored),
    )
    return study if check is None else _with_check(study, check, palette)


def _with_check(study: CanvasStudy, check: Checked, palette: Palette) -> CanvasStudy:
    """Counts before and after as the landing saw them: what the user has done since is not its doing."""
    before = check.colours_before
    return msgspec.structs.replace(
        study,
        nodes_before=check.nodes_before,
        nodes_after=check.nodes_after,
        edges_before=check.edges_before,
        edges_after=check.edges_after,
        colours_before=None if before is None else named_colours(before, palette),
        colours_after=named_colours(check.colours_after, palette),
    )


def _never_scored(canvas: Canvas, scored: frozenset[str]) -> tuple[Named, ...]:
    written = select_tasks(canvas, _UNDERSTANDINGS).tasks
    return tuple(
        Named(task.node_id, beginning_of(str(task.input_data["question_text"])))
        for task in written
        if task.node_id not in scored
    )
