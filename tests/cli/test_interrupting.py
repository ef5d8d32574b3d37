"""Ctrl-C and SIGTERM: whenever they come, no traceback, nothing lost, and a word on how to go on."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.documents import body_of

RUN = ("run", "课 件.canvas", "--agent", "basic-decomposition", "--model", "openai:simulated", "--max-concurrent", "2")
pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("slow_model")]


class Shell(Protocol):
    """See conftest."""

    folder: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...


def read_until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return line
    raise AssertionError(f"ended without saying {word!r}")


def interrupted(shell: Shell, process: subprocess.Popen[str], execution_id: str) -> dict[str, Any]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert f"`parallel-agents resume {execution_id}` goes on where it stopped" in err
    body: dict[str, Any] = body_of(out)
    assert (body["overall_status"], body["pause_reason"]) == ("paused", "no_engine")
    assert list(shell.folder.glob("批量*")) == []
    return body


def begun(shell: Shell, at_once: str = RUN[-1]) -> tuple[subprocess.Popen[str], str]:
    process = shell.start(*RUN[:-1], at_once, "--json")
    return process, read_until(process, "exec-").split(":")[0]


def test_once_lets_what_runs_end_and_status_and_resume_know(shell: Shell) -> None:
    # One at a time: when the first of four has ended, one more may have begun, and two are left in any case.
    process, execution_id = begun(shell, at_once="1")
    read_until(process, "completed")
    process.send_signal(signal.SIGINT)
    body = interrupted(shell, process, execution_id)
    assert body["task_queue"]["completed_tasks"] >= 1
    assert body["error_management"]["error_recovery_attempts"] == 0
    status = shell.run("status", execution_id)
    assert status.stdout.startswith(f"{execution_id}  paused (no_engine)")
    assert f"resume {execution_id}" in status.stderr
    done = shell.run("resume", "--json")
    assert done.returncode == 0, done.stderr
    queue = body_of(done.stdout)["task_queue"]
    assert queue["completed_tasks"] == 4
    assert "[4/4] completed" in done.stderr


def test_twice_stops_what_runs_and_charges_nobody(shell: Shell) -> None:
    process, execution_id = begun(shell)
    process.send_signal(signal.SIGINT)
    read_until(process, "waiting for running tasks")
    process.send_signal(signal.SIGINT)
    body = interrupted(shell, process, execution_id)
    history = [
        line for session in body["agent_execution_sessions"] for line in session["error_handling"]["error_history"]
    ]
    assert not any(line["charged"] for line in history)
    assert shell.run("resume").returncode == 0


def test_sigterm_lets_what_runs_end(shell: Shell) -> None:
    process, execution_id = begun(shell)
    process.send_signal(signal.SIGTERM)
    interrupted(shell, process, execution_id)


@pytest.mark.parametrize("hundredths", range(4, 60, 8))
def test_while_starting_it_is_no_traceback_and_no_hang(shell: Shell, hundredths: int) -> None:
    process = shell.start(*RUN)
    try:
        # Where in the start it lands differs from run to run; that is the point.
        process.wait(timeout=hundredths / 100)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    # Python itself dies of the signal where it came inside an `exec`; shells show 130 for both.
    assert process.returncode in {130, -signal.SIGINT}, err
    assert "Traceback" not in err
