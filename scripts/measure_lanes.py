"""Measure how well a run keeps a provider's limits, against the simulated provider's own ideal.

python scripts/measure_lanes.py limits [--tasks 600] [--rpm 1200] [--burst 20] [--at-once 5] [--latency 0.1]
python scripts/measure_lanes.py waiting [--latency 3] [--timeout 5]

`limits`: so many tasks wait for a token bucket. `waiting`: eight tasks at once for a provider that takes one at a time
and answers after `--latency`, with a time limit that an attempt would pass if its waiting counted. The provider and the
run are the commands themselves, in processes of their own. Prints what was observed, and exits with 1 where the figures
are not what they should be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "parallel_agents"]
MOST_OF_THE_IDEAL = 1.08
MOST_REFUSED = 0.02


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["limits", "waiting"])
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--rpm", type=float, default=1200)
    parser.add_argument("--burst", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=5)
    parser.add_argument("--latency", type=float)
    parser.add_argument("--timeout", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return limits(options, Path(folder)) if options.what == "limits" else waiting(options, Path(folder))


def limits(options: argparse.Namespace, folder: Path) -> int:
    """Run against a token bucket."""
    tasks, latency_s = options.tasks or 600, 0.1 if options.latency is None else options.latency
    limited = ["--rpm", options.rpm, "--burst", options.burst, "--max-at-once", options.at_once]
    with provider("--latency", latency_s, *limited) as url:
        document, code, seen = run(url, folder, tasks, options.at_once, timeout_s=60)
    refused = seen["by_status"].get("429", 0)
    charged = sum(line["charged"] for line in history(document))
    share = refused / seen["requests"]
    told("exit code", code)
    told("answered", seen["answered"])
    told("wall s, first request to last answer", round(seen["wall_s"], 2))
    told("ideal s, by the provider", round(seen["ideal_s"], 2))
    told("wall / ideal", round(seen["wall_s"] / seen["ideal_s"], 3))
    told("429", f"{refused} of {seen['requests']} ({share:.1%})")
    told("came back too early", seen["early_returns"])
    told("failed attempts that were charged", charged)
    told_times(document)
    is_good = seen["wall_s"] <= MOST_OF_THE_IDEAL * seen["ideal_s"] and share < MOST_REFUSED
    is_good = is_good and not seen["early_returns"] and not charged and seen["answered"] == tasks
    return verdict(is_good)


def waiting(options: argparse.Namespace, folder: Path) -> int:
    """Run against a provider that takes one request at a time, with a time limit that waiting would pass."""
    tasks, latency_s = options.tasks or 8, 3.0 if options.latency is None else options.latency
    with provider("--latency", latency_s, "--max-at-once", 1, "--retry-after", "ms") as url:
        document, code, seen = run(url, folder, tasks, 8, timeout_s=options.timeout)
    errors = history(document)
    told("exit code", code)
    told("answered", f"{seen['answered']} of {tasks}")
    told("wall s, first request to last answer", round(seen["wall_s"] or 0, 2))
    told("ideal s, by the provider", round(seen["ideal_s"] or 0, 2))
    told("429", f"{seen['by_status'].get('429', 0)} of {seen['requests']}")
    told("errors in the history", len(errors))
    for line in errors[:3]:
        told("  one of them", line)
    told_times(document)
    return verdict(code == 0 and not errors and seen["answered"] == tasks)


@contextmanager
def provider(*options: object) -> Generator[str]:
    """Serve a simulated provider in a process of its own; gives its address."""
    command = [*COMMAND, "simulate-provider", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            yield first.split(" on ")[1].strip()
        finally:
            process.terminate()


def run(url: str, folder: Path, tasks: int, at_once: int, *, timeout_s: int) -> tuple[Any, int, Any]:
    """Run a batch; returns its document, the exit code and what the provider counted."""
    source, result, chosen = folder / "tasks.jsonl", folder / "result.json", folder / "config.yaml"
    source.write_text("".join(_task(number) for number in range(tasks)), encoding="utf-8")
    chosen.write_text(
        "parallel_processing:\n"
        f"  max_concurrent_limit: {max(10, at_once)}\n"
        f"  process_pool:\n    task_timeout_seconds: {timeout_s}\n"
        f"  agent_configs:\n    basic-decomposition:\n      max_concurrent: {at_once}\n"
        f"      timeout_seconds: {timeout_s}\n",
        encoding="utf-8",
    )
    command = [*COMMAND, "run", source, "--model", "openai:simulated", "--max-concurrent", at_once, "--quiet"]
    command += ["--journal", folder / "journal.db", "--output", result, "--config", chosen]
    environ = os.environ | {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "simulated", "PARALLEL_AGENTS_LANG": "en"}
    ended = subprocess.run(list(map(str, command)), env=environ, check=False, cwd=folder, stdout=subprocess.DEVNULL)
    with urllib.request.urlopen(f"{url}/stats", timeout=10) as answer:
        seen = json.load(answer)
    return json.loads(result.read_text(encoding="utf-8")), ended.returncode, seen


def sessions(document: Any) -> list[Any]:
    """Return the sessions of a document."""
    return document["parallel_agent_execution"]["agent_execution_sessions"]


def history(document: Any) -> list[Any]:
    """Return what is told of every attempt that failed."""
    return [line for session in sessions(document) for line in session["error_handling"]["error_history"]]


def told_times(document: Any) -> None:
    """Print waiting apart from working."""
    for name in ("execution_duration_ms", "waited_ms"):
        told(f"sum of {name}", sum(session.get(name) or 0 for session in sessions(document)))


def told(name: str, value: object) -> None:
    """Print a figure."""
    print(f"{name:<40} {value}")  # noqa: T201 - its output


def verdict(is_good: bool) -> int:
    """Print and return the end."""
    told("as it should be", "yes" if is_good else "NO")
    return 0 if is_good else 1


def _task(number: int) -> str:
    text = f"命题 {number}：原命题与逆否命题的真值相同，因此等价；逆命题与否命题也彼此等价。"
    given = {"material_content": text, "topic": f"命题 {number}"}
    line = {"task_id": f"t{number}", "agent_name": "basic-decomposition", "input_data": given}
    return json.dumps(line, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
