"""Measure how long the command line takes to start, against the bare interpreter in the same run.

python scripts/measure_startup.py [--rounds N]

Prints the median of `python -c pass`, `parallel-agents --help`, a usage error, and a run of eight nodes offline, and
the ratio of each to the first. The runs take turns, so that a machine that gets slower is slower for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NODES = 8
TEXT = "若一个整数能被 {0} 整除，则 {0} 是它的因数，这就是整除的定义。"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        canvas = _canvas(Path(folder))
        run = ("run", str(canvas), "--agent", "basic-decomposition", "--model", "offline", "--quiet")
        commands = {
            "python -c pass": (sys.executable, "-c", "pass"),
            "parallel-agents --help": _ours("--help"),
            "parallel-agents run --wat": _ours("run", "--wat"),
            f"a run of {NODES} nodes, offline": _ours(*run),
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(_seconds(command, Path(folder)))
    floor = statistics.median(times["python -c pass"])
    print(f"{rounds} rounds, {os.cpu_count()} cores, Python {sys.version.split()[0]}")  # noqa: T201 - its output
    for name, seen in times.items():
        middle = statistics.median(seen)
        spread = f"{min(seen) * 1000:.0f}-{max(seen) * 1000:.0f}"
        print(f"{name:32} {middle * 1000:7.1f} ms ({spread} ms)  {middle / floor:5.1f} x")  # noqa: T201 - its output


def _ours(*arguments: str) -> tuple[str, ...]:
    # The installed command: `python -m` would look the package up once more.
    return (str(Path(sys.executable).with_name("parallel-agents")), *arguments)


def _seconds(command: tuple[str, ...], folder: Path) -> float:
    environ = {**os.environ, "PARALLEL_AGENTS_JOURNAL": str(folder / "journal.sqlite3")}
    began = time.perf_counter()
    subprocess.run(command, env=environ, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - began


def _canvas(folder: Path) -> Path:
    nodes = [
        {"id": f"n{number}", "type": "text", "text": TEXT.format(number + 2), "x": 0, "y": 200 * number}
        | {"width": 300, "height": 100}
        for number in range(NODES)
    ]
    path = folder / "eight.canvas"
    path.write_text(json.dumps({"nodes": nodes, "edges": []}), encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
