"""What holds on any canvas, in whatever manner it is written, through journal, disk and back."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.canvas.random_canvases import Draw, canvases, raw_of
from tests.landing.scene import (
    EXECUTION,
    Given,
    everything_below,
    explanation,
    landings_on,
    make_vault,
    questions,
    score,
    submit,
)

from parallel_agents.canvas.document import Document, document_of
from parallel_agents.journal import SqliteJournal
from parallel_agents.landing import Outcome, Reverted

AGENTS: dict[str, dict[str, Any]] = {
    "basic-decomposition": questions(3),
    "deep-decomposition": questions(4),
    "oral-explanation": explanation(),
    "scoring-agent": score(),
}


@st.composite
def scenes(draw: Draw) -> tuple[bytes, list[tuple[str, str]], bool]:
    """A canvas, results for some of its nodes, and whether colours are asked for."""
    raw = raw_of(draw(canvases()), bom=draw(st.booleans()))
    ids = [node.node_id for node in document_of(Path("图.canvas"), raw).canvas.nodes] or ["nobody"]
    chosen = draw(st.lists(st.tuples(st.sampled_from(sorted(AGENTS)), st.sampled_from(ids)), max_size=4))
    return raw, chosen, draw(st.booleans())


class Seen:
    """The folder of a vault through apply, apply again, and undo."""

    def __init__(self, folder: Path, raw: bytes) -> None:
        self._folder = folder
        self.canvas = make_vault(folder)
        self.canvas.write_bytes(raw)
        self.states = [everything_below(self.canvas.parents[1])]

    async def go_through(self, chosen: list[tuple[str, str]], *, recolour: bool) -> tuple[Outcome, Reverted | None]:
        journal = SqliteJournal(":memory:")
        journal.start()
        try:
            await submit(journal, [Given(agent, node, AGENTS[agent], self.canvas) for agent, node in chosen])
            landings = landings_on(journal, self._folder)
            outcome = await landings.apply(EXECUTION, recolour=recolour)
            self.states.append(everything_below(self.canvas.parents[1]))
            await landings.apply(EXECUTION, recolour=recolour)
            self.states.append(everything_below(self.canvas.parents[1]))
            reverted = await landings.undo(EXECUTION)
            self.states.append(everything_below(self.canvas.parents[1]))
            return outcome, next(iter(reverted), None)
        finally:
            await journal.aclose()


@given(scenes())
@settings(max_examples=60)
def test_apply_and_undo_give_the_bytes_from_before_and_a_second_apply_changes_nothing(
    scene: tuple[bytes, list[tuple[str, str]], bool],
) -> None:
    raw, chosen, recolour = scene
    with tempfile.TemporaryDirectory() as folder:
        seen = Seen(Path(folder), raw)
        outcome, reverted = asyncio.run(seen.go_through(chosen, recolour=recolour))
        before, applied, again, undone = seen.states
        path = seen.canvas

        assert again == applied
        assert undone == before
        assert reverted is None or (reverted.is_exact and not reverted.kept)
        assert outcome.is_whole or _is_ambiguous(outcome)
        new = document_of(path, applied["离散/图 论.canvas"] or b"")
        _assert_what_was_there_stands(document_of(path, raw), new, recolour=recolour)


def _is_ambiguous(outcome: Outcome) -> bool:
    """A list or key that stands twice: an edit of it is refused, and the canvas left as it is."""
    return all("times" in str(applied.problem) for applied in outcome.canvases)


def _assert_what_was_there_stands(before: Document, after: Document, *, recolour: bool) -> None:
    for name in ("nodes", "edges"):
        old, new = before.data.get(name, []), after.data.get(name, [])
        assert [_plain(item, recolour=recolour) for item in new[: len(old)]] == [
            _plain(item, recolour=recolour) for item in old
        ]
        added = [item["id"] for item in new[len(old) :]]
        assert len(set(added)) == len(added)


def _plain(item: dict[str, Any], *, recolour: bool) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "color" or not recolour}
