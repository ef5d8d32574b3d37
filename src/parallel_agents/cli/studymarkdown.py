"""A study report in Markdown, as Obsidian shows it well."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import TypeVar

from parallel_agents.canvas.studying import LISTED, MASTERED, CanvasStudy, Failure, Score, Spot, Step, Study
from parallel_agents.cli.language import Language
from parallel_agents.cli.nodelinks import code, escaped, obsidian_link, vault_link
from parallel_agents.cli.studywords import UNKNOWN, figure, word
from parallel_agents.cli.translation import localized
from parallel_agents.cli.words import colour_word

_BAR = 10
_Item = TypeVar("_Item")


def markdown_of(study: Study, language: Language, *, in_vault: bool) -> str:
    """The report; `in_vault` tells that it is going to be read inside the vault of its canvases."""
    return "\n".join(_Page(study, language, in_vault=in_vault).lines()) + "\n"


def command_of(step: Step, study: Study) -> str | None:
    """The command that takes a step, with the model of the execution; None where it is the learner's turn."""
    if step.agent is None or step.spot.canvas_path is None or step.spot.node_id is None:
        return None
    path, node = shlex.quote(step.spot.canvas_path), shlex.quote(step.spot.node_id)
    model = "" if study.model is None or study.is_language_model is False else f" --model {shlex.quote(study.model)}"
    return f"parallel-agents run {path} --agent {step.agent} --nodes {node}{model}"


def heading_of(study: Study, language: Language) -> str:
    """What the report is of."""
    name = PurePath(study.source).stem if study.source else study.execution_id
    return f"{word(language, 'title')} · {name}"


def colour_rows(canvas: CanvasStudy) -> list[tuple[str, int | None, int]]:
    """Colour, number before (None: nobody looked), number after; the most frequent first."""
    before, after = canvas.colours_before, canvas.colours_after or {}
    every: set[str] = {*after, *(before or {})}
    names = sorted(every, key=lambda name: (-after.get(name, 0), name))
    return [(name, None if before is None else before.get(name, 0), after.get(name, 0)) for name in names]


def reason_of(step: Step, language: Language) -> str:
    """Why a step is one."""
    score = step.score
    if score is None:
        return word(language, step.why)
    told = word(language, "scored_low", total=score.total)
    if score.breakdown is None or score.weakest is None:
        return told
    name, points = word(language, score.weakest), score.breakdown[score.weakest]
    return told + word(language, "semicolon") + word(language, "weakest", name=name, points=points)


def score_line(study: Study, language: Language) -> str:
    """The scores in one sentence; what was not scored is told apart."""
    scores = study.scores
    if scores.scored:
        mean = figure(scores.mean)
        return word(language, "score_line", scored=scores.scored, mean=mean, unscored=scores.unscored)
    return word(language, "only_unscored" if scores.unscored else "no_scores", unscored=scores.unscored)


