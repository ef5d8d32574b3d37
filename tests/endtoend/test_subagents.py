"""Agent files in the Claude Code subagent format, unchanged, over HTTP on the simulated provider."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor

FILES = Path(__file__).parents[1] / "agents" / "subagents"
MODEL = ("--model", "openai:simulated")
NO_EFFECT = {
    "note-linker": "tools, skills, mcpServers, hooks, memory, isolation, permissionMode",
    "socratic-tutor": "tools, disallowedTools, model, permissionMode, effort",
}


class Simulator(Protocol):
    """See conftest."""

    url: str

    def stats(self) -> dict[str, Any]: ...


class Shell(Protocol):
    """See conftest."""

    folder: Path
    journal: Path
    environ: dict[str, str]

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def document(self, *arguments: str | Path) -> dict[str, Any]: ...

    def canvas(self, nodes: int) -> Path: ...


@pytest.fixture(autouse=True)
def agents(shell: Shell) -> Path:
    return Path(shutil.copytree(FILES, shell.folder / ".claude" / "agents"))


def no_effect(err: str) -> list[str]:
    return [line for line in err.split("\n") if "no effect here" in line]


def warned(name: str) -> list[str]:
    listed = NO_EFFECT[name]
    return [
        f"warning   agent {name!r}: fields that have no effect here: {listed}. "
        "It answers without tools, by the run's model."
    ]


def test_a_file_runs_on_a_canvas_and_its_answers_land_under_its_name(
    shell: Shell, simulator: Simulator, agents: Path
) -> None:
    canvas = shell.canvas(6)
    (shell.folder / ".obsidian").mkdir()
    done = shell.run("run", canvas, "--agent", agents / "note-linker.md", *MODEL, "--apply")
    assert done.returncode == 0, done.stderr
    assert no_effect(done.stderr) == warned("note-linker")
    assert "6 of 6 tasks completed" in done.stdout
    assert simulator.stats()["by_status"] == {"200": 6}
    nodes = json.loads(canvas.read_text(encoding="utf-8"))["nodes"]
    assert [node["text"] for node in nodes[6:] if node["type"] == "text"] == ["💡 note-linker（点击查看详细内容）"] * 6
    notes = list(shell.folder.glob("*-note-linker-*.md"))
    assert len(notes) == 6
    assert all(note.read_text(encoding="utf-8").strip() for note in notes)


def test_tasks_of_a_file_may_name_such_files_and_each_is_warned_of_once(shell: Shell, agents: Path) -> None:
    given = [
        {"agent_name": str(agents / f"{name}.md"), "input_data": {"essay": f"Text {number}.", "grade": number}}
        for number, name in enumerate(["note-linker", "plain-words", "socratic-tutor"] * 2)
    ]
    tasks = shell.folder / "tasks.jsonl"
    tasks.write_text("".join(json.dumps(task) + "\n" for task in given), encoding="utf-8")
    done = shell.run("run", tasks, *MODEL, "--json")
    assert done.returncode == 0, done.stderr
    assert no_effect(done.stderr) == warned("note-linker") + warned("socratic-tutor")
    sessions = body_of(done.stdout)["agent_execution_sessions"]
    assert [session["agent_name"] for session in sessions] == ["note-linker", "plain-words", "socratic-tutor"] * 2
    assert all(session["result"]["output_data"]["markdown"] for session in sessions)
    foretold = shell.run("plan", tasks, *MODEL, "--json")
    assert no_effect(foretold.stderr) == warned("note-linker") + warned("socratic-tutor")
    assert len(json.loads(foretold.stdout)["plan"]["warnings"]) == 3


async def test_a_python_program_names_such_a_file_and_whatever_it_gives_counts(
    shell: Shell, simulator: Simulator, agents: Path
) -> None:
    path = str(agents / "socratic-tutor.md")
    async with ParallelAgentExecutor(journal=shell.journal, environ=shell.environ) as executor:
        for grade, requests in ((1, 1), (2, 2), (1, 2)):  # the third has the result of the first
            task = {"agent_name": path, "input_data": {"user_understanding": "If p then q.", "grade": grade}}
            execution_id = await executor.submit_batch_tasks([task], model="openai:simulated")
            (session,) = body_of(await executor.wait(execution_id))["agent_execution_sessions"]
            assert session["result"]["output_data"]["markdown"]
            assert simulator.stats()["requests"] == requests
        assert executor.agents.resolve(path).warnings == (warned("socratic-tutor")[0].removeprefix("warning   "),)


@pytest.mark.faults
@pytest.mark.parametrize("simulator", [0.5], indirect=True)
def test_an_execution_goes_on_with_the_text_that_it_was_submitted_with(
    shell: Shell, simulator: Simulator, agents: Path, wait_until: Callable[..., None]
) -> None:
    file = agents / "socratic-tutor.md"
    run = ("run", shell.canvas(6), "--agent", file, *MODEL)
    process = shell.start(*run, "--max-concurrent", "2")
    wait_until(lambda: simulator.stats()["answered"] >= 2 and simulator.stats()["in_flight"] == 2)
    process.kill()
    process.communicate(timeout=20)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("Ask, do not tell.", "Tell, do not ask."), encoding="utf-8")
    resumed = shell.run("resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "6 of 6 tasks completed" in resumed.stdout
    # The calls in flight were made again; with the edited text they would have been others.
    asked = simulator.stats()
    assert asked["requests"] > len(asked["by_prompt"]) == 6

    assert shell.run(*run, "--quiet").returncode == 0
    assert len(set(simulator.stats()["by_prompt"]) - set(asked["by_prompt"])) == 6


def test_a_look_at_a_file_says_what_will_have_no_effect(shell: Shell, agents: Path) -> None:
    checked = shell.run("agents", "check", *sorted(agents.glob("*.md")))
    assert checked.returncode == 0
    assert no_effect(checked.stderr) == warned("note-linker") + warned("socratic-tutor")
    document = json.loads(shell.run("agents", "show", agents / "socratic-tutor.md", "--json").stdout)
    assert document["takes_all"] is True
    assert document["warnings"] == [warned("socratic-tutor")[0].removeprefix("warning   ")]
    shell.environ["PARALLEL_AGENTS_LANG"] = "zh"
    shown = shell.run("agents", "show", agents / "socratic-tutor.md")
    assert "注意 Agent 'socratic-tutor'：以下字段在这里不起作用：tools, disallowedTools, model" in shown.stderr
    assert "以及任务给出的其他字段" in shown.stdout
