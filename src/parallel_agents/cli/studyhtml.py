"""A study report as one HTML page: charts as inline SVG, light and dark, no script, nothing that is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import PurePath

from parallel_agents.canvas.paint import DARK, LIGHT, paint_of
from parallel_agents.canvas.palette import PALETTES
from parallel_agents.canvas.studying import LISTED, CanvasStudy, Failure, Score, Spot, Step, Study
from parallel_agents.cli.language import Language
from parallel_agents.cli.nodelinks import obsidian_link
from parallel_agents.cli.studymarkdown import (
    colour_rows,
    command_of,
    heading_of,
    nothing_next,
    reason_of,
    retry_of,
    score_line,
    what_failed,
)
from parallel_agents.cli.studywords import UNKNOWN, figure, word
from parallel_agents.cli.translation import localized
from parallel_agents.cli.words import colour_word

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root{color-scheme:light dark;--page:#f7f7f9;--card:#fff;--rim:#dcdce4;--ink:#23232a;--pale:#6d6d78;--bar:#086ddd;
--track:#e8e8ee}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.6 -apple-system,"Segoe UI","Noto Sans",
"PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:860px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:1.7em;margin:0 0 4px}h2{font-size:1.2em;margin:0 0 12px}h3{font-size:1em;margin:20px 0 8px}
section{background:var(--card);border:1px solid var(--rim);border-radius:12px;padding:20px 24px;margin-top:20px}
.pale,small{color:var(--pale)}ol,ul{padding-left:1.4em;margin:8px 0}li{margin:6px 0}
code{background:var(--track);border-radius:5px;padding:1px 6px;font-size:.85em;overflow-wrap:anywhere}
a{color:var(--bar)}svg{display:block;max-width:100%;height:auto}
svg text{fill:var(--ink);font-size:14px}
svg .pale{fill:var(--pale)}svg .track{fill:var(--track)}svg .bar{fill:var(--bar)}
"""
_ROW, _NAME, _TRACK = 30, 150, 480


def html_of(study: Study, language: Language) -> str:
    """The report."""
    return "\n".join(_Page(study, language).lines()) + "\n"


