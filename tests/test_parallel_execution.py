"""Batches as data: every scenario of `fixtures/batch_test_scenarios.json`, on real workers and a simulated provider.

That 100 tasks of each shipped agent give the same outputs one at a time and eight at once is shown by
`endtoend/test_parallel_equals_serial.py`, that eight at once are faster and the figures say by how much by
`endtoend/test_on_the_simulator.py`.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.scenarios.checks import CHECKS, check_everything, contraries
from tests.scenarios.model import FILE, Expectation, Scenario, read_book
from tests.scenarios.stage import SimulatedModel, Stage

import parallel_agents
from parallel_agents import ParallelAgentExecutor

BOOK = read_book()
CRITERIA = {f"AC{number}" for number in range(1, 8)}


@pytest.fixture(scope="module")
def provider() -> Generator[SimulatedModel]:
    command = [sys.executable, "-m", "parallel_agents", "simulate-provider"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().rsplit(" ", 1)[-1].strip()
        assert url.startswith("http://"), "the simulated provider did not start"
        yield SimulatedModel(url)
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize("scenario", BOOK.scenarios, ids=lambda scenario: scenario.name)
async def test_a_scenario_comes_out_as_it_says(scenario: Scenario, provider: SimulatedModel, tmp_path: Path) -> None:
    played = await Stage(scenario, BOOK, tmp_path, provider).play()
    check_everything(played)
    for name, contrary in contraries(scenario.expect):
        with pytest.raises(AssertionError):
            CHECKS[name](played, contrary)


async def test_results_that_are_mixed_up_or_left_traces_are_seen(provider: SimulatedModel, tmp_path: Path) -> None:
    by_name = {scenario.name: scenario for scenario in BOOK.scenarios}
    mixed = await Stage(by_name["four_tasks_two_at_once"], BOOK, tmp_path / "a", provider).play()
    outputs = [session["result"]["output_data"] for session in mixed.sessions]
    outputs[0]["text"], outputs[1]["text"] = outputs[1]["text"], outputs[0]["text"]
    for name in ("echo", "apart"):
        with pytest.raises(AssertionError):
            CHECKS[name](mixed, True)
    traced = await Stage(by_name["nothing_carries_over"], BOOK, tmp_path / "b", provider).play()
    traced.sessions[-1]["result"]["output_data"]["found"].append("草稿 1.txt")
    with pytest.raises(AssertionError):
        CHECKS["clean"](traced, True)
    added = await Stage(by_name["totals_of_one_agent_add_up"], BOOK, tmp_path / "c", provider).play()
    added.body["result_aggregation"]["merged_results"]["total_sub_questions"] += 1
    with pytest.raises(AssertionError):
        CHECKS["questions_add_up"](added, True)


def test_every_scenario_of_the_file_is_run() -> None:
    raw: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    (mark,) = (mark for mark in _marks() if mark.name == "parametrize")
    names = [scenario["name"] for scenario in raw["scenarios"]]
    assert [scenario.name for scenario in mark.args[1]] == names
    assert len(names) == len(set(names)) >= 30


def test_every_expectation_is_checked_and_is_made_by_some_scenario() -> None:
    names = {field.name for field in msgspec.structs.fields(Expectation)}
    assert set(CHECKS) == names
    stated = {name for scenario in BOOK.scenarios for name in names if getattr(scenario.expect, name) is not None}
    assert names - stated == set()
    for scenario in BOOK.scenarios:
        expected = scenario.expect
        assert expected.refused or (expected.status and expected.counts), scenario.name


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"expect": {', '"expct": {', "expct"),
        ('"expect": {', '"expect": {"status": 3, ', "expect.status"),
        ('"expect": {', '"expect": {"runtime": 3, ', "runtime"),
        ('"tasks": [', '"tasks": [{"agent": "echo", "count": 0}, ', "count"),
        ('"name": "a"', '"nam": "a"', "unknown field `nam`"),
    ],
)
def test_a_mistyped_scenario_is_refused_with_its_place(tmp_path: Path, old: str, new: str, place: str) -> None:
    scenario = {
        "name": "a",
        "description": "一个有错的、用来试验的场景",
        "shows": ["AC1"],
        "tasks": [{"agent": "echo"}],
    }
    book: dict[str, Any] = {
        "about": "x",
        "settings": {},
        "scenarios": [{**scenario, "expect": {"counts": {"completed": 1}}}],
    }
    text = json.dumps(book)
    path = tmp_path / "scenarios.json"
    path.write_text(text, encoding="utf-8")
    assert len(read_book(path).scenarios) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(msgspec.ValidationError, match=place.replace(".", r"\.")):
        read_book(path)


def test_the_scenarios_cover_what_they_have_to() -> None:
    sizes = {scenario.size for scenario in BOOK.scenarios}
    assert sizes >= {1, 4, 8, 10, 12, 16, 40, 200}
    at_once = {scenario.concurrency for scenario in BOOK.scenarios}
    assert at_once >= set(range(1, 11))
    shown = {word for scenario in BOOK.scenarios for word in scenario.shows}
    assert shown >= CRITERIA - {"AC6", "AC7"}


def test_the_interface_is_that_of_the_specification() -> None:
    executor = {
        "submit_batch_tasks": (["self", "tasks", "max_concurrent"], True),
        "get_execution_status": (["self", "execution_id"], True),
        "get_execution_results": (["self", "execution_id"], True),
        "cancel_execution": (["self", "execution_id"], True),
        "get_performance_metrics": (["self", "execution_id"], False),
        "configure_parallel_settings": (["self", "settings"], False),
    }
    functions = {
        "create_batch_tasks": ["canvas_path", "agent_type", "node_ids"],
        "prioritize_tasks": ["tasks", "strategy"],
        "aggregate_results": ["results", "method"],
        "handle_execution_error": ["task", "error", "retry_count"],
    }
    for name, (parameters, is_async) in executor.items():
        method = getattr(ParallelAgentExecutor, name)
        assert _positional(method) == parameters
        assert inspect.iscoroutinefunction(method) is is_async
    for name, parameters in functions.items():
        assert _positional(getattr(parallel_agents, name)) == parameters
    defaults = {"prioritize_tasks": ("strategy", "priority_queue"), "aggregate_results": ("method", "merge")}
    for name, (parameter, default) in defaults.items():
        assert inspect.signature(getattr(parallel_agents, name)).parameters[parameter].default == default
    first = next(iter(inspect.signature(ParallelAgentExecutor).parameters.values()))
    assert (first.name, first.default) == ("config_path", "config/parallel_agents.yaml")


def _positional(function: Any) -> list[str]:
    found = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in found if parameter.kind is not parameter.KEYWORD_ONLY]


def _marks() -> list[pytest.Mark]:
    return list(getattr(test_a_scenario_comes_out_as_it_says, "pytestmark"))  # noqa: B009 - the type does not know it
