"""Run every test once and say, for each acceptance criterion of the specification, whether it is shown.

    uv run python tests/run_comprehensive_tests.py [--only AC3]... [--json FILE]

Exit code 0: every criterion that was asked for has tests, and all of them passed. 1: a test failed, or a criterion ran
none that passed. What is not run here is not claimed: the line "shown by" says what a verdict rests on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

TESTS = Path(__file__).parent
SCENARIO_TEST = "tests/test_parallel_execution.py::test_a_scenario_comes_out_as_it_says"
Verdict = Literal["passed", "failed", "not shown"]


@dataclass(frozen=True)
class Criterion:
    """An acceptance criterion, and the folders, files and tests that show it, from the folder above `tests`."""

    title: str
    shown_by: str
    tests: tuple[str, ...]


CRITERIA = {
    "AC1": Criterion(
        "实现基于asyncio的并行处理框架，支持5-10个Agent的并发执行",
        "agents that wait until 1 to 10 of them are there at once, and calls in flight as the provider counted them",
        (
            "tests/api",
            "tests/configuration",
            "tests/engine",
            "tests/models",
            "tests/simulator",
            "tests/endtoend/test_on_the_simulator.py",
            "tests/endtoend/test_parallel_equals_serial.py",
            "tests/endtoend/test_subagents.py",
            "tests/endtoend/test_the_readme.py",
        ),
    ),
    "AC2": Criterion(
        "集成Context7验证的aiomultiprocess技术(7.7/10)，确保性能优化",
        "the pool of worker processes (aiomultiprocess gives the processes); no benchmark against its own pool yet",
        ("tests/workers/test_process_pool.py", "tests/workers/test_every_pool.py", "tests/workers/test_channel.py"),
    ),
    "AC3": Criterion(
        "每个Agent拥有独立的上下文窗口，避免上下文冲突和数据混乱",
        "what careless agents leave behind is not found by others; results quote only their own material",
        (
            "tests/agents",
            "tests/commands",
            "tests/endtoend/test_keys.py",
            "tests/workers/test_nothing_carries_over.py",
            "tests/workers/test_workdir.py",
            "tests/workers/test_workdirs_of_killed_engines.py",
            "tests/workers/test_levels_side_by_side.py",
            "tests/workers/test_many_in_one_worker.py",
            "tests/core/test_isolation_in_the_document.py",
        ),
    ),
    "AC4": Criterion(
        "实现任务队列管理系统，支持任务分发、进度监控和结果收集",
        "orders of starts as events tell them, a journal that survives kills, documents that add up, commands as run",
        (
            "tests/canvas",
            "tests/cli",
            "tests/core",
            "tests/engine",
            "tests/journal",
            "tests/landing",
            "tests/pipelines",
            "tests/results",
            "tests/endtoend/test_several_nodes.py",
        ),
    ),
    "AC5": Criterion(
        "并发控制机制能够处理Agent执行失败的情况，支持错误隔离和重试机制",
        "agents, workers, engines and providers that fail for real, and everything a user can mistype",
        (
            "tests/mistakes",
            "tests/recovery",
            "tests/chaos",
            "tests/core/test_errors.py",
            "tests/core/test_outcome.py",
            "tests/core/test_retry.py",
            "tests/cli/test_bad_input.py",
            "tests/cli/test_interrupting.py",
            "tests/cli/test_odd_file_systems.py",
            "tests/endtoend/test_when_the_provider_fails.py",
            "tests/endtoend/test_nothing_paid_twice.py",
            "tests/endtoend/test_pipelines.py",
            "tests/endtoend/test_on_the_simulator.py",
            "tests/journal/test_crashes.py",
            "tests/journal/test_taking_back.py",
            "tests/models/test_failures.py",
            "tests/models/test_lanes.py",
            "tests/models/test_pace.py",
            "tests/models/test_once_only.py",
            "tests/core/test_budget.py",
            "tests/models/test_budgets_in_simulated_time.py",
            "tests/models/test_cached_tokens.py",
            "tests/models/test_prices.py",
            "tests/api/test_budgets.py",
            "tests/endtoend/test_budgets.py",
            "tests/endtoend/test_budgets_by_the_simulator.py",
            "tests/workers/test_bystanders.py",
            "tests/workers/test_orphans.py",
            "tests/workers/test_supervision.py",
            "tests/workers/test_unread_workers.py",
            "tests/workers/test_workers_that_are_gone.py",
        ),
    ),
    "AC6": Criterion(
        "性能测试确认并发处理比串行处理效率提升5-10倍",
        "sixteen calls of 1 s, eight at once, against the wall time and the latencies that the simulated provider saw "
        "(no more than 2.4 s for 16 s of answers), and the same outputs one at a time; benchmarks are still to come",
        (
            "tests/core/test_forecast.py",
            "tests/core/test_metrics.py",
            "tests/core/test_schedule.py",
            "tests/endtoend/test_planning.py",
            "tests/endtoend/test_on_the_simulator.py::test_eight_at_once_are_eight_at_once_and_the_figures_say_so",
            "tests/endtoend/test_parallel_equals_serial.py",
        ),
    ),
    "AC7": Criterion("所有并行处理功能通过完整的集成测试验证", "every test there is", ("tests",)),
}
"""Which tests show what. A scenario shows what it says itself in `shows`; see `tests/fixtures`."""

ONLY_AS_A_WHOLE = ("tests/docs", "tests/meta")
"""Folders that show no single criterion."""


@dataclass
class Tally:
    """What came of the tests of one criterion. `seconds` sums their own time."""

    passed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list[str])

    @property
    def verdict(self) -> Verdict:
        """Failed by any failure; not shown where nothing passed."""
        if self.failures:
            return "failed"
        return "passed" if self.passed else "not shown"


def shows(criterion: str, node_id: str, scenarios: dict[str, list[str]]) -> bool:
    """Tell whether a test shows a criterion. `scenarios` gives the criteria of each scenario by name."""
    name = node_id.removeprefix(f"{SCENARIO_TEST}[").removesuffix("]")
    if name in scenarios and criterion in scenarios[name]:
        return True
    return any(_is_within(node_id, entry) for entry in CRITERIA[criterion].tests)


def scenarios_in(tests: Path) -> dict[str, list[str]]:
    """Read which criteria each scenario shows; none where there is no file of them."""
    path = tests / "fixtures" / "batch_test_scenarios.json"
    if not path.is_file():
        return {}
    book: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {scenario["name"]: scenario["shows"] for scenario in book["scenarios"]}


class Recorder:
    """A pytest plugin: runs only what shows one of `wanted`, and keeps what came of it, criterion by criterion."""

    def __init__(self, wanted: Sequence[str], scenarios: dict[str, list[str]]) -> None:
        self.tallies = {criterion: Tally() for criterion in wanted}
        self._scenarios = scenarios

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Take out what shows nothing that was asked for."""
        left_out = [item for item in items if not list(self._of(item.nodeid))]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read shows nothing and fails what it should show."""
        if report.failed:
            for tally in self._of(report.nodeid):
                tally.failures.append(f"{report.nodeid} (not collected)")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test: passed when its call passed, failed by any of its phases."""
        for tally in self._of(report.nodeid):
            tally.seconds += report.duration
            if report.failed:
                tally.failures.append(f"{report.nodeid} ({report.when})")
            elif report.skipped:
                tally.skipped += 1
            elif report.when == "call":
                tally.passed += 1

    def _of(self, node_id: str) -> Iterator[Tally]:
        for criterion, tally in self.tallies.items():
            if shows(criterion, node_id, self._scenarios):
                yield tally


