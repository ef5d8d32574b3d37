"""What `review`, `apply` and `undo` do and say."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.canvas.checking import Checked
from parallel_agents.canvas.landing import Proposal
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.palettefile import palette_named
from parallel_agents.canvas.survey import named_colours
from parallel_agents.cli import codes
from parallel_agents.cli.reading import reading
from parallel_agents.cli.streams import note, one_line, tell, tell_json
from parallel_agents.cli.words import colour_word
from parallel_agents.landing import Applied, CanvasLandings, Outcome, Refused, Reverted, Review

_WORDS_SHOWN = 60


class LandingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `review`, `apply` and `undo`."""

    config: Path | None
    journal: Path | None
    json: bool
    only: Sequence[str] | None = None
    recolour: bool = False
    palette: Path | None = None

    @property
    def chosen(self) -> dict[str, Any]:
        """Those that `CanvasLandings` takes."""
        palette = None if self.palette is None else str(self.palette)
        return {"only": self.only, "recolour": self.recolour, "palette": palette}


async def show_review(execution_id: str, options: LandingOptions) -> int:
    """Show what an apply would do."""
    async with _landings(execution_id, options) as landings:
        outcome, reviews = await landings.review(execution_id, **options.chosen)
    if options.json:
        tell_json({**msgspec.to_builtins(outcome), "canvases": msgspec.to_builtins(reviews)})
    else:
        lines = [line for review in reviews for line in _review_lines(review)]
        _tell(lines, outcome)
        if any(map(_has_something, reviews)):
            note(f"nothing was written; `parallel-agents apply {execution_id}` does it")
    return codes.WITH_ERRORS if any(review.problem for review in reviews) else codes.OK


async def apply_execution(execution_id: str, options: LandingOptions) -> int:
    """Put results on their canvases and say what was done."""
    async with _landings(execution_id, options) as landings:
        outcome = await landings.apply(execution_id, **options.chosen)
    if options.json:
        tell_json(msgspec.to_builtins(outcome))
    else:
        show_outcome(outcome, palette_named(options.chosen["palette"]))
    return codes.OK if outcome.is_whole else codes.WITH_ERRORS


async def undo_execution(execution_id: str, options: LandingOptions) -> int:
    """Take results off their canvases and say what stays."""
    async with _landings(execution_id, options) as landings:
        reverted = await landings.undo(execution_id)
    if options.json:
        tell_json({"execution_id": execution_id, "canvases": msgspec.to_builtins(reverted)})
    else:
        lines = [line for one in reverted for line in _reverted_lines(one)]
        tell("\n".join(lines) or f"nothing of {execution_id} is on a canvas")
    return codes.WITH_ERRORS if any(one.problem for one in reverted) else codes.OK


def show_outcome(outcome: Outcome, palette: Palette) -> None:
    """Print what an apply did, with colours as a palette names them."""
    _tell([line for applied in outcome.canvases for line in _applied_lines(applied, palette)], outcome)
    if any(applied.backup for applied in outcome.canvases):
        note(f"`parallel-agents undo {outcome.execution_id}` takes it off again")


@asynccontextmanager
async def _landings(execution_id: str, options: LandingOptions) -> AsyncGenerator[CanvasLandings]:
    async with reading(options.config, options.journal) as executor:
        await executor.executions.record(execution_id)  # before a journal is made that nobody needs
        yield CanvasLandings(executor.journal)


def _tell(lines: Iterable[str], outcome: Outcome) -> None:
    shown = [*lines, *_refused_lines(outcome.refused)]
    if outcome.waiting:
        shown.append(f"waiting   {outcome.waiting}: a task before them has not ended")
    tell("\n".join(shown) or "there is nothing to put on a canvas yet")


