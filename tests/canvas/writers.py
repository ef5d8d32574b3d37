"""Programs that write canvases, and that tests kill: `python -m tests.canvas.writers NAME ARGUMENT…`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from tests.canvas.desk import adding

from parallel_agents.canvas.statefolder import StateFolder
from parallel_agents.canvas.writing import Manner, Point, write_canvas
from parallel_agents.core.errors import CanvasWriteError


def state_in(folder: str) -> StateFolder:
    return StateFolder(Path(folder), now=time.monotonic)


def die_at(point: str, path: str, state: str) -> None:
    """Write a canvas; be killed at one point of it."""

    def reach(reached: Point) -> None:
        if reached == int(point):
            os.kill(os.getpid(), signal.SIGKILL)

    write_canvas(Path(path), adding("丙", "丁"), state=state_in(state), manner=Manner(on_point=reach))


def hold(path: str, state: str) -> None:
    """Say that the canvas is locked, and hold it."""

    def reach(reached: Point) -> None:
        if reached is Point.LOCKED:
            os.write(1, b"locked\n")
            sys.stdin.readline()

    write_canvas(Path(path), adding("丙"), state=state_in(state), manner=Manner(on_point=reach))


def fill_the_disk(folder: str, state: str) -> None:
    """Write a canvas on a disk without room for a second one; tell what was said and whether it is whole."""
    path = Path(folder, "图.canvas")
    text = "x" * 300_000
    path.write_text(f'{{"nodes": [{{"id": "甲", "type": "text", "text": "{text}"}}]}}', encoding="utf-8")
    before = path.read_bytes()
    Path(folder, "room").write_bytes(b"\0" * 500_000)
    try:
        write_canvas(path, adding("丙"), state=state_in(state))
    except CanvasWriteError as error:
        names = sorted(one.name for one in Path(folder).iterdir())
        os.write(1, f"{error}\n{path.read_bytes() == before}\n{names}\n".encode())


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