def main(arguments: Sequence[str]) -> int:
    """Run and report; returns the exit code."""
    asked = _parser().parse_args(arguments)
    tests = Path(asked.tests).resolve()
    sys.path[0] = str(tests.parent)  # where a test's own imports start, not beside this program
    recorder = Recorder(asked.only or list(CRITERIA), scenarios_in(tests))
    # In this one process: the recorder is not in those of `--numprocesses`.
    code = pytest.main(["--rootdir", str(tests.parent), "-q", "--numprocesses=0", str(tests)], plugins=[recorder])
    print("\n" + "\n".join(_lines(recorder.tallies)))
    if asked.json is not None:
        Path(asked.json).write_text(_as_json(recorder.tallies), encoding="utf-8")
    is_shown = all(tally.verdict == "passed" for tally in recorder.tallies.values())
    return 0 if is_shown and code == pytest.ExitCode.OK else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(CRITERIA), help="a criterion; may be given repeatedly")
    parser.add_argument("--json", metavar="FILE", help="write the verdicts there as JSON, too")
    parser.add_argument("--tests", metavar="FOLDER", default=TESTS, help="the folder `tests` of another checkout")
    return parser


def _is_within(node_id: str, entry: str) -> bool:
    return node_id == entry or node_id.startswith((f"{entry}/", f"{entry}::", f"{entry}["))


def _lines(tallies: dict[str, Tally]) -> Iterator[str]:
    for criterion, tally in tallies.items():
        skipped = f", {tally.skipped} skipped" if tally.skipped else ""
        failed = f", {len(tally.failures)} failed" if tally.failures else ""
        tests = f"{tally.passed} tests passed{failed}{skipped}"
        yield f"{criterion}  {tally.verdict:9}  {tests}, {tally.seconds:.1f} s  {CRITERIA[criterion].title}"
        yield f"     shown by: {CRITERIA[criterion].shown_by}"
        yield from (f"     failed: {failure}" for failure in tally.failures)


def _as_json(tallies: dict[str, Tally]) -> str:
    report = {
        criterion: {
            "title": CRITERIA[criterion].title,
            "verdict": tally.verdict,
            "shown_by": CRITERIA[criterion].shown_by,
            **asdict(tally),
            "seconds": round(tally.seconds, 3),
        }
        for criterion, tally in tallies.items()
    }
    return json.dumps(report, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
