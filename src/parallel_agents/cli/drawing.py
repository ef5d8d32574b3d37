"""`show`: what is on a canvas in a few lines, or as a picture. Nothing runs and the canvas is only read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from parallel_agents.canvas.document import load_canvas
from parallel_agents.canvas.drawing import picture_of
from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.opening import note_texts, unopened_files
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.palettefile import palette_named
from parallel_agents.canvas.survey import Named, Survey, survey_of
from parallel_agents.canvas.vault import Vault
from parallel_agents.cli import codes
from parallel_agents.cli.streams import note, one_line, tell_data, tell_json
from parallel_agents.cli.translation import localized
from parallel_agents.cli.words import colour_word
from parallel_agents.core.errors import InputError
from parallel_agents.result_files import check_place, write_new

_INDENT = "  "
_LISTED = 20


def show_canvas(path: Path, *, output: Path | None, palette: str | None, as_json: bool) -> int:
    """Say what is on a canvas, or draw it into a new file."""
    colours = palette_named(palette)
    if output is not None and as_json:
        raise InputError("--json and --output exclude one another: a picture is no JSON")
    if output is not None and output.suffix.lower() != ".svg":
        raise InputError(f"--output {str(output)!r}: a picture is an SVG file, so its name ends in .svg")
    canvas = load_canvas(path)
    if output is not None:
        asyncio.run(_draw(canvas, colours, output))
    elif as_json:
        tell_json({"canvas": str(path), "palette": colours.name, **msgspec.to_builtins(survey_of(canvas, colours))})
    else:
        tell_data("\n".join(survey_lines(path, survey_of(canvas, colours), colours)))
    return codes.OK


async def _draw(canvas: Canvas, palette: Palette, output: Path) -> None:
    check_place(output)
    vault = Vault(canvas.path)
    unopened = unopened_files(canvas, vault)
    pieces = picture_of(canvas, palette, notes=note_texts(canvas, vault), unopened=[one.node_id for one in unopened])

    async def fill(_: Path, file: BinaryIO) -> None:
        for piece in pieces:
            file.write(piece.encode())

    written = await write_new(output, fill, hint="Choose another place with --output.")
    if written != output:
        note(f"{output} is there already and is left alone")
    tell_data(localized(f"picture: {written}"))
    for one in unopened[:_LISTED]:
        note(f"does not open: node {one.node_id}: {one.reason}")


def survey_lines(path: Path, survey: Survey, palette: Palette) -> list[str]:
    """A canvas in lines, in the language of this process."""
    types = ", ".join(f"{kind} {number}" for kind, number in survey.by_type.items())
    colours = ", ".join(f"{colour_word(name)} {number}" for name, number in survey.colours.items())
    lines = [localized(f"{path}: nodes {survey.nodes}, edges {survey.edges}")]
    if survey.nodes:
        lines.append(_INDENT + localized(f"types: {types}"))
        lines.append(_INDENT + localized(f"colours, as {palette.name} names them: {colours}"))
    groups = [f"group {one_line(group.label)!r}: nodes {group.nodes}" for group in survey.groups[:_LISTED]]
    lines += [*(_INDENT + localized(group) for group in groups), *_more(survey.groups)]
    lines.append(
        _INDENT + localized(f"questions {survey.questions}, without an understanding {len(survey.unanswered)}")
    )
    lines += _named("without an understanding", survey.unanswered)
    lines.append(_INDENT + localized(f"understandings: filled {survey.filled}, empty {survey.empty}"))
    lines += _named("cannot be told", survey.unread)
    lines += _named("does not open", [Named(one.node_id, one.reason) for one in survey.unopened])
    return [*lines, *(localized(f"warning: {warning}") for warning in survey.warnings)]


def _named(what: str, nodes: Sequence[Named]) -> Iterator[str]:
    for node in nodes[:_LISTED]:
        yield _INDENT + _INDENT + localized(f"{what}: node {node.node_id}: {one_line(node.text)}")
    yield from _more(nodes)


def _more(listed: Sequence[object]) -> list[str]:
    left = len(listed) - _LISTED
    return [_INDENT + _INDENT + localized(f"… and {left} more")] if left > 0 else []
