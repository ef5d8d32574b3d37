"""Applies while somebody else edits the canvas: one run of it, in a test or at full length in a script."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from tests.landing.scene import (
    EXECUTION,
    Given,
    a_material,
    edges_of,
    explanation,
    finish,
    landings_on,
    make_vault,
    nodes_of,
    notes_in,
    questions,
    submit,
)

from parallel_agents.journal import SqliteJournal
from parallel_agents.landing import Outcome

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0


class Meddled(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen: edits of the other program, applies that were not whole, and what is wrong in the end."""

    applies: int
    writes: int
    started_over: int
    joined: int
    not_whole: tuple[str, ...]
    wrong: tuple[str, ...]


@contextmanager
def _meddling(canvas: Path, seed: int, pause_s: float) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.landing.meddling", str(canvas), str(seed), str(pause_s)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def meddled_run(folder: Path, results: int, *, pause_s: float, seed: int = 1) -> Meddled:
    """Let results come in one by one, each applied until another program has edited the canvas once more."""
    canvas = make_vault(folder, *(a_material(f"材料 {number}", y=900 * number) for number in range(results)))
    outputs = [explanation() if number % 3 == 2 else questions(3) for number in range(results)]
    agents = ["oral-explanation" if "markdown" in output else "basic-decomposition" for output in outputs]
    journal = SqliteJournal(folder / "journal.sqlite3")
    journal.start()
    landings = landings_on(journal, folder)
    keys = await submit(journal, [Given(agent, f"材料 {at}", None, canvas) for at, agent in enumerate(agents)])
    seen: list[Outcome] = []
    with _meddling(canvas, seed, pause_s) as process:
        for key, output in zip(keys, outputs, strict=True):
            await finish(journal, key, output)
            edited = _edits_of(canvas)
            while _edits_of(canvas) == edited:
                seen.append(await landings.apply(EXECUTION))
        told, _ = process.communicate(timeout=60)
    last = await landings.apply(EXECUTION)
    noted = journal.read_now(lambda reader: reader.landings(EXECUTION))
    await journal.aclose()
    return Meddled(
        applies=len(seen),
        writes=json.loads(told)["writes"],
        started_over=sum(landing.state == "dropped" for landing in noted),
        joined=sum(applied.merged for one in seen for applied in one.canvases),
        not_whole=tuple(_told(one) for one in seen if not one.is_whole),
        wrong=(*([] if last.is_whole else [_told(last)]), *_wrong(canvas, outputs, json.loads(told))),
    )


def _edits_of(canvas: Path) -> int:
    """How often the other program has written, as it says in the canvas itself, which may be half there just now."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        # On a busy machine the other program may be kept waiting between emptying the file and filling it.
        with suppress(ValueError):
            return int(json.loads(canvas.read_bytes()).get("edits", 0))
    raise AssertionError(f"{canvas} is no JSON any more")


def _told(outcome: Outcome) -> str:
    return "; ".join(str(applied.problem or applied.checked) for applied in outcome.canvases)


def _wrong(canvas: Path, outputs: list[dict[str, Any]], told: dict[str, Any]) -> list[str]:
    """Every edit of the other program and every result of ours that is not there exactly once."""
    raw = json.loads(canvas.read_bytes())
    counted = Counter(node["id"] for node in raw["nodes"]) + Counter(edge["id"] for edge in raw["edges"])
    nodes = nodes_of(canvas)
    wrong = [f"{one} is there {number} times" for one, number in counted.items() if number > 1]
    for node_id, (x, y) in told["mine"].items():
        if node_id not in nodes:
            wrong.append(f"{node_id} is lost")
        elif [nodes[node_id]["x"], nodes[node_id]["y"]] != [x, y]:
            wrong.append(f"{node_id} is not where it was moved to")
    wrong += [f"{node_id} has come back" for node_id in told["gone"] if node_id in nodes]
    explanations = sum("markdown" in output for output in outputs)
    asked = 3 * (len(outputs) - explanations)
    expected = len(outputs) + 2 * asked + 2 * explanations + len(told["mine"])
    found = (len(nodes), len(edges_of(canvas)), len(notes_in(canvas.parent)))
    if found != (expected, 2 * asked + 2 * explanations, explanations):
        wrong.append(f"nodes, edges and notes are {found}")
    return wrong
