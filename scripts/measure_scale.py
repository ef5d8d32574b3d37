"""Measure how the engine bears many tasks, and who starts when many wait; each figure beside its bound.

python scripts/measure_scale.py [--tasks N] [--tasks-per-worker N] [--only engine|stream|queue] [--json]

The engine is a program of its own with real workers and a journal on disk, under the settings that ship; its agent does
nothing. One run goes through N tasks undisturbed: its memory (as the kernel keeps the highest of it) and what it spends
of the CPU on the first and on the last tenth. Another is killed with SIGKILL early, with at least N tasks waiting, and
a second process resumes it: the seconds from the start of that process to its first attempt. A third takes N tasks from
a source that yields them one by one, and its memory must not grow with their number.

The queue is measured with `--low` tasks waiting, under a stream of `high` ones, and beside a batch of `--large` tasks
that takes all slots. A slot's time is how long one attempt of the others takes. Exit code 1: a bound is not held.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import scalequeue

from parallel_agents import ParallelAgentExecutor

PROGRAM = Path(__file__).with_name("scaleprogram.py")
KILLED_AFTER = 500
GONE_ON = 1000


class Figure(NamedTuple):
    """What was measured, and the most it may be; None where it is told and not bounded."""

    name: str
    value: float
    at_most: float | None
    unit: str
    says: str

    @property
    def held(self) -> bool:
        """Whether it is within its bound."""
        return self.at_most is None or self.value <= self.at_most


class Engine:
    """One run of the program that is measured, and what it tells."""

    def __init__(self, journal: Path, verb: str, what: str, *, every: int, per_worker: int | None) -> None:
        command = [sys.executable, str(PROGRAM), str(journal), verb, what, "--every", str(every)]
        if per_worker is not None:
            command += ["--tasks-per-worker", str(per_worker)]
        self.began = time.monotonic()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True)

    def lines(self) -> Iterator[dict[str, Any]]:
        """What it tells, as it tells it. Raises `RuntimeError` when it ends otherwise than by its own last line."""
        if self._process.stdout is None:
            raise RuntimeError("the program has no output")
        for line in self._process.stdout:
            found = json.loads(line)
            yield found
            if found["what"] == "ended":
                return
        raise RuntimeError(f"the engine ended by itself, with exit code {self._process.wait()}")

    def kill(self) -> None:
        """Kill its own process, and nothing else, with SIGKILL."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Wait for its end."""
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def main() -> int:
    """Measure and print; returns the exit code."""
    arguments = _arguments()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only in {None, "stream"}:
            figures += stream(Path(folder) / "stream.sqlite3", arguments.tasks, arguments.tasks_per_worker)
        if arguments.only in {None, "engine"}:
            figures += whole_run(Path(folder) / "whole.sqlite3", arguments.tasks, arguments.tasks_per_worker)
            figures += restart(Path(folder) / "restart.sqlite3", arguments.tasks, arguments.tasks_per_worker)
        if arguments.only in {None, "queue"}:
            sizes = scalequeue.Sizes(arguments.low, arguments.large, arguments.ageing, arguments.nap)
            figures += queue(asyncio.run(scalequeue.measure(Path(folder), sizes)), sizes)
    held = all(figure.held for figure in figures)
    if arguments.json:
        _say(json.dumps({"held": held, "figures": [{**figure._asdict(), "held": figure.held} for figure in figures]}))
        return 0 if held else 1
    _say(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    for figure in figures:
        bound = "" if figure.at_most is None else f"  (at most {figure.at_most:,g}: {_word(figure.held)})"
        _say(f"{figure.says:62} {figure.value:12,.2f} {figure.unit:5}{bound}")
    return 0 if held else 1


def whole_run(journal: Path, tasks: int, per_worker: int | None) -> list[Figure]:
    """Run a batch undisturbed."""
    tenth = tasks // 10
    engine = Engine(journal, "submit", str(tasks), every=tenth, per_worker=per_worker)
    told = list(engine.lines())
    engine.close()
    start, end = next(line for line in told if line["what"] == "submitted"), told[-1]
    # Marks told before the submission returned have no place of their own in its order.
    spent = {line["settled"]: line["cpu_s"] for line in told if line["what"] == "settled"}
    wall_s = time.monotonic() - engine.began
    first = (spent[tenth] - start["cpu_s"]) / (tenth - start["settled"]) * 1000
    last = (spent[10 * tenth] - spent[9 * tenth]) / tenth * 1000
    grown = end["rss_mb"] - next(line["rss_mb"] for line in told if line["settled"] == tenth)
    return [
        Figure("wall_s", wall_s, None, "s", f"{tasks:,} tasks that do nothing, from end to end"),
        Figure("not_completed", tasks - end["queue"]["completed_tasks"], 0, "", "tasks of them that did not complete"),
        Figure("peak_rss_mb", end["peak_rss_mb"], 300, "MB", "the engine's memory, the highest"),
        Figure("rss_growth_mb", grown, None, "MB", "the engine's memory, its growth after the first tenth"),
        Figure("first_cpu_ms", first, None, "ms", f"the engine's CPU per task, first {tenth:,}"),
        Figure("last_cpu_ms", last, None, "ms", f"the engine's CPU per task, last {tenth:,}"),
        Figure("cpu_ratio", last / first, 1.3, "x", "the last against the first"),
    ]


def restart(journal: Path, tasks: int, per_worker: int | None) -> list[Figure]:
    """Kill an engine that has more than `tasks` waiting, and resume in a second process."""
    total = tasks + 2 * KILLED_AFTER
    killed = Engine(journal, "submit", str(total), every=KILLED_AFTER, per_worker=per_worker)
    execution_id, settled = "", 0
    for line in killed.lines():
        execution_id = line.get("execution_id", execution_id)
        settled = line["settled"]
        if settled >= KILLED_AFTER and execution_id:
            break
    killed.kill()
    # Nobody looks into the journal in between: that would do a part of the second engine's work.
    second = Engine(journal, "resume", execution_id, every=GONE_ON, per_worker=per_worker)
    first_at, peak_mb, waiting = 0.0, 0.0, 0
    for line in second.lines():
        peak_mb = line["peak_rss_mb"]
        waiting = line.get("queue", {}).get("pending_tasks", waiting)
        if line["what"] == "began":
            first_at = time.monotonic() - second.began
        if line["settled"] >= GONE_ON:
            settled += line["settled"]
            break
    second.kill()
    queue = asyncio.run(_standing(journal, execution_id))
    # What settled and was not told yet when an engine was killed is completed too.
    lost = max(0, settled - queue["completed_tasks"])
    return [
        Figure("waiting", waiting, None, "", "tasks waiting when a killed engine's work was taken up"),
        Figure("restart_s", first_at, 5, "s", "from the start of a second process to its first attempt"),
        Figure("restart_rss_mb", peak_mb, 300, "MB", "the second engine's memory, the highest"),
        Figure("lost", lost, 0, "", "tasks told as settled that were not, after another kill"),
        Figure("missing", total - queue["total_tasks"], 0, "", "tasks missing"),
    ]


def stream(journal: Path, tasks: int, per_worker: int | None) -> list[Figure]:
    """Run a batch whose tasks come from a source one by one."""
    tenth = tasks // 10
    engine = Engine(journal, "stream", str(tasks), every=tenth, per_worker=per_worker)
    told = list(engine.lines())
    engine.close()
    end = told[-1]
    grown = end["rss_mb"] - next(line["rss_mb"] for line in told if line["settled"] == tenth)
    return [
        Figure(
            "stream_not_completed", tasks - end["queue"]["completed_tasks"], 0, "", "tasks of a source not completed"
        ),
        Figure("stream_peak_rss_mb", end["peak_rss_mb"], 300, "MB", "the engine's memory, the highest"),
        Figure("stream_growth_mb", grown, 20, "MB", "the engine's memory, its growth after the first tenth"),
    ]


def queue(found: dict[str, float], sizes: scalequeue.Sizes) -> list[Figure]:
    """Put figures of the queue beside their bounds."""

    def figure(name: str, says: str, *, unit: str = "", at_most: float | None = None) -> Figure:
        return Figure(name, found[name], at_most, unit, says)

    return [
        figure("low_waiting", "low tasks waiting when an urgent one came"),
        figure("low_before_urgent", "low tasks that started before it", at_most=0),
        figure("high_before_low", f"high tasks started while two low ones waited, {sizes.ageing_s:g} s"),
        figure("high_after_overdue", "of them after both were overdue"),
        figure("low_waited_s", "the later of the two waited", unit="s"),
        figure("low_slots_late", "longer than that, in slots' time", unit="slots", at_most=2),
        figure("low_too_early_s", "the earlier one started before it was overdue, by", unit="s", at_most=0),
        figure("large_waiting", "tasks of a large batch waiting, all slots taken"),
        figure("alone_s", "ten urgent tasks alone, mean", unit="s"),
        figure("beside_s", "ten urgent tasks beside the large batch, the worst", unit="s"),
        figure("slots_later", "the difference, in slots' time", unit="slots", at_most=2),
    ]


async def _standing(journal: Path, execution_id: str) -> dict[str, Any]:
    async with ParallelAgentExecutor(journal=journal, environ={}) as executor:
        return (await executor.executions.standing(execution_id))["task_queue"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--tasks-per-worker", type=int, default=None)
    parser.add_argument("--only", choices=("engine", "stream", "queue"), default=None)
    parser.add_argument("--low", type=int, default=5_000)
    parser.add_argument("--large", type=int, default=20_000)
    parser.add_argument("--ageing", type=float, default=10.0)
    parser.add_argument("--nap", type=float, default=0.25)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _word(held: bool) -> str:
    return "held" if held else "NOT HELD"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
