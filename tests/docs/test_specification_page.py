"""The page about the specification names what is there, and leaves nothing of the specification out."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.docs.specification_page import LATER, PAGE, ROOT, Row, is_test, is_there, rows_of
from tests.documents import SCHEMA

import parallel_agents
from parallel_agents import ParallelAgentExecutor
from parallel_agents.configuration.layer import paths_in
from parallel_agents.configuration.meanings import general, meanings

ROWS = rows_of(PAGE.read_text(encoding="utf-8"))
CRITERIA = {f"AC{number}" for number in range(1, 8)}
SUBTASKS = {f"Subtask {task}.{part}" for task in range(1, 9) for part in range(1, 5)}
METHODS = (
    "submit_batch_tasks",
    "get_execution_status",
    "get_execution_results",
    "cancel_execution",
    "get_performance_metrics",
    "configure_parallel_settings",
)
NAMES = (
    "ParallelAgentExecutor",
    "create_batch_tasks",
    "prioritize_tasks",
    "aggregate_results",
    "handle_execution_error",
    "TaskQueueManager",
    "ContextIsolationManager",
    "ErrorHandlingManager",
    "ResultAggregator",
    "PerformanceMonitor",
)
FILES = (
    "parallel_agent_executor.py",
    "task_queue_manager.py",
    "context_isolation_manager.py",
    "result_aggregator.py",
    "performance_monitor.py",
    "error_handling_manager.py",
    "parallel_api.py",
    "config/parallel_agents.yaml",
    "tests/test_parallel_execution.py",
    "tests/test_context_isolation.py",
    "tests/test_performance_scaling.py",
    "tests/run_comprehensive_tests.py",
    "tests/fixtures/batch_test_scenarios.json",
    "scripts/benchmark_parallel_vs_serial.py",
    "scripts/stress_test_parallel_agents.py",
    "scripts/optimize_parallel_settings.py",
    "docs/parallel_execution_guide.md",
    "docs/performance_tuning.md",
)
SESSION = "agent_execution_sessions[]"
SAMPLE = {
    "": "execution_id submission_timestamp execution_mode max_concurrent_agents overall_status",
    "task_queue": "total_tasks pending_tasks running_tasks completed_tasks failed_tasks queue_priority",
    SESSION: ("session_id agent_name task_id status submission_time start_time completion_time execution_duration_ms"),
    f"{SESSION}.input_data": "canvas_path node_id material_text guidance",
    f"{SESSION}.input_data.context_window": "size_tokens context_id isolation_level",
    f"{SESSION}.execution_context": "worker_process_id memory_usage_mb cpu_usage_percent thread_id",
    f"{SESSION}.result": "status",
    f"{SESSION}.result.output_data": "sub_questions total_count has_guidance",
    f"{SESSION}.result.output_data.sub_questions[]": "text type difficulty",
    f"{SESSION}.result.performance_metrics": "generation_time_ms",
    f"{SESSION}.result.performance_metrics.token_usage": "input_tokens output_tokens total_tokens",
    f"{SESSION}.error_handling": "retry_count max_retries error_history fallback_strategy",
    "performance_metrics.parallel_efficiency": (
        "total_execution_time_ms estimated_serial_time_ms efficiency_ratio concurrency_utilization"
    ),
    "performance_metrics.resource_usage": (
        "peak_memory_usage_mb average_memory_usage_mb peak_cpu_usage_percent average_cpu_usage_percent "
        "io_operations_count"
    ),
    "performance_metrics.throughput": "tasks_per_second agents_per_second average_task_completion_time_ms",
    "error_management": "failed_tasks error_recovery_attempts isolation_success context_conflicts_detected",
    "result_aggregation": "aggregation_method output_format file_paths",
    "result_aggregation.merged_results": "total_sub_questions unique_concepts_covered guidance_provided_count",
    "result_aggregation.merged_results.difficulty_distribution": "basic intermediate advanced",
}
"""The fields of the specification's sample, by the mapping that they stand in."""

FIELDS = [f"{place}.{name}".lstrip(".") for place, names in SAMPLE.items() for name in names.split()]
USERS_OWN = (f"{SESSION}.input_data.", f"{SESSION}.result.output_data.")
"""What users and agents fill themselves, so that the schema leaves it open."""