class _Page:
    def __init__(self, study: Study, language: Language, *, in_vault: bool) -> None:
        self._study = study
        self._language: Language = language
        self._in_vault = in_vault
        self._canvases = {canvas.path: canvas for canvas in study.canvases}

    def lines(self) -> Iterator[str]:
        yield f"# {escaped(heading_of(self._study, self._language))}"
        yield ""
        yield from self._summary()
        for part in (self._next, self._scores, self._canvas_parts, self._explanations, self._failures):
            yield from part()

    def _say(self, key: str, **values: object) -> str:
        return word(self._language, key, **values)

    def _summary(self) -> Iterator[str]:
        study = self._study
        yield f"> [!summary] {self._say('tasks', **study.tasks)}"
        yield f"> {study.execution_id} · {study.submitted_at or UNKNOWN} · {escaped(study.model or UNKNOWN)}"
        if study.tasks["completed"] < study.tasks["total"]:
            yield f"> {self._say('others', **study.tasks)}"
        if study.questions_asked is not None:
            yield f"> {self._say('asked', asked=study.questions_asked)}"
        if study.is_language_model is False:
            yield f"> {escaped(self._say('no_model', model=study.model))}"

    def _heading(self, key: str) -> list[str]:
        return ["", f"## {self._say(key)}", ""]

    def _next(self) -> Iterator[str]:
        yield from self._heading("next")
        for number, step in enumerate(self._study.steps, start=1):
            command = command_of(step, self._study)
            told = [f"**{escaped(step.spot.text)}**{self._say('colon')}{reason_of(step, self._language)}"]
            told += [self._place(step.spot), *([] if command is None else [code(command)])]
            yield f"{number}. " + "  \n   ".join(told)
        if not self._study.steps:
            yield nothing_next(self._study, self._language)

    def _scores(self) -> Iterator[str]:
        scores = self._study.scores
        yield from self._heading("scores")
        yield score_line(self._study, self._language)
        if scores.dimensions:
            yield from ("", f"| {self._say('dimension')} | {self._say('of_25')} | |", "|---|--:|---|")
            for one in scores.dimensions:
                yield f"| {self._say(one.name)} | {figure(one.mean)} | {bar(one.mean / 25)} |"
        if scores.lowest:
            yield from ("", f"### {self._say('lowest')}", "")
            yield from self._listed(scores.lowest, scores.scored, self._score)

    def _score(self, score: Score) -> str:
        return f"- {score.total} {bar(score.total / 100)} {escaped(score.spot.text)} · {self._node(score.spot)}"

    def _canvas_parts(self) -> Iterator[str]:
        for canvas in self._study.canvases:
            link = self._link(canvas)
            yield from ("", f"## {self._say('canvas')}{self._say('colon')}{link}", "")
            if canvas.problem is not None:
                yield escaped(self._say("unreadable", problem=localized(canvas.problem)))
                continue
            yield from self._table(canvas)
            yield from self._open_questions(canvas)

    def _table(self, canvas: CanvasStudy) -> Iterator[str]:
        rows: list[tuple[str, int | None, int | None]] = []
        for name, before, after in colour_rows(canvas):
            rows.append((escaped(colour_word(name, self._language)), before, after))
        rows.append((f"*{self._say('nodes')}*", canvas.nodes_before, canvas.nodes_after))
        rows.append((f"*{self._say('edges')}*", canvas.edges_before, canvas.edges_after))
        if canvas.colours_before is None:
            yield f"| {self._say('colour')} | {self._say('now')} |"
            yield "|---|--:|"
            yield from (f"| {name} | {figure(after)} |" for name, _, after in rows)
            return
        yield f"| {self._say('colour')} | {self._say('before')} | {self._say('after')} |"
        yield "|---|--:|--:|"
        yield from (f"| {name} | {figure(before)} | {figure(after)} |" for name, before, after in rows)

    def _open_questions(self, canvas: CanvasStudy) -> Iterator[str]:
        if not canvas.questions:
            return
        yield ""
        if not canvas.unanswered:
            yield self._say("all_answered", questions=canvas.questions)
            return
        yield self._say("open", open=len(canvas.unanswered), questions=canvas.questions)
        yield ""
        spots = [Spot(text=one.text, node_id=one.node_id) for one in canvas.unanswered[:LISTED]]
        yield from self._listed(
            spots, len(canvas.unanswered), lambda spot: f"- [ ] {escaped(spot.text)} · {self._node(spot)}"
        )

    def _explanations(self) -> Iterator[str]:
        study = self._study
        if study.explanations:
            yield from self._heading("explanations")
            yield self._say("explained", number=study.explanations)
            yield ""
            spots = [one.spot for one in study.explained]
            yield from self._listed(
                spots, study.explanations, lambda spot: f"- {escaped(spot.text)} · {self._node(spot)}"
            )

    def _failures(self) -> Iterator[str]:
        study = self._study
        if study.failures:
            yield from self._heading("failures")
            yield self._say("failed", number=study.failures)
            yield from ("", code(retry_of(study)), "")
            yield from self._listed(study.failed, study.failures, self._failure)

    def _failure(self, failure: Failure) -> str:
        what = what_failed(failure, self._language)
        retry = f"{self._say('retry_one')} {code(retry_of(self._study, failure))}"
        return f"- **{escaped(failure.spot.text)}** · {self._node(failure.spot)}  \n  {escaped(what)}  \n  {retry}"

    def _listed(self, items: Sequence[_Item], number: int, tell: Callable[[_Item], str]) -> Iterator[str]:
        yield from map(tell, items)
        if number > len(items):
            yield f"- {self._say('more', left=number - len(items))}"

    def _place(self, spot: Spot) -> str:
        canvas = self._canvases.get(spot.canvas_path or "")
        return " · ".join(([] if canvas is None else [self._link(canvas)]) + [self._node(spot)])

    def _link(self, canvas: CanvasStudy) -> str:
        wiki = vault_link(canvas) if self._in_vault else None
        name = wiki or escaped(PurePath(canvas.path).stem)
        return f"{name} ([{self._say('open_canvas')}]({obsidian_link(canvas)}))"

    def _node(self, spot: Spot) -> str:
        return f"{self._say('node')} {UNKNOWN if spot.node_id is None else code(spot.node_id)}"


def retry_of(study: Study, failure: Failure | None = None) -> str:
    """The command that tries failed tasks again: all, or one."""
    which = "--failed" if failure is None else f"--task {shlex.quote(failure.task_id)}"
    return f"parallel-agents retry {study.execution_id} {which}"


def what_failed(failure: Failure, language: Language) -> str:
    """Why a task failed, in the words of its last error."""
    if failure.message is None:
        return word(language, "no_error")
    return f"{failure.error_class}{word(language, 'colon')}{localized(failure.message)}"


def nothing_next(study: Study, language: Language) -> str:
    """Why there is no next step."""
    problem = next((canvas.problem for canvas in study.canvases if canvas.problem is not None), None)
    if problem is not None:
        return word(language, "cannot_tell_next", problem=localized(problem))
    return word(language, "nothing_next", mastered=MASTERED) if study.canvases else UNKNOWN


def bar(share: float) -> str:
    """A bar of ten signs for a share from 0 to 1."""
    filled = round(min(max(share, 0.0), 1.0) * _BAR)
    return "▰" * filled + "▱" * (_BAR - filled)
