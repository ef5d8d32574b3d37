"""What a provider does wrong, from the outside: exit codes, statuses, and what was asked how often."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.documents import body_of


class Simulator(Protocol):
    """See conftest."""

    url: str

    def stats(self) -> dict[str, Any]: ...


class Shell(Protocol):
    """See conftest."""

    folder: Path

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def document(self, *arguments: str | Path) -> dict[str, Any]: ...

    def canvas(self, nodes: int) -> Path: ...


Wait = Callable[..., None]
MODEL = ("--agent", "basic-decomposition", "--model", "openai:simulated")


def order(simulator: Simulator, **fault: Any) -> None:
    tell(simulator, {"faults": [fault]})


def tell(simulator: Simulator, behaviour: dict[str, Any]) -> None:
    body = json.dumps(behaviour).encode()
    request = urllib.request.Request(f"{simulator.url}/behaviour", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def charged(body: dict[str, Any]) -> list[dict[str, Any]]:
    lines = [line for task in body["agent_execution_sessions"] for line in task["error_handling"]["error_history"]]
    return [line for line in lines if line["charged"]]


@pytest.mark.parametrize("simulator", [0.3], indirect=True)
def test_when_the_quota_is_gone_the_execution_pauses_charges_nobody_and_resumes(
    shell: Shell, simulator: Simulator, wait_until: Wait
) -> None:
    run = shell.start("run", shell.canvas(16), *MODEL, "--max-concurrent", "4")
    wait_until(lambda: simulator.stats()["answered"] >= 4)
    order(simulator, kind="quota", count=1000)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 3, err
    assert "paused (quota" in out
    execution_id = out.split()[0]
    paused = body_of(shell.run("results", execution_id).stdout)
    assert paused["overall_status"] == "paused"
    assert paused["task_queue"]["completed_tasks"] >= 4
    assert charged(paused) == []
    tell(simulator, {"clear_faults": True})
    assert shell.run("resume", execution_id).returncode == 0
    done = body_of(shell.run("results", execution_id).stdout)
    assert done["task_queue"]["completed_tasks"] == 16
    assert simulator.stats()["answered"] == 16
    assert charged(done) == []


def test_a_rate_limit_is_waited_out_and_no_task_hears_of_it(shell: Shell, simulator: Simulator) -> None:
    order(simulator, kind="rate_limit", count=2, retry_after_s=0.5)
    done = shell.run("run", shell.canvas(6), *MODEL, "--json")
    assert done.returncode == 0, done.stderr
    body = body_of(done.stdout)
    assert body["error_management"]["error_recovery_attempts"] == 0
    assert simulator.stats()["by_status"] == {"200": 6, "429": 2}
    assert body["performance_metrics"]["parallel_efficiency"]["waited_time_ms"] >= 500


def test_passing_faults_are_tried_again_within_the_attempt(shell: Shell, simulator: Simulator) -> None:
    order(simulator, kind="error", count=2)
    done = shell.run("run", shell.canvas(4), *MODEL, "--json")
    assert done.returncode == 0, done.stderr
    body = body_of(done.stdout)
    assert body["error_management"]["error_recovery_attempts"] == 0
    assert simulator.stats()["by_status"] == {"200": 4, "500": 2}


def test_one_refused_item_spoils_nothing_else_and_can_be_tried_again(shell: Shell, simulator: Simulator) -> None:
    order(simulator, kind="invalid", matching="命题 2：", message="this text is refused")
    done = shell.run("run", shell.canvas(5), *MODEL)
    assert done.returncode == 1
    assert "completed_with_errors" in done.stdout
    assert "failed node n2: " in done.stdout
    assert "this text is refused" in done.stdout
    execution_id = done.stdout.split()[0]
    again = shell.run("retry", execution_id)
    assert again.returncode == 0, again.stderr
    assert "5 of 5 tasks completed" in again.stdout
    assert simulator.stats()["requests"] == 6
    nothing = shell.run("retry", execution_id)
    assert (nothing.returncode, "0 tasks" in nothing.stderr) == (0, True)
    unknown = shell.run("retry", execution_id, "--task", "task-x")
    assert unknown.returncode == 2
    assert "has no task 'task-x'" in unknown.stderr


def test_anthropic_is_asked_in_its_own_way(shell: Shell, simulator: Simulator) -> None:
    done = shell.run(
        "run", shell.canvas(3), "--agent", "basic-decomposition", "--model", "anthropic:simulated", "--json"
    )
    assert done.returncode == 0, done.stderr
    body = body_of(done.stdout)
    results = [session["result"] for session in body["agent_execution_sessions"]]
    assert all(result["is_language_model"] for result in results)
    assert all(result["performance_metrics"]["token_usage"]["total_tokens"] > 0 for result in results)
    assert simulator.stats()["answered"] == 3


@pytest.mark.parametrize("agent", ["oral-explanation", "scoring-agent", "deep-decomposition"])
def test_every_shipped_agent_gets_an_answer_that_passes_its_contract(
    shell: Shell, simulator: Simulator, agent: str
) -> None:
    task = {
        "agent_name": agent,
        "input_data": {
            "material_content": "命题与它的逆否命题等价。",
            "topic": "逆否命题",
            "user_understanding": "把条件和结论都否定再交换。",
            "question_text": "什么是逆否命题？",
        },
    }
    path = shell.folder / "tasks.jsonl"
    path.write_text("\n".join(json.dumps(task) for _ in range(4)), encoding="utf-8")
    done = shell.run("run", path, "--model", "openai:simulated", "--json")
    assert done.returncode == 0, done.stderr
    body = body_of(done.stdout)
    assert {session["result"]["status"] for session in body["agent_execution_sessions"]} == {"success"}


def start_with_a_quota_of(shell: Shell, simulator: Simulator, wait_until: Wait, *options: str) -> Any:
    """Start 100 tasks, eight at once; the quota is gone once 30 of them have their answers."""
    tell(simulator, {"latency_s": 0.2})
    run = shell.start("run", shell.canvas(100), *MODEL, "--max-concurrent", "8", *options)
    wait_until(lambda: simulator.stats()["answered"] >= 30 - 8)
    order(simulator, kind="quota", count=1000)
    return run


def test_the_quota_is_gone_after_thirty_of_a_hundred_and_what_follows_costs_one_request(
    shell: Shell, simulator: Simulator, wait_until: Wait
) -> None:
    run = start_with_a_quota_of(shell, simulator, wait_until)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 3, err
    execution_id = out.split()[0]
    assert "paused (quota: openai:simulated" in out
    assert f"`parallel-agents resume {execution_id}` goes on where it stopped" in err
    paused = body_of(shell.run("results", execution_id).stdout)
    kept = paused["task_queue"]["completed_tasks"]
    assert 22 <= kept < 60
    assert paused["resume_at"] is None
    assert charged(paused) == []
    refused = simulator.stats()["by_status"]["429"]
    assert refused <= 8
    # Nothing has come back: whoever asks first now is one call.
    again = shell.run("resume", execution_id)
    assert again.returncode == 3, again.stderr
    assert simulator.stats()["by_status"]["429"] == refused + 1
    tell(simulator, {"clear_faults": True})
    assert shell.run("resume", execution_id).returncode == 0
    done = body_of(shell.run("results", execution_id).stdout)
    assert done["task_queue"]["completed_tasks"] == 100
    stats = simulator.stats()
    assert (stats["answered"], len(stats["by_prompt"])) == (100, 100)
    assert charged(done) == []


def test_with_wait_a_run_goes_on_by_itself_when_the_quota_is_back(
    shell: Shell, simulator: Simulator, wait_until: Wait
) -> None:
    order(simulator, kind="quota", matching="命题 7：", retry_after_s=2)
    run = shell.start("run", shell.canvas(20), *MODEL, "--max-concurrent", "2", "--wait")
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    assert "paused: quota: openai:simulated" in err
    assert "the provider takes calls again at 20" in err
    assert "goes on\n" in err
    assert "20 of 20 tasks completed" in out
    stats = simulator.stats()
    assert (stats["answered"], stats["by_status"]) == (20, {"200": 20, "429": 1})
    assert charged(body_of(shell.run("results", out.split()[0]).stdout)) == []


def test_what_waits_for_its_quota_is_shown_as_paused_and_ends_at_ctrl_c(
    shell: Shell, simulator: Simulator, wait_until: Wait
) -> None:
    order(simulator, kind="quota", count=1000, retry_after_s=3600)
    run = shell.start("run", shell.canvas(4), *MODEL, "--wait", "--json")
    wait_until(lambda: "paused (quota" in shell.run("status").stdout)
    (shown,) = (line for line in shell.run("status").stdout.splitlines() if "paused (quota" in line)
    execution_id = shown.split()[0]
    status = body_of(shell.run("status", execution_id, "--json").stdout)
    assert status["resume_at"] is not None
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert body_of(out)["task_queue"]["pending_tasks"] == 4
