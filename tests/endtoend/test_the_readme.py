"""What the README shows is what happens."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.documents import body_of, sessions_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("批量*"))
    return tmp_path


def run(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARALLEL_AGENTS")}
    environ["PARALLEL_AGENTS_JOURNAL"] = str(place / "journal.sqlite3")
    return subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, timeout=100, check=False)


def test_the_first_command_leaves_a_valid_result_beside_the_canvas_and_changes_no_canvas(place: Path) -> None:
    (line,) = re.findall(r"^pip install uv && uv run parallel-agents (.+)$", README, re.MULTILINE)
    canvas = place / "examples" / "笔记库" / "离散数学" / "离散数学.canvas"
    before = canvas.read_bytes()
    done = run(place, sys.executable, "-m", "parallel_agents", *shlex.split(line))
    assert done.returncode == 0, done.stderr
    assert "not a language model" in done.stdout
    (path,) = canvas.parent.glob("批量拆解结果-*.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    sessions = sessions_of(document)
    assert {session["status"] for session in sessions} == {"completed"}
    assert len({session["execution_context"]["worker_process_id"] for session in sessions}) >= 2
    assert all(session["result"]["output_data"]["generator"]["is_language_model"] is False for session in sessions)
    aggregation = body_of(document)["result_aggregation"]
    assert aggregation["file_paths"] == [f"离散数学/{path.name}"]
    counted = sum(len(session["result"]["output_data"]["sub_questions"]) for session in sessions)
    assert aggregation["merged_results"]["total_sub_questions"] == counted
    assert canvas.read_bytes() == before


def test_offline_scores_nothing_and_no_number_stands_anywhere(place: Path) -> None:
    canvas = "examples/笔记库/离散数学/离散数学.canvas"
    command = (sys.executable, "-m", "parallel_agents", "run", canvas)
    done = run(place, *command, "--agent", "scoring-agent", "--model", "offline", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    results = [session["result"] for session in sessions_of(document)]
    assert len(results) >= 3
    assert all((result["status"], result["output_data"]) == ("unscored", None) for result in results)
    assert body_of(document)["model"] == {"name": "offline", "is_language_model": False}
    assert "score" not in json.dumps(body_of(document)["result_aggregation"]["merged_results"]).replace(
        "unscored_count", ""
    ).replace("scoring-agent", "")


@pytest.mark.parametrize("agent", ["deep-decomposition", "oral-explanation"])
def test_the_other_agents_run_on_the_example_too(place: Path, agent: str) -> None:
    canvas = "examples/笔记库/离散数学/离散数学.canvas"
    command = (sys.executable, "-m", "parallel_agents", "run", canvas)
    done = run(place, *command, "--agent", agent, "--model", "offline", "--json")
    assert done.returncode == 0, done.stderr
    assert {session["result"]["status"] for session in sessions_of(json.loads(done.stdout))} == {"success"}


def test_the_python_example_runs(place: Path) -> None:
    (program,) = re.findall(r"^```python\n(.+?)^```", README, re.MULTILINE | re.DOTALL)
    (place / "program.py").write_text(program, encoding="utf-8")
    done = run(place, sys.executable, "program.py")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("completed {'chinese_characters': 2, 'words': 0")
    assert second.startswith("completed {'chinese_characters': 0, 'words': 2")
