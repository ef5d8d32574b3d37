"""A run that was made before costs nothing again, over real HTTP; what differs is asked, and no more than that."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Protocol

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

    def canvas(self, nodes: int) -> Path: ...


NODES = 5


class Runs:
    """Runs on one canvas, one after the other; each tells how many requests it made."""

    def __init__(self, shell: Shell, simulator: Simulator) -> None:
        self.shell = shell
        self.simulator = simulator
        self.canvas = shell.canvas(NODES)
        self.agent = "basic-decomposition"
        self.model = "openai:simulated"
        self.number = 0
        self.said = ""

    def command(self, *more: str | Path) -> tuple[str | Path, ...]:
        self.number += 1
        place = self.shell.folder / f"{self.number}.json"
        return ("run", self.canvas, "--agent", self.agent, "--model", self.model, "--output", place, *more)

    def run(self, *more: str | Path) -> int:
        before = self.simulator.stats()["requests"]
        done = self.shell.run(*self.command(*more))
        assert done.returncode == 0, done.stderr
        self.said = done.stdout
        return self.simulator.stats()["requests"] - before

    @property
    def body(self) -> dict[str, Any]:
        return body_of(self.shell.folder / f"{self.number}.json")


def test_a_second_run_asks_nothing_a_changed_node_is_asked_alone_and_fresh_asks_everything(
    shell: Shell, simulator: Simulator
) -> None:
    runs = Runs(shell, simulator)
    assert runs.run() == NODES
    first = runs.body
    assert runs.run() == 0
    second = runs.body
    assert "5 results reused (--fresh asks again)" in runs.said
    assert [session["result"]["output_data"] for session in second["agent_execution_sessions"]] == [
        session["result"]["output_data"] for session in first["agent_execution_sessions"]
    ]

    text = runs.canvas.read_text(encoding="utf-8")
    runs.canvas.write_text(text.replace("命题 3：", "命题三："), encoding="utf-8")
    assert runs.run() == 1
    assert runs.body["task_queue"]["reused_tasks"] == NODES - 1

    assert runs.run("--fresh") == NODES
    assert runs.body["task_queue"]["reused_tasks"] == 0


def test_a_reused_session_says_whose_result_it_is_and_counts_as_no_work(shell: Shell, simulator: Simulator) -> None:
    runs = Runs(shell, simulator)
    runs.run()
    first = runs.body
    runs.run()
    runs.run()
    third = runs.body

    for session, origin in zip(third["agent_execution_sessions"], first["agent_execution_sessions"], strict=True):
        assert session["reused_from"] == {
            "execution_id": first["execution_id"],
            "task_id": origin["task_id"],
            "at": origin["completion_time"],
        }
        assert origin["reused_from"] is None
        assert session["attempt"] == 0
        assert session["result"]["model"] == origin["result"]["model"]
        assert session["result"]["performance_metrics"] is None
    metrics = third["performance_metrics"]
    assert metrics["parallel_efficiency"]["estimated_serial_time_ms"] is None
    assert metrics["parallel_efficiency"]["efficiency_ratio"] is None
    assert metrics["throughput"]["agents_per_second"] is None
    assert metrics["throughput"]["tasks_per_second"] is None
    assert third["model"]["is_language_model"] is True


def test_another_agent_text_temperature_or_model_asks_everything(shell: Shell, simulator: Simulator) -> None:
    runs = Runs(shell, simulator)
    runs.run()

    settings = shell.folder / "settings.yaml"
    settings.write_text("models:\n  openai:\n    temperature: 0.5\n", encoding="utf-8")
    assert runs.run("--config", settings) == NODES
    runs.model = "openai:another"
    assert runs.run() == NODES

    runs.model, runs.agent = "openai:simulated", "asks.md"
    spec = (
        "---\nname: asks\ndescription: Asks.\ninputs:\n  material_content: required\n"
        "output:\n  contract: sub_questions\n"
        "  least: 3\n  most: 7\n  types: [定义型, 实例型]\n  difficulties: [基础, 中级, 深度]\n---\n"
    )
    (shell.folder / "asks.md").write_text(f"{spec}Ask about it.\n", encoding="utf-8")
    assert runs.run() == NODES
    assert runs.run() == 0
    (shell.folder / "asks.md").write_text(f"{spec}Ask well about it.\n", encoding="utf-8")
    assert runs.run() == NODES


def test_a_reused_result_lands_on_its_canvas_as_any_other(shell: Shell, simulator: Simulator) -> None:
    runs = Runs(shell, simulator)
    runs.run()

    before = len(json.loads(runs.canvas.read_text(encoding="utf-8"))["nodes"])
    assert runs.run("--apply") == 0
    assert runs.body["task_queue"]["reused_tasks"] == NODES
    questions = sum(
        len(session["result"]["output_data"]["sub_questions"]) for session in runs.body["agent_execution_sessions"]
    )
    assert len(json.loads(runs.canvas.read_text(encoding="utf-8"))["nodes"]) >= before + questions


def test_what_stands_on_the_canvas_from_the_first_run_is_not_put_there_again(
    shell: Shell, simulator: Simulator
) -> None:
    runs = Runs(shell, simulator)
    assert runs.run("--apply") == NODES
    landed = runs.canvas.read_bytes()
    # A run that wants only the material, as the first did: the questions that landed are no material.
    assert runs.run("--apply") == 0
    assert runs.body["task_queue"]["reused_tasks"] == NODES
    assert runs.canvas.read_bytes() == landed


def test_a_task_whose_reused_result_does_not_please_is_asked_anew_when_it_is_retried(
    shell: Shell, simulator: Simulator
) -> None:
    runs = Runs(shell, simulator)
    runs.run()
    runs.run()
    second = runs.body
    before = simulator.stats()["requests"]
    chosen = second["agent_execution_sessions"][2]["task_id"]

    place = shell.folder / "retried.json"
    done = shell.run("retry", second["execution_id"], "--task", chosen, "--output", place)

    assert done.returncode == 0, done.stderr
    assert simulator.stats()["requests"] == before + 1
    after = body_of(place)
    assert [session["reused_from"] is None for session in after["agent_execution_sessions"]] == [
        session["task_id"] == chosen for session in after["agent_execution_sessions"]
    ]


def test_one_key_is_one_execution_also_for_two_processes_at_once(shell: Shell, simulator: Simulator) -> None:
    runs = Runs(shell, simulator)
    both = [shell.start(*runs.command("--idempotency-key", "monday")) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    documents = [body_of(shell.folder / f"{number}.json") for number in (1, 2)]

    assert documents[0]["execution_id"] == documents[1]["execution_id"]
    assert simulator.stats()["requests"] == NODES
    assert runs.run("--idempotency-key", "monday", "--fresh") == 0
    assert runs.body["execution_id"] == documents[0]["execution_id"]


def test_a_key_with_another_batch_is_refused_and_names_both(shell: Shell, simulator: Simulator) -> None:
    runs = Runs(shell, simulator)
    runs.run("--idempotency-key", "monday")

    done = shell.run(*runs.command("--idempotency-key", "monday", "--nodes", "n1"))

    assert done.returncode == 2
    assert "'monday'" in done.stderr
    assert "(5 tasks, submitted " in done.stderr
    assert "this batch of 1 tasks" in done.stderr