def _applied_lines(applied: Applied, palette: Palette) -> Iterator[str]:
    yield f"canvas    {applied.canvas}"
    if applied.problem is not None:
        yield f"problem   {one_line(applied.problem)}"
    elif applied.nodes_added or applied.edges_added or applied.recoloured:
        yield f"nodes     {applied.nodes_before} → {applied.nodes_after}"
        yield f"edges     {applied.edges_before} → {applied.edges_after}"
        if applied.recoloured:
            yield f"coloured  {applied.recoloured}"
        yield from (f"note      {path}" for path in applied.files)
        if applied.checked is not None:
            yield from _checked_lines(applied.checked, palette, is_sound=applied.is_sound)
        if applied.merged:
            yield f"joined    {applied.merged} versions that other programs wrote meanwhile"
        if applied.backup is not None:
            yield f"backup    {applied.backup}"
    else:
        yield "unchanged nothing is missing on it"
    yield from _refused_lines(applied.refused)


def _checked_lines(checked: Checked, palette: Palette, *, is_sound: bool | None) -> Iterator[str]:
    """What was found when the canvas was read back: colours before and after, and what is wrong."""
    before = named_colours(checked.colours_before or {}, palette)
    after = named_colours(checked.colours_after, palette)
    for colour in sorted(before.keys() | after.keys()):
        if before.get(colour, 0) != after.get(colour, 0):
            yield f"colour    {colour_word(colour)}: {before.get(colour, 0)} → {after.get(colour, 0)}"
    if is_sound:
        yield "checked   all of it is there, its notes open, nothing new overlaps"
    yield from (f"missing   {one}" for one in checked.missing)
    yield from (f"dangling  {one}" for one in checked.dangling)
    yield from (f"overlaps  {one.node_id}, {one.other_id}" for one in checked.overlaps)
    yield from (f"does not open: node {one.node_id}: {one.reason}" for one in checked.unopened)


def _review_lines(review: Review) -> Iterator[str]:
    yield f"canvas    {review.canvas}"
    if review.problem is not None:
        yield f"problem   {one_line(review.problem)}"
    for proposal in review.proposals:
        yield from _proposal_lines(proposal)
    if review.problem is None and not _has_something(review):
        yield "unchanged nothing is missing on it"
    yield from _refused_lines(review.refused)


def _proposal_lines(proposal: Proposal) -> Iterator[str]:
    if proposal.nodes or proposal.edges or proposal.recolour:
        yield f"task      {proposal.task_id}: {proposal.agent_name}, node {proposal.node_id}"
    for node in proposal.nodes:
        told = one_line(str(node.get("text") or node.get("file") or ""))
        shown = told if len(told) <= _WORDS_SHOWN else told[:_WORDS_SHOWN] + "…"
        yield f"node      {node['x']}, {node['y']}  {shown}".rstrip()
    if proposal.edges:
        yield f"edges     {len(proposal.edges)}"
    yield from (f"note      {file.path}" for file in proposal.files)
    yield from (f"colour    {node_id}: {code}" for node_id, code in proposal.recolour.items())


def _has_something(review: Review) -> bool:
    return any(proposal.nodes or proposal.edges or proposal.recolour for proposal in review.proposals)


def _refused_lines(refused: Iterable[Refused]) -> Iterator[str]:
    for one in refused:
        about = f"node {one.node_id}" if one.node_id else one.task_id
        yield f"refused   {about}: {one_line(one.reason)}"


def _reverted_lines(reverted: Reverted) -> Iterator[str]:
    yield f"canvas    {reverted.canvas}"
    if reverted.problem is not None:
        yield f"problem   {one_line(reverted.problem)}"
        return
    yield f"removed   {reverted.nodes_removed} nodes, {reverted.edges_removed} edges, {len(reverted.files)} notes"
    if reverted.recoloured:
        yield f"coloured  {reverted.recoloured}"
    if reverted.is_exact:
        yield "exact     it is byte for byte what it was before"
    if reverted.trash is not None:
        yield f"notes     {reverted.trash}"
    yield from (f"kept      {kept.kind} {kept.name}: {kept.reason}" for kept in reverted.kept)
