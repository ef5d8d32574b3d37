"""Two engines on one journal at once: both write, neither touches what the other owns, and one may die."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Protocol

import pytest
from tests.documents import body_of

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("slow_model")]
RUN = (
    "run",
    "课 件.canvas",
    "--agent",
    "basic-decomposition",
    "--model",
    "openai:simulated",
    "--fresh",
    "--max-concurrent",
)


class Shell(Protocol):
    """See conftest."""

    folder: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...


def begun(shell: Shell, at_once: str, output: str) -> tuple[subprocess.Popen[str], str]:
    process = shell.start(*RUN, at_once, "--output", output, "--json")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("exec-"):
            return process, line.split(":")[0]
    raise AssertionError("it ended without an execution")


def triggers(shell: Shell, execution_id: str) -> list[str]:
    told = shell.run("events", execution_id)
    return [json.loads(line)["trigger"] for line in told.stdout.splitlines()]


def test_both_come_to_their_ends_and_the_journal_is_sound(shell: Shell) -> None:
    first, first_id = begun(shell, "1", "first.json")
    second, second_id = begun(shell, "2", "second.json")
    assert shell.run("resume").stderr.strip() == "there is nothing to resume"
    outs = [process.communicate(timeout=60) for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], outs
    bodies = [body_of(out) for out, _ in outs]
    assert [body["execution_id"] for body in bodies] == [first_id, second_id]
    assert [body["task_queue"]["completed_tasks"] for body in bodies] == [4, 4]
    for execution_id in (first_id, second_id):
        assert sorted(triggers(shell, execution_id)) == sorted(["submitted", "started", "succeeded"] * 4)
    assert "2 executions, 8 tasks" in shell.run("journal", "check").stdout


def test_when_one_is_killed_the_other_goes_on_and_a_third_takes_only_what_was_left(shell: Shell) -> None:
    second, second_id = begun(shell, "1", "second.json")
    # The one that is killed begins last: the start of another may take longer than all of its work.
    first, first_id = begun(shell, "1", "first.json")
    first.kill()
    first.communicate(timeout=20)
    third = shell.run("resume", "--json", "--output", "third.json")
    assert third.returncode == 0, third.stderr
    assert body_of(third.stdout)["execution_id"] == first_id
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert body_of(out)["execution_id"] == second_id
    for execution_id in (first_id, second_id):
        assert triggers(shell, execution_id).count("succeeded") == 4
    assert "engine_lost" not in triggers(shell, second_id)
    assert shell.run("journal", "check").returncode == 0
