"""Processes that are told to end, are stopped for a while, or lose their folder: nothing lost, nothing done twice."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import psutil
import pytest
from tests.documents import body_of, sessions_of

pytestmark = pytest.mark.faults
ENDLESS = """---
name: endless
description: never ends
reads: [material]
inputs:
  material_content: required
entry: endless.py:run
---
"""
PROGRAM = """
import asyncio
import time

async def run(context):
    while True:
        {step}
"""
TERM_LIMIT_S = 10.0
Begin: TypeAlias = Callable[..., subprocess.Popen[str]]
RUN = ("run", "课 件.canvas", "--agent", "basic-decomposition", "--model", "openai:simulated", "--max-concurrent", "1")


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...


@pytest.fixture
def begin(shell: Shell) -> Iterator[Begin]:
    """Start commands that do not outlive the test."""
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        begun.append(shell.start(*arguments))
        return begun[-1]

    yield start
    for process in begun:
        if process.poll() is None:
            process.kill()
            process.communicate()


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stderr is not None
    return iter(process.stderr)


def id_from(lines: Iterator[str]) -> str:
    return next(line for line in lines if line.startswith("exec-")).split(":")[0]


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def until(condition: Any, what: str, limit_s: float = 30.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.02)


def is_running(shell: Shell, execution_id: str) -> bool:
    return body_of(shell.run("status", execution_id, "--json").stdout)["task_queue"]["running_tasks"] > 0


@pytest.mark.parametrize("step", ["await asyncio.sleep(1)", "time.sleep(1)"], ids=["awaits", "blocks"])
def test_sigterm_ends_within_its_limit_a_task_that_never_does(shell: Shell, begin: Begin, step: str) -> None:
    (shell.folder / "endless.md").write_text(ENDLESS, encoding="utf-8")
    (shell.folder / "endless.py").write_text(PROGRAM.format(step=step), encoding="utf-8")
    process = begin("run", "课 件.canvas", "--agent", "endless.md", "--json", "--max-concurrent", "2")
    lines = lines_of(process)
    execution_id = id_from(lines)
    until(lambda: is_running(shell, execution_id), "a task runs")
    workers = workers_of(process)
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    out, err = process.communicate(timeout=TERM_LIMIT_S + 10)
    taken = time.monotonic() - begun
    assert process.returncode == 130, err
    assert TERM_LIMIT_S - 1 < taken < TERM_LIMIT_S + 5
    history = list(
        itertools.chain.from_iterable(session["error_handling"]["error_history"] for session in sessions_of(out))
    )
    assert history
    assert not any(line["charged"] for line in history)
    assert f"resume {execution_id}" in err
    assert psutil.wait_procs(workers, timeout=5)[1] == []


@pytest.mark.usefixtures("slow_model")
def test_an_engine_that_was_stopped_stays_the_owner_and_goes_on_alone(shell: Shell, begin: Begin) -> None:
    process = begin(*RUN, "--json")
    lines = lines_of(process)
    execution_id = id_from(lines)
    next(line for line in lines if "completed" in line)
    process.send_signal(signal.SIGSTOP)
    try:
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "the engine is stopped")
        refused = shell.run("resume", execution_id)
        assert refused.returncode != 0
        assert "another process" in refused.stderr
        assert body_of(shell.run("status", execution_id, "--json").stdout)["overall_status"] == "running"
    finally:
        process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    body = body_of(out)
    assert body["task_queue"]["completed_tasks"] == 4
    assert body["error_management"]["context_conflicts_detected"] == 0
    events = [json.loads(line) for line in shell.run("events", execution_id).stdout.splitlines()]
    assert [event["trigger"] for event in events].count("succeeded") == 4
    assert [event["trigger"] for event in events].count("engine_lost") == 0


@pytest.mark.usefixtures("slow_model")
def test_a_worker_that_was_stopped_is_killed_for_its_silence_and_its_task_runs_again(
    shell: Shell, begin: Begin
) -> None:
    shell.environ["PARALLEL_AGENTS__AIOMULTIPROCESS_SETTINGS__WORKER_TIMEOUT"] = "3"
    (shell.folder / "endless.md").write_text(ENDLESS, encoding="utf-8")
    once = "if context.attempt > 1:\n            return {{'seen': context.attempt}}\n        await asyncio.sleep(0.1)"
    (shell.folder / "endless.py").write_text(PROGRAM.format(step=once.format()), encoding="utf-8")
    process = begin("run", "课 件.canvas", "--agent", "endless.md", "--json", "--max-concurrent", "1")
    execution_id = id_from(lines_of(process))
    until(lambda: is_running(shell, execution_id), "a task runs")
    stopped = running_worker(shell, execution_id)
    os.kill(stopped, signal.SIGSTOP)
    until(lambda: not psutil.pid_exists(stopped), "the silent worker is killed")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    lost = [line for session in sessions_of(out) for line in session["error_handling"]["error_history"]]
    assert lost[0]["class"] == "worker_lost"
    assert lost[0]["worker_process_id"] == stopped


def running_worker(shell: Shell, execution_id: str) -> int:
    (session,) = sessions_of(shell.run("status", execution_id, "--json").stdout)
    pid: int = session["execution_context"]["worker_process_id"]
    return pid


@pytest.mark.usefixtures("slow_model")
def test_a_folder_that_is_deleted_under_a_run_is_one_line_and_exit_1(shell: Shell, begin: Begin) -> None:
    state = shell.folder / "state"
    journal = state / "journal.sqlite3"
    process = begin(*RUN, "--journal", journal)
    lines = lines_of(process)
    execution_id = id_from(lines)
    next(line for line in lines if "completed" in line)
    shutil.rmtree(state)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, (out, err)
    assert "Traceback" not in err
    assert "its file was moved, replaced or deleted while in use" in err
    assert execution_id in err
    assert list(shell.folder.glob("批量*")) == []
