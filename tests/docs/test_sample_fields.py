"""The fields of the specification's sample in a real run, each against what can be known of it from outside."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import Command
from tests.docs.reader import ADDRESS, Reader
from tests.documents import body_of

LATENCY_S = 0.3
CANVAS = "examples/笔记库/离散数学/离散数学.canvas"
RUN = f"parallel-agents run {CANVAS} --agent basic-decomposition --model openai:simulated --output out.json --quiet"
SERVE = f"parallel-agents simulate-provider --port {ADDRESS.split(':')[1]} --latency {LATENCY_S}"


@pytest.fixture
def reader(tmp_path: Path) -> Generator[Reader]:
    reader = Reader(tmp_path, "en", os.environ)
    try:
        reader.type(Command(SERVE), 0)
        reader.type(Command(f"export OPENAI_BASE_URL=http://{ADDRESS}/v1 OPENAI_API_KEY=simulated"), 0)
        yield reader
    finally:
        reader.close()


def ran(reader: Reader, options: str) -> dict[str, Any]:
    before = datetime.now().astimezone()
    reader.type(Command(f"{RUN} {options}"), 0)
    body = body_of(reader.folder / "out.json")
    for session in body["agent_execution_sessions"]:
        times = [session[name] for name in ("submission_time", "start_time", "completion_time")]
        moments = [datetime.fromisoformat(time) for time in times]
        assert moments == sorted(moments)
        assert (moments[0] - before).total_seconds() > -1
        assert moments[-1] <= datetime.now().astimezone()
    return body


def test_every_field_of_a_session_is_observed(reader: Reader) -> None:
    body = ran(reader, "--max-concurrent 4")
    assert (body["execution_mode"], body["max_concurrent_agents"]) == ("parallel_batch", 4)
    sessions = body["agent_execution_sessions"]
    for session in sessions:
        context, ran_in = session["input_data"]["context_window"], session["execution_context"]
        assert (session["agent_name"], session["status"]) == ("basic-decomposition", "completed")
        assert (context["size_tokens"], context["isolation_level"]) == (4096, "process_isolated")
        assert session["execution_duration_ms"] >= LATENCY_S * 1000
        assert ran_in["worker_process_id"] != os.getpid()
        assert ran_in["memory_usage_mb"] >= 0
        assert ran_in["cpu_usage_percent"] > 0
        assert ran_in["thread_id"] == str(ran_in["worker_process_id"])
        figures = session["result"]["performance_metrics"]
        tokens = figures["token_usage"]
        assert LATENCY_S * 1000 <= figures["generation_time_ms"] <= session["execution_duration_ms"]
        assert tokens["total_tokens"] == tokens["input_tokens"] + tokens["output_tokens"] > 0
        handling = session["error_handling"]
        assert (handling["retry_count"], handling["max_retries"], handling["error_history"]) == (0, 3, [])
        assert handling["fallback_strategy"] == "none"
        output = session["result"]["output_data"]
        assert output["total_count"] == len(output["sub_questions"])
        assert output["has_guidance"] is any(question["guidance"] for question in output["sub_questions"])
    assert len({session["input_data"]["context_window"]["context_id"] for session in sessions}) == len(sessions)


def test_every_figure_of_an_execution_follows_from_its_sessions(reader: Reader) -> None:
    body = ran(reader, "--max-concurrent 4")
    sessions, metrics = body["agent_execution_sessions"], body["performance_metrics"]
    serial_ms = sum(session["execution_duration_ms"] for session in sessions)
    efficiency = metrics["parallel_efficiency"]
    wall_ms = efficiency["total_execution_time_ms"]
    assert efficiency["estimated_serial_time_ms"] == pytest.approx(serial_ms, abs=len(sessions))
    assert efficiency["efficiency_ratio"] == pytest.approx(serial_ms / wall_ms, rel=0.02)
    assert efficiency["concurrency_utilization"] == pytest.approx(serial_ms / wall_ms / 4, rel=0.1)
    # 11 tasks, 4 at once, are three rounds.
    assert 3 * LATENCY_S * 1000 <= wall_ms < serial_ms
    throughput = metrics["throughput"]
    assert throughput["tasks_per_second"] == pytest.approx(len(sessions) / wall_ms * 1000, rel=0.02)
    assert throughput["agents_per_second"] == pytest.approx(len(sessions) / wall_ms * 1000, rel=0.02)
    assert throughput["average_task_completion_time_ms"] >= LATENCY_S * 1000
    used = metrics["resource_usage"]
    assert 0 < used["average_memory_usage_mb"] <= used["peak_memory_usage_mb"]
    assert 0 < used["average_cpu_usage_percent"] <= used["peak_cpu_usage_percent"]
    assert used["io_operations_count"] > 0
    management = body["error_management"]
    assert (management["failed_tasks"], management["error_recovery_attempts"]) == ([], 0)
    assert (management["isolation_success"], management["context_conflicts_detected"]) == (True, 0)
    aggregation = body["result_aggregation"]
    assert (aggregation["aggregation_method"], aggregation["output_format"]) == ("merge_outputs", "json")
    assert [Path(path).name for path in aggregation["file_paths"]] == ["out.json"]


def test_one_at_a_time_is_called_serial(reader: Reader) -> None:
    body = ran(reader, "--max-concurrent 1 --nodes 96abb06192694205,1d3d0a75883e3c96")
    assert (body["execution_mode"], body["overall_status"]) == ("serial", "completed")
    assert body["performance_metrics"]["parallel_efficiency"]["efficiency_ratio"] <= 1
    assert body["task_queue"]["queue_priority"] is None