def named(section: str) -> list[str]:
    found = [name for row in ROWS if row.section.startswith(section) for name in row.names]
    assert found, f"there is no table under {section!r}"
    return found


def fields_of(schema: Any, place: str = "") -> set[str]:
    found: set[str] = set()
    for name, part in schema.get("properties", {}).items():
        here = f"{place}.{name}".lstrip(".")
        found |= {here} | fields_of(part, here) | fields_of(part.get("items", {}), f"{here}[]")
    return found


def shipped_keys() -> list[str]:
    parser: Any = YAML(typ="safe", pure=True)
    values = parser.load((ROOT / "config" / "parallel_agents.yaml").read_text(encoding="utf-8"))
    paths = [path for path in paths_in(values) if not any(isinstance(part, int) for part in path)]
    leaves = [path for path in paths if not any(len(o) > len(path) and o[: len(path)] == path for o in paths)]
    return list(dict.fromkeys(general(leaf) for leaf in leaves))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.subject)
def test_a_row_is_full_and_names_what_is_there(row: Row) -> None:
    assert all((row.subject, row.where, row.shown_by, row.figure))
    assert [path for path in row.paths if not is_there(path)] == []
    assert [test for test in row.tests if not is_test(test)] == []
    assert set(row.later) <= set(LATER)
    open_or_vain = bool(row.later) or "not applicable, because " in row.figure
    assert row.tests or open_or_vain, "neither a test nor a reason why there is none"


def test_every_acceptance_criterion_has_its_row() -> None:
    assert {row.subject.split(" ")[0] for row in ROWS if row.section == "Acceptance criteria"} == CRITERIA


def test_every_name_of_the_interface_has_its_row() -> None:
    found = " ".join(named("Interfaces"))
    assert set(NAMES) <= set(parallel_agents.__all__)
    assert all(hasattr(ParallelAgentExecutor, method) for method in METHODS)
    assert [name for name in (*NAMES, *METHODS) if name not in found] == []


def test_every_key_has_its_row_and_those_without_effect_say_when_it_comes() -> None:
    rows = {name: row for row in ROWS if row.section == "Configuration keys" for name in row.names}
    keys = shipped_keys()
    assert len(keys) >= 44
    assert [key for key in keys if key not in rows] == []
    deferred = meanings().deferred
    assert {key: row.later for key, row in rows.items() if row.later} == {key: [deferred[key]] for key in deferred}


def test_every_field_of_the_sample_has_its_row_and_stands_in_the_schema() -> None:
    assert Counter(named("Document fields")) == Counter(FIELDS)
    known = {field.partition(".")[2] for field in fields_of(SCHEMA)}
    assert [field for field in FIELDS if field not in known and not field.startswith(USERS_OWN)] == []


def test_every_file_of_the_list_has_its_row_and_is_there_or_says_why_not() -> None:
    rows = {name: row for row in ROWS if row.section in {"Files", "Scripts"} for name in row.names}
    assert set(rows) == set(FILES)
    for path, row in rows.items():
        assert (ROOT / path).exists() or row.paths or row.later, f"{path} is not there, and nothing says why"


def test_every_subtask_has_its_row() -> None:
    found = {" ".join(row.subject.split(" ")[:2]) for row in ROWS if row.section == "Subtasks"}
    assert found == SUBTASKS


@pytest.mark.parametrize(
    "section", ["Constraints", "Testing requirements", "Benchmark figures", "Acceptance criteria", "Scripts"]
)
def test_every_kind_has_a_table(section: str) -> None:
    assert [row for row in ROWS if row.section == section]


def test_what_is_not_there_is_seen() -> None:
    assert is_test("tests/docs/test_specification_page.py::test_what_is_not_there_is_seen")
    assert not is_test("tests/docs/test_specification_page.py::test_nothing")
    assert not is_test("tests/docs/test_nothing.py::test_nothing")
    assert is_there("core/states.py")
    assert not is_there("core/nothing.py")
    with pytest.raises(ValueError, match="3 columns"):
        rows_of("## Files\n| a | b | c |\n")


def test_the_schema_of_the_sample_is_read_through_its_lists() -> None:
    text = json.dumps({"properties": {"a": {"items": {"properties": {"b": {}}}}}})
    assert fields_of(json.loads(text)) == {"a", "a[].b"}
