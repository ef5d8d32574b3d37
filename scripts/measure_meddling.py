"""Applies results while another program edits the canvas all the time, and counts what is lost.

    uv run python scripts/measure_meddling.py [--full] [--seeds N]

Without `--full` ten results and an edit every 0.1 s, with it fifty and an edit every 0.3 s; each result is applied
until the other program has edited once more. Exit code 1 when in the end anything of either side is not there once.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.landing.meddled import meddled_run


def main() -> int:
    """Run as often as asked for, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="fifty results, an edit every 0.3 s")
    parser.add_argument("--seeds", type=int, default=1, help="how many runs")
    options = parser.parse_args()
    results, pause_s = (50, 0.3) if options.full else (10, 0.1)
    wrong = 0
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            seen = asyncio.run(meddled_run(Path(folder), results, pause_s=pause_s, seed=seed))
        sys.stdout.write(
            f"seed {seed}: {seen.applies} applies, {seen.writes} edits of the other program; {seen.started_over} tries "
            f"started over, {seen.joined} joined in, {len(seen.not_whole)} not whole for the moment; "
            f"wrong in the end: {', '.join(seen.wrong) or 'nothing'}\n"
        )
        wrong += len(seen.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
