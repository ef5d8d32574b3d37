"""Pipelines on the command line: shown, checked, planned, run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Protocol

import jsonschema
from tests.documents import body_of

ROOT = Path(__file__).parents[2]
OWN = """\
name: own
steps:
  first: {agent: picky.md}
  second:
    agent: basic-decomposition
    depends_on: [first]
    when: '"3" in first.seen'
    input: {material_content: "{{ first.seen }}", topic: "{{ source.topic }}"}
  third:
    agent: picky.md
    depends_on: [second]
    for_each: second.sub_questions
    input: {material_content: "{{ item.text }} ({{ item.type }})"}
"""


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


def own(shell: Shell, text: str = OWN) -> Path:
    path = shell.folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def sessions(shell: Shell) -> list[dict[str, Any]]:
    return body_of(shell.folder / "out.json")["agent_execution_sessions"]


def test_results_become_the_input_of_the_next_step_and_a_condition_ends_the_chain(shell: Shell) -> None:
    own(shell)
    run = ("--pipeline", "own.yaml", "--model", "offline", "--output", "out.json")
    done = shell.run("run", "课 件.canvas", *run, "--nodes", "n0,n1")
    assert done.returncode == 0, done.stderr
    found = sessions(shell)
    told = [(one["metadata"]["step"], one["input_data"]["node_id"], one["status"]) for one in found]
    assert told[:5] == [
        ("first", "n0", "completed"),
        ("first", "n1", "completed"),
        ("second", "n0", "skipped"),
        ("second", "n1", "completed"),
        ("third", "n0", "skipped"),
    ]
    questions = found[3]["result"]["output_data"]["sub_questions"]
    assert found[3]["input_data"]["material_content"] == found[1]["result"]["output_data"]["seen"]
    third = [one for one in found if one["metadata"]["step"] == "third" and one["status"] == "completed"]
    asked = [one["result"]["output_data"]["seen"] for one in third]
    assert sorted(asked) == sorted(f"{one['text']} ({one['type']})" for one in questions)
    assert "completed node n1, basic-decomposition (" in done.stderr
    assert "skipped    node n0, basic-decomposition: its condition does not hold" in done.stderr


def test_a_failed_step_stops_only_what_depends_on_it(shell: Shell) -> None:
    canvas = shell.canvas(
        "refuse 3：若一个整数能被 2 整除，则 2 是它的因数，这是定义。",
        "命题 3：若一个整数能被 3 整除，则 3 是它的因数，这是定义。",
    )
    own(shell)
    done = shell.run("run", canvas, "--pipeline", "own.yaml", "--model", "offline", "--output", "out.json")
    assert done.returncode == 1, done.stderr
    of_node = {
        node: {one["status"] for one in sessions(shell) if one["input_data"]["node_id"] == node}
        for node in ("n0", "n1")
    }
    assert of_node == {"n0": {"failed", "skipped"}, "n1": {"completed"}}


def test_a_plan_says_what_it_does_not_count(shell: Shell) -> None:
    told = shell.run("plan", "课 件.canvas", "--pipeline", "decompose-explain", "--model", "offline")
    assert "课 件.canvas: 4 tasks, " in told.stdout
    assert "not in these figures, because it depends on results: explain\n" in told.stdout
    document = json.loads(
        shell.run("plan", "课 件.canvas", "--pipeline", "decompose-explain", "--model", "offline", "--json").stdout
    )
    assert document["plan"]["later_steps"] == [{"step": "explain", "sources": 4}]
    schema = json.loads((ROOT / "docs/reference/plan.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)  # pyright: ignore[reportUnknownMemberType]


def test_pipelines_are_listed_shown_and_checked(shell: Shell) -> None:
    assert shell.run("pipelines", "list").stdout.split()[0] == "decompose-explain"
    shown = shell.run("pipelines", "show", "decompose-explain").stdout
    assert "decompose → explain\n  agent       oral-explanation\n  for each of decompose.sub_questions\n" in shown
    own(shell)
    assert shell.run("pipelines", "check", "own.yaml").stdout == "own.yaml: own is fine\n"
    told = json.loads(shell.run("pipelines", "show", "own.yaml", "--json").stdout)
    assert told["steps"][2]["input"] == {"material_content": "{{ item.text }} ({{ item.type }})"}
    own(shell, OWN.replace("agent: basic-decomposition", "agent: basic-decompositoin"))
    wrong = shell.run("pipelines", "check", "own.yaml")
    assert wrong.returncode == 2
    assert "own.yaml:4: agent 'basic-decompositoin' is not known. Did you mean 'basic-decomposition'?" in wrong.stderr


def test_an_agent_beside_a_pipeline_is_refused(shell: Shell) -> None:
    done = shell.run("run", "课 件.canvas", "--pipeline", "decompose-explain", "--agent", "picky.md")
    assert done.returncode == 2
    assert "--agent and --pipeline exclude one another" in done.stderr
    shell.environ["PARALLEL_AGENTS_LANG"] = "zh"
    own(shell, OWN.replace("first.seen }}", "frist.seen }}"))
    wrong = shell.run("run", "课 件.canvas", "--pipeline", "own.yaml")
    assert "own.yaml:8: steps.second.input.material_content：用到了 'frist'，而它不存在" in wrong.stderr
