"""Somebody who edits a canvas all through a run of applies: `python -m tests.landing.meddling CANVAS SEED PAUSE`.

Reads, waits, changes one thing, writes everything that it has read, in place or by a rename, until its input ends; then
says as JSON what it has done. It keeps nothing in mind: what an apply loses of its edits stays lost.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import time
from pathlib import Path
from typing import Any


class Meddler:
    """One program with a canvas. `mine` has the places of nodes that are to be there in the end, `gone` the others."""

    def __init__(self, path: Path, seed: int, pause_s: float) -> None:
        self._path = path
        self._chance = random.Random(seed)
        self._pause_s = pause_s
        self._made = 0
        self.mine: dict[str, list[int]] = {}
        self.gone: list[str] = []
        self.writes = 0

    def edit_once(self) -> None:
        """Read, think, change one thing, write everything."""
        data = json.loads(self._path.read_bytes())
        time.sleep(self._pause_s)
        self._change(data["nodes"])
        data["edits"] = self.writes + 1
        self._write(json.dumps(data, ensure_ascii=False, indent="\t").encode())
        self.writes += 1

    def _change(self, nodes: list[dict[str, Any]]) -> None:
        action = self._chance.choice(["add", "add", "move", "delete"]) if self.mine else "add"
        if action == "add":
            self._made += 1
            node = {"id": f"mine-{self._made}", "type": "text", "text": "我的", "width": 100, "height": 60}
            nodes.append({**node, "x": -9000 + 200 * self._made, "y": -9000})
            self.mine[f"mine-{self._made}"] = [-9000 + 200 * self._made, -9000]
            return
        node_id = self._chance.choice(list(self.mine))
        if action == "move":
            self.mine[node_id][1] -= 100
            for node in nodes:
                if node["id"] == node_id:
                    node["y"] = self.mine[node_id][1]
        else:
            del self.mine[node_id]
            self.gone.append(node_id)
            nodes[:] = [node for node in nodes if node["id"] != node_id]

    def _write(self, raw: bytes) -> None:
        if self._chance.random() < 0.5:
            self._path.write_bytes(raw)
            return
        new = self._path.with_name(".meddling")
        new.write_bytes(raw)
        new.replace(self._path)


def main(path: str, seed: str, pause_s: str) -> None:
    meddler = Meddler(Path(path), int(seed), float(pause_s))
    while not select.select([sys.stdin], [], [], 0)[0]:
        meddler.edit_once()
    told = {"mine": meddler.mine, "gone": meddler.gone, "writes": meddler.writes}
    os.write(1, json.dumps(told).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
