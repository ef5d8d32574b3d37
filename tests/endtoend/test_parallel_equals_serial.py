"""Running together changes nothing but the time."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Protocol

from tests.documents import sessions_of

AGENTS = ("basic-decomposition", "deep-decomposition", "oral-explanation", "scoring-agent")
EACH = 100


class Simulator(Protocol):
    """See conftest."""

    def stats(self) -> dict[str, Any]: ...


class Shell(Protocol):
    """See conftest."""

    folder: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...


def batch(path: Path) -> Path:
    tasks = [
        {
            "agent_name": agent,
            "task_id": f"{agent}-{number}",
            "input_data": {
                "material_content": f"命题 {number} 与它的逆否命题等价。",
                "topic": f"第 {number} 题",
                "question_text": f"命题 {number} 的逆否命题是什么？",
                "user_understanding": f"第 {number} 个理解：否定并交换条件和结论。",
            },
        }
        for number in range(EACH)
        for agent in AGENTS
    ]
    path.write_text("\n".join(json.dumps(task, ensure_ascii=False) for task in tasks), encoding="utf-8")
    return path


def outputs(shell: Shell, source: Path, at_once: int) -> dict[str, Any]:
    done = shell.run(
        "run", source, "--model", "openai:simulated", "--max-concurrent", str(at_once), "--fresh", "--json"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    sessions = sessions_of(done.stdout)
    assert {session["result"]["status"] for session in sessions} == {"success"}
    return {session["task_id"]: session["result"]["output_data"] for session in sessions}


def test_four_hundred_tasks_give_the_same_outputs_one_at_a_time_and_eight_at_once(
    shell: Shell, simulator: Simulator
) -> None:
    source = batch(shell.folder / "tasks.jsonl")
    serial, parallel = outputs(shell, source, 1), outputs(shell, source, 8)
    assert len(serial) == EACH * len(AGENTS)
    assert parallel == serial
    assert 2 <= simulator.stats()["peak_in_flight"] <= 8
