"""The main job on real processes, real HTTP and real clients, with things killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import apsw
import psutil
import pytest
from tests.documents import body_of as valid


class Simulator(Protocol):
    """See conftest."""

    url: str

    def stats(self) -> dict[str, Any]: ...


class Shell(Protocol):
    """See conftest."""

    folder: Path
    journal: Path

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def document(self, *arguments: str | Path) -> dict[str, Any]: ...

    def canvas(self, nodes: int) -> Path: ...


Wait = Callable[..., None]


def asked(journal: Path, query: str) -> list[tuple[Any, ...]]:
    connection: Any = apsw.Connection(str(journal), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def result_file(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("批量拆解结果-*.json")
    return valid(json.loads(path.read_text(encoding="utf-8")))


def start_run(shell: Shell, nodes: int, at_once: int) -> subprocess.Popen[str]:
    return shell.start(
        "run", shell.canvas(nodes), "--agent", "basic-decomposition", "--model", "openai:simulated",
        "--max-concurrent", str(at_once),
    )  # fmt: skip


def first_id(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("exec-"), line + process.stderr.read()
    return line.split(":")[0]


@pytest.mark.parametrize("simulator", [1.0], indirect=True)
def test_eight_at_once_are_eight_at_once_and_the_figures_say_so(shell: Shell, simulator: Simulator) -> None:
    done = start_run(shell, 16, 8)
    done.communicate(timeout=60)
    assert done.returncode == 0
    seen, body = simulator.stats(), result_file(shell.folder)
    assert seen["peak_in_flight"] == 8
    assert seen["requests"] == 16
    wall_s = seen["last_answer_at"] - seen["first_request_at"]
    assert wall_s <= 2.4
    efficiency = body["performance_metrics"]["parallel_efficiency"]
    assert efficiency["efficiency_ratio"] == pytest.approx(seen["latency_sum_s"] / wall_s, rel=0.1)
    pids = {session["execution_context"]["worker_process_id"] for session in body["agent_execution_sessions"]}
    assert len(pids) >= 8
    assert done.pid not in pids


@pytest.mark.faults
@pytest.mark.parametrize("simulator", [0.5], indirect=True)
def test_a_killed_worker_costs_one_attempt_and_no_second_call(
    shell: Shell, simulator: Simulator, wait_until: Wait
) -> None:
    run = start_run(shell, 8, 4)
    execution_id = first_id(run)
    wait_until(lambda: simulator.stats()["in_flight"] == 4)
    status = shell.document("status", execution_id, "--json")
    victim = status["agent_execution_sessions"][0]
    os.kill(victim["execution_context"]["worker_process_id"], signal.SIGKILL)
    run.communicate(timeout=60)
    assert run.returncode == 0
    sessions = result_file(shell.folder)["agent_execution_sessions"]
    lost = [session for session in sessions if session["error_handling"]["error_history"]]
    assert [session["task_id"] for session in lost] == [victim["task_id"]]
    (line,) = lost[0]["error_handling"]["error_history"]
    assert (line["class"], line["charged"]) == ("worker_lost", True)
    assert "SIGKILL" in line["message"]
    assert set(simulator.stats()["by_prompt"].values()) == {1}
    assert asked(shell.journal, "SELECT sum(charged) FROM tasks") == [(9,)]


@pytest.mark.faults
@pytest.mark.parametrize("simulator", [0.3], indirect=True)
def test_a_killed_engine_leaves_no_process_and_a_resume_repeats_no_journaled_call(
    shell: Shell, simulator: Simulator, wait_until: Wait, descendants: Callable[[int], list[psutil.Process]]
) -> None:
    run = start_run(shell, 16, 4)
    execution_id = first_id(run)
    wait_until(lambda: simulator.stats()["answered"] >= 6)
    family = descendants(run.pid)
    run.kill()
    wait_until(lambda: not any(process.is_running() and process.status() != "zombie" for process in family), 1.0)
    run.communicate(timeout=20)
    journaled, before = asked(shell.journal, "SELECT count(*) FROM calls")[0][0], simulator.stats()["requests"]
    assert 0 < journaled < 16
    paused = shell.document("status", execution_id, "--json")
    assert (paused["overall_status"], paused["pause_reason"]) == ("paused", "no_engine")
    assert shell.run("resume", execution_id).returncode == 0
    body = result_file(shell.folder)
    assert body["task_queue"]["completed_tasks"] == 16
    assert simulator.stats()["requests"] - before == 16 - journaled
    assert asked(shell.journal, "SELECT max(charged) FROM tasks") == [(1,)]


@pytest.mark.faults
@pytest.mark.parametrize("simulator", [0.5], indirect=True)
def test_cancelling_from_another_process_stops_calls_and_keeps_what_was_finished(
    shell: Shell, simulator: Simulator, wait_until: Wait
) -> None:
    run = start_run(shell, 16, 4)
    execution_id = first_id(run)
    wait_until(lambda: simulator.stats()["answered"] >= 4)
    assert shell.run("cancel", execution_id).returncode == 0
    requests = simulator.stats()["requests"]
    run.communicate(timeout=60)
    assert run.returncode == 1
    ((took_s,),) = asked(shell.journal, "SELECT answered_at - asked_at FROM commands")
    assert took_s <= 1.0
    assert simulator.stats()["requests"] == requests
    body = valid(json.loads(shell.run("results", execution_id).stdout))
    assert body["overall_status"] == "cancelled"
    queue = body["task_queue"]
    assert queue["completed_tasks"] >= 4
    assert queue["completed_tasks"] + queue["cancelled_tasks"] == 16
    kept = [session["result"] for session in body["agent_execution_sessions"] if session["status"] == "completed"]
    assert all(result["output_data"]["sub_questions"] for result in kept)
    assert "had ended already" in shell.run("cancel", execution_id).stdout


@pytest.mark.faults
@pytest.mark.parametrize("simulator", [0.3], indirect=True)
def test_ctrl_c_lets_running_tasks_end_and_resume_goes_on(shell: Shell, simulator: Simulator, wait_until: Wait) -> None:
    run = start_run(shell, 12, 4)
    execution_id = first_id(run)
    wait_until(lambda: simulator.stats()["answered"] >= 1)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert f"resume {execution_id}" in err
    assert "Traceback" not in err
    assert simulator.stats()["cancelled"] == 0
    assert shell.run("resume").returncode == 0
    assert result_file(shell.folder)["task_queue"]["completed_tasks"] == 12
    assert set(simulator.stats()["by_prompt"].values()) == {1}
