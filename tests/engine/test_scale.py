"""Many tasks and who starts when, as `scripts/measure_scale.py` sees it: the same program with fewer tasks.

What is a matter of time is measured at full size; here stands what has to hold on any machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "measure_scale.py"
TASKS, LOW, LARGE = 2000, 1500, 1500
GROWTH_MB = 12


def measured(*arguments: str) -> dict[str, float]:
    command = [sys.executable, str(SCRIPT), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode in {0, 1}, done.stderr
    assert done.stderr == ""
    return {figure["name"]: figure["value"] for figure in json.loads(done.stdout)["figures"]}


@pytest.fixture(scope="module")
def engine() -> dict[str, float]:
    return measured("--only", "engine", "--tasks", str(TASKS), "--tasks-per-worker", "200")


@pytest.fixture(scope="module")
def queue() -> dict[str, float]:
    return measured("--only", "queue", "--low", str(LOW), "--large", str(LARGE), "--ageing", "1", "--nap", "0.1")


def test_the_engine_goes_through_many_tasks_in_memory_that_does_not_grow_with_them(engine: dict[str, float]) -> None:
    assert engine["not_completed"] == 0
    assert engine["rss_growth_mb"] < GROWTH_MB


def test_a_source_of_any_number_of_tasks_goes_through_in_memory_that_does_not_grow_with_them() -> None:
    found = measured("--only", "stream", "--tasks", str(TASKS), "--tasks-per-worker", "200")

    assert found["stream_not_completed"] == 0
    assert found["stream_growth_mb"] < GROWTH_MB


def test_after_a_kill_with_many_waiting_a_second_engine_goes_on_and_loses_none(engine: dict[str, float]) -> None:
    assert engine["waiting"] > TASKS
    assert engine["restart_s"] > 0
    assert (engine["lost"], engine["missing"]) == (0, 0)


def test_an_urgent_task_starts_before_every_low_one_that_waits(queue: dict[str, float]) -> None:
    assert (queue["low_waiting"], queue["low_before_urgent"]) == (LOW, 0)


def test_under_a_stream_of_high_ones_a_low_task_waits_its_time_and_starts_while_they_go_on(
    queue: dict[str, float],
) -> None:
    assert queue["low_too_early_s"] == 0
    assert queue["high_before_low"] > queue["high_after_overdue"] > 0


def test_a_small_urgent_batch_ends_while_the_large_one_beside_it_waits(queue: dict[str, float]) -> None:
    assert queue["beside_s"] > 0
    assert LARGE / 2 < queue["large_waiting"] < LARGE
