"""The run over everything says what it saw: a failure, a criterion without a test, a file that cannot be read."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.run_comprehensive_tests import CRITERIA, ONLY_AS_A_WHOLE, SCENARIO_TEST, TESTS, scenarios_in, shows

PASSES = "def test_it():\n    assert True\n"
FAILS = "def test_it():\n    assert False\n"
SKIPS = "import pytest\n\n\ndef test_it():\n    pytest.skip('no reason')\n"
FAILS_LATE = """
import pytest

@pytest.fixture
def thing():
    yield
    raise OSError

def test_it(thing):
    pass
"""
PYTEST_INI = "[pytest]\naddopts = --import-mode=importlib\nasyncio_default_fixture_loop_scope = function\n"
FILES = {
    "api/test_a.py": PASSES,
    "workers/test_process_pool.py": PASSES,
    "workers/test_workdir.py": PASSES,
    "journal/test_a.py": PASSES,
    "mistakes/test_a.py": PASSES,
    "core/test_metrics.py": PASSES,
}


def comprehensive(folder: Path, changes: dict[str, str | None], *more: str) -> tuple[int, dict[str, Any], str]:
    (folder / "pytest.ini").write_text(PYTEST_INI, encoding="utf-8")
    for name, content in {**FILES, **changes}.items():
        if content is not None:
            path = folder / "tests" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    report = folder / "report.json"
    program = TESTS / "run_comprehensive_tests.py"
    done = subprocess.run(
        [sys.executable, program, "--tests", folder / "tests", "--json", report, *more],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(report.read_text(encoding="utf-8")), done.stdout


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {criterion: found["verdict"] for criterion, found in report.items()}


def test_when_every_criterion_has_tests_and_all_pass_it_says_so(tmp_path: Path) -> None:
    code, report, out = comprehensive(tmp_path, {})
    assert (code, verdicts(report)) == (0, dict.fromkeys(CRITERIA, "passed"))
    assert {criterion: found["passed"] for criterion, found in report.items()} == {
        **dict.fromkeys(CRITERIA, 1),
        "AC4": 2,
        "AC7": len(FILES),
    }
    assert "AC6  passed     1 tests passed" in out


def test_a_failing_test_fails_its_criteria_and_the_run(tmp_path: Path) -> None:
    code, report, out = comprehensive(tmp_path, {"journal/test_a.py": FAILS})
    assert code == 1
    assert verdicts(report) == {**dict.fromkeys(CRITERIA, "passed"), "AC4": "failed", "AC7": "failed"}
    assert report["AC4"]["failures"] == ["tests/journal/test_a.py::test_it (call)"]
    assert "failed: tests/journal/test_a.py::test_it (call)" in out


@pytest.mark.parametrize(
    ("content", "verdict"),
    [(None, "not shown"), (SKIPS, "not shown"), (FAILS_LATE, "failed"), ("import nowhere\n", "failed")],
)
def test_a_criterion_without_a_test_that_passed_is_not_shown(tmp_path: Path, content: str | None, verdict: str) -> None:
    code, report, _ = comprehensive(tmp_path, {"mistakes/test_a.py": content}, "--only", "AC5")
    assert (code, verdicts(report)) == (1, {"AC5": verdict})


def test_only_what_is_asked_for_is_run(tmp_path: Path) -> None:
    code, report, _ = comprehensive(tmp_path, {"journal/test_a.py": FAILS}, "--only", "AC1", "--only", "AC2")
    assert (code, verdicts(report)) == (0, {"AC1": "passed", "AC2": "passed"})
    assert report["AC1"]["passed"] == report["AC2"]["passed"] == 1


def test_a_file_that_cannot_be_read_fails_the_whole_run(tmp_path: Path) -> None:
    code, report, _ = comprehensive(tmp_path, {"meta/test_a.py": "import nowhere\n"})
    assert code == 1
    assert verdicts(report)["AC7"] == "failed"


def test_a_scenario_shows_what_it_says_it_shows(tmp_path: Path) -> None:
    book: dict[str, Any] = {"scenarios": [{"name": "one", "shows": ["AC6", "a figure"]}, {"name": "two", "shows": []}]}
    test = (
        "import pytest\n\n\n@pytest.mark.parametrize('name', ['one', 'two'])\n"
        "def test_a_scenario_comes_out_as_it_says(name):\n    assert name == 'two'\n"
    )
    changes = {"fixtures/batch_test_scenarios.json": json.dumps(book), "test_parallel_execution.py": test}
    code, report, _ = comprehensive(tmp_path, dict(changes), "--only", "AC6", "--only", "AC3")
    assert (code, verdicts(report)) == (1, {"AC6": "failed", "AC3": "passed"})
    assert report["AC6"]["failures"] == [f"{SCENARIO_TEST}[one] (call)"]


def test_what_the_table_names_is_there_and_no_test_is_left_out() -> None:
    root, named = TESTS.parent, [entry for criterion in CRITERIA.values() for entry in criterion.tests]
    missing = [entry for entry in named if not (root / entry.split("::")[0]).exists()]
    assert missing == []
    functions = [entry.split("::") for entry in named if "::" in entry] + [SCENARIO_TEST.split("::")]
    assert [name for path, name in functions if name not in functions_in(root / path)] == []
    files = [str(path.relative_to(root)) for path in TESTS.rglob("test_*.py")]
    assert len(files) > 50
    single = [criterion for criterion in CRITERIA if criterion != "AC7"]
    scenarios = scenarios_in(TESTS)
    left = [path for path in files if not any(shows(one, path, scenarios) for one in single)]
    whole = [path for path in left if not path.startswith(ONLY_AS_A_WHOLE)]
    assert whole == [SCENARIO_TEST.split("::")[0]]
    assert all(shows("AC7", path, scenarios) for path in files)


def test_every_scenario_belongs_to_a_criterion() -> None:
    said = scenarios_in(TESTS)
    assert [name for name, shown in said.items() if not set(shown) & set(CRITERIA)] == []


def functions_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
