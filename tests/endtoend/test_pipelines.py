"""Both pipelines that ship, by real clients over HTTP, on an engine that is killed in the middle."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import apsw
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FOR_THE_WEAKEST = {
    "accuracy": "clarification-path",
    "imagery": "memory-anchor",
    "completeness": "four-level-explanation",
    "originality": "oral-explanation",
}
MODEL = ("--model", "openai:simulated", "--max-concurrent", "4")


class Simulator(Protocol):
    """See conftest."""

    def stats(self) -> dict[str, Any]: ...


class Shell(Protocol):
    """See conftest."""

    folder: Path
    journal: Path

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def document(self, *arguments: str | Path) -> dict[str, Any]: ...

    def canvas(self, nodes: int) -> Path: ...


def killed_and_gone_on(
    shell: Shell, simulator: Simulator, wait_until: Callable[..., None], after: int, *arguments: str | Path
) -> dict[str, Any]:
    """Run, kill the engine after so many answers, resume; returns the document and holds the calls against it."""
    run = shell.start("run", *arguments, *MODEL)
    assert run.stderr is not None
    line = next(line for line in run.stderr if line.startswith("exec-"))
    execution_id = line.split(":")[0]
    wait_until(lambda: simulator.stats()["answered"] >= after)
    run.kill()
    run.communicate(timeout=20)
    journaled, before = calls(shell.journal), simulator.stats()["requests"]
    assert shell.run("resume", execution_id).returncode == 0
    body = shell.document("results", execution_id)
    # Every call whose answer was written down is made once; whatever a step made of it is the same after the kill.
    assert simulator.stats()["requests"] - before == body["task_queue"]["completed_tasks"] - journaled
    assert 0 < journaled < body["task_queue"]["completed_tasks"]
    return body


def calls(journal: Path) -> int:
    connection: Any = apsw.Connection(str(journal), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute("SELECT count(*) FROM calls").fetchall()[0][0]
    finally:
        connection.close()


def steps(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one in body["agent_execution_sessions"] if one["metadata"]["step"] == name]


@pytest.mark.faults
@pytest.mark.parametrize("simulator", [0.2], indirect=True)
@pytest.mark.parametrize("after", [5, 8, 12])
def test_questions_are_explained_and_a_kill_repeats_nothing_that_was_paid_for(
    shell: Shell, simulator: Simulator, wait_until: Callable[..., None], after: int
) -> None:
    body = killed_and_gone_on(shell, simulator, wait_until, after, shell.canvas(4), "--pipeline", "decompose-explain")

    assert body["overall_status"] == "completed"
    wanted = Counter[tuple[str, str]]()
    for session in steps(body, "decompose"):
        for question in session["result"]["output_data"]["sub_questions"]:
            if question["type"] != "探索型":
                wanted[session["input_data"]["node_id"], question["text"]] += 1
    explained = Counter(
        (session["input_data"]["node_id"], session["input_data"]["material_content"].rsplit("\n\n", 1)[1])
        for session in steps(body, "explain")
    )
    assert explained == wanted
    assert len(simulator.stats()["by_prompt"]) == body["task_queue"]["completed_tasks"]


@pytest.mark.faults
@pytest.mark.parametrize("simulator", [0.2], indirect=True)
def test_the_weakest_of_each_score_is_explained_by_the_agent_for_it(
    shell: Shell, simulator: Simulator, wait_until: Callable[..., None]
) -> None:
    vault = Path(shutil.copytree(EXAMPLES / "笔记库", shell.folder / "笔记 库"))
    canvas = vault / "离散数学" / "离散数学.canvas"

    body = killed_and_gone_on(
        shell, simulator, wait_until, 5, canvas, "--pipeline", "score-explain", "--palette", "project-v1"
    )

    assert body["overall_status"] == "completed"
    scores = {one["input_data"]["node_id"]: one["result"]["output_data"] for one in steps(body, "score")}
    assert len(scores) >= 3
    ran = [
        (one["input_data"]["node_id"], one["agent_name"])
        for one in body["agent_execution_sessions"]
        if one["metadata"]["step"] != "score" and one["status"] == "completed"
    ]
    weakest = {node: min(one["breakdown"], key=one["breakdown"].__getitem__) for node, one in scores.items()}
    expected = [(node, FOR_THE_WEAKEST[weakest[node]]) for node, one in scores.items() if not one["pass"]]
    assert sorted(ran) == sorted(expected)
    left_out = [one for one in body["agent_execution_sessions"] if one["status"] == "skipped"]
    assert {one["error_handling"]["not_run_because"].split(":")[0] for one in left_out} == {
        "its condition does not hold"
    }


def test_a_second_run_of_a_pipeline_asks_nothing(shell: Shell, simulator: Simulator) -> None:
    canvas = shell.canvas(2)
    arguments = ("run", canvas, "--pipeline", "decompose-explain", *MODEL)
    assert shell.run(*arguments).returncode == 0
    requests = simulator.stats()["requests"]

    again = shell.run(*arguments)

    assert again.returncode == 0, again.stderr
    assert simulator.stats()["requests"] == requests
    queue = shell.document("results", again.stderr.split(":", 1)[0])["task_queue"]
    assert queue["reused_tasks"] == queue["completed_tasks"] == queue["total_tasks"] == requests
