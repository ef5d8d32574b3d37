"""Results of any number are written in memory that does not grow with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLAT_MB = 12


def test_writing_results_takes_no_more_memory_for_many_than_for_few(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.results.stream_child", str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    grown: list[float] = []
    for number in ("500", "4000"):
        done = subprocess.run([*command, number], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        growth, written = map(float, done.stdout.split())
        grown.append(growth)
    assert written > 2 * FLAT_MB
    assert grown[1] < grown[0] + FLAT_MB, grown
