"""Pausing, going on, and another concurrency: asked from one process, done by the one that runs it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.documents import body_of, sessions_of

RUN = ("run", "课 件.canvas", "--agent", "basic-decomposition", "--model", "openai:simulated")
pytestmark = pytest.mark.usefixtures("slow_model")


class Shell(Protocol):
    """See conftest."""

    folder: Path

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


def material(number: int) -> str:
    return f"命题 {number}：若一个整数能被 {number + 2} 整除，则 {number + 2} 是它的因数，这就是整除的定义。"


def begun(shell: Shell, at_once: int, tasks: int = 12) -> tuple[subprocess.Popen[str], str]:
    shell.canvas(*(material(number) for number in range(tasks)))
    process = shell.start(*RUN, "--max-concurrent", str(at_once), "--json")
    assert process.stderr is not None
    return process, process.stderr.readline().split(":")[0]


def events_of(shell: Shell, execution_id: str, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, shell.run("events", execution_id).stdout.splitlines())
    return [event for event in lines if event["type"] == kind]


def test_a_pause_lets_what_runs_end_and_a_resume_does_the_rest_once(shell: Shell) -> None:
    process, execution_id = begun(shell, at_once=2)
    assert process.stderr is not None
    assert "completed" in process.stderr.readline()
    paused = shell.run("pause", execution_id)
    assert paused.returncode == 0, paused.stderr
    assert paused.stdout.startswith(f"{execution_id} is paused")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    body = body_of(out)
    assert (body["overall_status"], body["pause_reason"]) == ("paused", "user")
    assert body["task_queue"]["running_tasks"] == 0
    done_before = body["task_queue"]["completed_tasks"]
    assert 1 <= done_before < 12
    assert body["error_management"]["error_recovery_attempts"] == 0
    resumed = shell.run("resume", execution_id, "--json")
    assert resumed.returncode == 0, resumed.stderr
    sessions = sessions_of(resumed.stdout)
    assert {(session["status"], session["attempt"]) for session in sessions} == {("completed", 1)}


def test_what_nobody_runs_is_paused_in_the_journal_and_goes_on_from_there(shell: Shell) -> None:
    process, execution_id = begun(shell, at_once=1, tasks=4)
    assert process.stderr is not None
    assert "completed" in process.stderr.readline()
    process.kill()
    process.communicate(timeout=60)
    assert shell.run("pause", execution_id).returncode == 0
    status = body_of(shell.run("status", execution_id, "--json").stdout)
    assert (status["overall_status"], status["pause_reason"]) == ("paused", "user")
    assert shell.run("concurrency", execution_id, "3").returncode == 0
    resumed = shell.run("resume", execution_id, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert body_of(resumed.stdout)["max_concurrent_agents"] == 3


def test_another_concurrency_holds_at_once_in_the_process_that_runs_it(shell: Shell) -> None:
    process, execution_id = begun(shell, at_once=1)
    assert process.stderr is not None
    assert "completed" in process.stderr.readline()
    changed = shell.run("concurrency", execution_id, "6")
    assert changed.returncode == 0, changed.stderr
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    body = body_of(out)
    assert body["max_concurrent_agents"] == 6
    efficiency = body["performance_metrics"]["parallel_efficiency"]
    assert (efficiency["ideal_ratio"], efficiency["concurrency_utilization"]) == (None, None)
    running, most = 0, 0
    for event in (json.loads(line) for line in shell.run("events", execution_id).stdout.splitlines()):
        running += {"task.started": 1, "task.completed": -1}.get(event["type"], 0)
        most = max(most, running)
    assert 2 <= most <= 6


def most_at_once(shell: Shell, execution_id: str, *, after: int = 0) -> int:
    """Attempts that ran side by side; `after` so many had been completed."""
    running = done = most = 0
    for event in (json.loads(line) for line in shell.run("events", execution_id).stdout.splitlines()):
        running += {"task.started": 1, "task.completed": -1}.get(event["type"], 0)
        done += event["type"] == "task.completed"
        most = max(most, running if done >= after else 0)
    return most


def test_another_concurrency_of_one_agent_holds_in_the_process_that_runs_it_and_after_a_kill(shell: Shell) -> None:
    process, execution_id = begun(shell, at_once=3, tasks=40)
    assert process.stderr is not None
    changed = shell.run("concurrency", execution_id, "1", "--agent", "basic-decomposition")
    assert changed.stdout == f"{execution_id} runs at most 1 of basic-decomposition at once from now on\n"
    done = len(events_of(shell, execution_id, "task.completed")) + 4
    while f"[{done}/40]" not in process.stderr.readline():
        pass
    process.kill()
    process.communicate(timeout=60)
    refused = shell.run("concurrency", execution_id, "1", "--agent", "scoring-agent")
    assert (refused.returncode, "It has basic-decomposition" in refused.stderr) == (2, True), refused.stderr
    resumed = shell.start("resume", execution_id, "--json")
    assert resumed.stderr is not None
    while f"[{done + 3}/40]" not in resumed.stderr.readline():
        pass
    assert shell.run("cancel", execution_id).returncode == 0
    out, _ = resumed.communicate(timeout=60)
    assert body_of(out)["max_concurrent_agents"] == 3
    assert most_at_once(shell, execution_id) == 3
    assert most_at_once(shell, execution_id, after=done) == 1


def test_a_concurrency_beyond_the_limit_changes_nothing(shell: Shell) -> None:
    process, execution_id = begun(shell, at_once=2, tasks=4)
    refused = shell.run("concurrency", execution_id, "99")
    assert refused.returncode == 2
    assert "max_concurrent_limit" in refused.stderr
    out, _ = process.communicate(timeout=60)
    assert body_of(out)["max_concurrent_agents"] == 2


def test_what_has_ended_is_neither_paused_nor_changed(shell: Shell) -> None:
    process, execution_id = begun(shell, at_once=4, tasks=2)
    process.communicate(timeout=60)
    for command in (("pause", execution_id), ("concurrency", execution_id, "2")):
        done = shell.run(*command)
        assert (done.returncode, done.stdout) == (0, f"{execution_id} had ended already\n")
    assert len(events_of(shell, execution_id, "task.completed")) == 2