class _Page:
    def __init__(self, study: Study, language: Language) -> None:
        self._study = study
        self._language: Language = language
        self._canvases = {canvas.path: canvas for canvas in study.canvases}

    def lines(self) -> Iterator[str]:
        title = escape(heading_of(self._study, self._language))
        language = "zh-Hans" if self._language == "zh" else "en"
        yield f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">'
        yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield f"<title>{title}</title>\n<style>{_STYLE}{_colour_rules()}</style>\n</head>\n<body>\n<main>"
        yield f"<h1>{title}</h1>"
        yield from self._summary()
        parts = (self._next(), self._scores(), *map(self._canvas, self._study.canvases), self._explanations())
        for part in (*parts, self._failures()):
            inside = list(part)
            if inside:
                yield "\n".join(["<section>", *inside, "</section>"])
        yield "</main>\n</body>\n</html>"

    def _say(self, key: str, **values: object) -> str:
        return escape(word(self._language, key, **values))

    def _summary(self) -> Iterator[str]:
        study = self._study
        told = [study.execution_id, study.submitted_at or UNKNOWN, study.model or UNKNOWN]
        yield f'<p class="pale">{self._say("tasks", **study.tasks)}<br>{escape(" · ".join(told))}'
        if study.tasks["completed"] < study.tasks["total"]:
            yield f"<br>{self._say('others', **study.tasks)}"
        if study.is_language_model is False:
            yield f"<br>{self._say('no_model', model=study.model)}"
        if study.questions_asked is not None:
            yield f"<br>{self._say('asked', asked=study.questions_asked)}"
        yield "</p>"

    def _next(self) -> Iterator[str]:
        yield f"<h2>{self._say('next')}</h2>"
        if not self._study.steps:
            yield f"<p>{escape(nothing_next(self._study, self._language))}</p>"
            return
        yield "<ol>"
        yield from map(self._step, self._study.steps)
        yield "</ol>"

    def _step(self, step: Step) -> str:
        command = command_of(step, self._study)
        below = "" if command is None else f"<br><code>{escape(command)}</code>"
        reason = escape(reason_of(step, self._language))
        return (
            f"<li><b>{escape(step.spot.text)}</b>{self._say('colon')}{reason}<br>{self._place(step.spot)}{below}</li>"
        )

    def _scores(self) -> Iterator[str]:
        scores = self._study.scores
        yield f"<h2>{self._say('scores')}</h2>\n<p>{escape(score_line(self._study, self._language))}</p>"
        if scores.dimensions:
            yield f"<h3>{self._say('dimension')}</h3>"
            rows = [
                (self._say(one.name), one.mean, f"{figure(one.mean)} / 25", 'class="bar"') for one in scores.dimensions
            ]
            yield _bars(rows, 25)
        if scores.lowest:
            yield f"<h3>{self._say('lowest')}</h3>\n<ul>"
            yield from map(self._score, scores.lowest)
            yield from self._more(len(scores.lowest), scores.scored)
            yield "</ul>"

    def _score(self, score: Score) -> str:
        return f"<li><b>{score.total}</b> {escape(score.spot.text)} {self._place(score.spot)}</li>"

    def _canvas(self, canvas: CanvasStudy) -> Iterator[str]:
        name = f"{word(self._language, 'canvas')}{word(self._language, 'colon')}{PurePath(canvas.path).stem}"
        yield f"<h2>{escape(name)} {self._link(canvas)}</h2>"
        if canvas.problem is not None:
            yield f"<p>{self._say('unreadable', problem=localized(canvas.problem))}</p>"
            return
        yield f"<p>{self._changes(canvas)}</p>"
        yield _bars(list(self._colour_bars(canvas)), max(canvas.nodes_after or 1, canvas.nodes_before or 1))
        yield from self._open_questions(canvas)

    def _changes(self, canvas: CanvasStudy) -> str:
        nodes = _from_to(canvas.nodes_before, canvas.nodes_after)
        return f"{self._say('nodes')} {nodes}, {self._say('edges')} {_from_to(canvas.edges_before, canvas.edges_after)}"

    def _colour_bars(self, canvas: CanvasStudy) -> Iterator[tuple[str, float, str, str]]:
        for name, before, after in colour_rows(canvas):
            told = escape(colour_word(name, self._language))
            yield told, after, escape(_from_to(before, after)), _tone(name)

    def _open_questions(self, canvas: CanvasStudy) -> Iterator[str]:
        if not canvas.questions:
            return
        number = len(canvas.unanswered)
        if not number:
            yield f"<p>{self._say('all_answered', questions=canvas.questions)}</p>"
            return
        yield f"<p>{self._say('open', open=number, questions=canvas.questions)}</p>\n<ul>"
        for one in canvas.unanswered[:LISTED]:
            yield f"<li>{escape(one.text)} {self._node(one.node_id)}</li>"
        yield from self._more(min(number, LISTED), number)
        yield "</ul>"

    def _explanations(self) -> Iterator[str]:
        study = self._study
        if study.explanations:
            yield f"<h2>{self._say('explanations')}</h2>"
            yield f"<p>{self._say('explained', number=study.explanations)}</p>\n<ul>"
            for one in study.explained:
                yield f"<li>{escape(one.spot.text)} {self._place(one.spot)}</li>"
            yield from self._more(len(study.explained), study.explanations)
            yield "</ul>"

    def _failures(self) -> Iterator[str]:
        study = self._study
        if study.failures:
            yield f"<h2>{self._say('failures')}</h2>\n<p>{self._say('failed', number=study.failures)}</p>"
            yield f"<p><code>{escape(retry_of(study))}</code></p>\n<ul>"
            yield from map(self._failure, study.failed)
            yield from self._more(len(study.failed), study.failures)
            yield "</ul>"

    def _failure(self, failure: Failure) -> str:
        what = escape(what_failed(failure, self._language))
        retry = f"{self._say('retry_one')} <code>{escape(retry_of(self._study, failure))}</code>"
        return f"<li><b>{escape(failure.spot.text)}</b> {self._place(failure.spot)}<br>{what}<br>{retry}</li>"

    def _more(self, listed: int, number: int) -> Iterator[str]:
        if number > listed:
            yield f"<li>{self._say('more', left=number - listed)}</li>"

    def _place(self, spot: Spot) -> str:
        canvas = self._canvases.get(spot.canvas_path or "")
        return " ".join(filter(None, ("" if canvas is None else self._link(canvas), self._node(spot.node_id))))

    def _link(self, canvas: CanvasStudy) -> str:
        return f'<small><a href="{escape(obsidian_link(canvas))}">{self._say("open_canvas")}</a></small>'

    def _node(self, node_id: str | None) -> str:
        return f"<small>{self._say('node')} <code>{escape(node_id)}</code></small>" if node_id else ""


def _bars(rows: list[tuple[str, float, str, str]], most: float) -> str:
    """A chart of bars: name, number, what is written behind it, and the attribute of its colour; texts are escaped."""
    height = _ROW * len(rows)
    drawn = [f'<svg viewBox="0 0 {_NAME + _TRACK + 110} {height}" width="{_NAME + _TRACK + 110}" role="img">']
    for place, (name, number, told, style) in enumerate(rows):
        y = place * _ROW
        long = round(_TRACK * min(max(number / most, 0.0), 1.0), 1)
        drawn.append(f'<text x="0" y="{y + 20}">{name}</text>')
        drawn.append(f'<rect class="track" x="{_NAME}" y="{y + 8}" width="{_TRACK}" height="14" rx="7"/>')
        drawn.append(f'<rect {style} x="{_NAME}" y="{y + 8}" width="{long}" height="14" rx="7"/>')
        drawn.append(f'<text x="{_NAME + _TRACK + 12}" y="{y + 20}">{told}</text>')
    return "".join([*drawn, "</svg>"])


def _tone(name: str) -> str:
    """The attribute that paints a bar in a colour that has a name, or in a hex value."""
    if name in LIGHT:
        return f'class="tone-{name}"'
    paint = paint_of(name, PALETTES["jsoncanvas"])
    return 'class="pale"' if paint is None or paint.style else f'fill="{paint.value}"'


def _from_to(before: int | None, after: int | None) -> str:
    return figure(after) if before is None else f"{figure(before)} → {figure(after)}"


def _colour_rules() -> str:
    light = "".join(f"svg .tone-{name}{{fill:{value}}}" for name, value in LIGHT.items())
    dark = "".join(f"svg .tone-{name}{{fill:{value}}}" for name, value in DARK.items())
    night = "--page:#1b1b1f;--card:#26262b;--rim:#3b3b44;--ink:#e2e2e8;--pale:#9a9aa6;--bar:#4a9bff;--track:#36363e"
    return f"{light}\n@media (prefers-color-scheme:dark){{:root{{{night}}}{dark}}}"
