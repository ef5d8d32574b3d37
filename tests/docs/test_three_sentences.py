"""What a user says in one sentence, each as the guide's command: what the provider was asked and what came out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import urllib.request
from collections.abc import Generator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import GUIDES, Command, steps_of
from tests.docs.reader import ADDRESS, Reader
from tests.documents import body_of

from parallel_agents.agents.parsing import read_spec
from parallel_agents.agents.prompt import system_prompt, user_prompt

GUIDE = (GUIDES / "parallel_execution_guide.md").read_text(encoding="utf-8")
CANVAS = Path("examples", "笔记库", "离散数学", "离散数学.canvas")
UNDERSTANDINGS = {
    # understanding: its question, the material above that
    "42cd1e2b6290925f": ("cad0fd120c3eacde", "d8025049e9ccbc4f"),
    "a6efbd265597db8e": ("6d78f080df50ce42", "96abb06192694205"),
    "2e977956a0686b4c": ("7f5b08bc0ff07a03", "1d3d0a75883e3c96"),
    "f5d695a3f9688276": ("a24fef1980e92120", "5f2f808b40d0fddd"),
    "c3e73a551dfb8fbe": ("951251a9a7e54397", "03513103bb8028a6"),
    "89f97cfb79507d9e": ("48b160137b631145", "ac8d0ef5c9901613"),
}
"""What a person reads off the canvas. Three more yellow nodes are empty or hold a placeholder."""

RED = {
    # red node: the material above it (None: it is material itself), its first understanding that says something
    "96abb06192694205": (None, None),
    "6d78f080df50ce42": ("96abb06192694205", "a6efbd265597db8e"),
    "412ef0447154ba9b": ("96abb06192694205", None),
    "f57a77cfa7b1ec87": ("3845bfecdcea80f1", None),
    "2e159a778c44c0d0": ("071e51a6542ef8ac", None),
    "48b160137b631145": ("ac8d0ef5c9901613", "89f97cfb79507d9e"),
    "d3c1c90ea0d6cb50": ("e06b4c1217f99f67", None),
}


class Sentence:
    """A sentence of the guide, run: the sessions by node, and what the provider counted."""

    def __init__(self, reader: Reader, said: str) -> None:
        (line,) = re.findall(rf"\*\*“{said}”\*\*\n```console\n\$ (.+)\n", GUIDE)
        arguments = shlex.split(line.replace("openai:simulated", "openai:simulated --json"))
        done = subprocess.run(
            arguments,
            cwd=reader.folder,
            env=reader.environ | {"OPENAI_BASE_URL": f"http://{reader.address}/v1", "OPENAI_API_KEY": "simulated"},
            executable=str(reader.folder / ".programs" / "parallel-agents"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        body = body_of(done.stdout)
        assert body["overall_status"] == "completed"
        self.sessions = {session["input_data"]["node_id"]: session for session in body["agent_execution_sessions"]}
        assert len(self.sessions) == body["task_queue"]["total_tasks"] == body["task_queue"]["completed_tasks"]
        with urllib.request.urlopen(f"http://{reader.address}/stats") as answer:
            self.counted: dict[str, Any] = json.loads(answer.read())
        canvas: dict[str, Any] = json.loads((reader.folder / CANVAS).read_text(encoding="utf-8"))
        self.texts = {node["id"]: self._text(reader.folder, node) for node in canvas["nodes"]}

    def inputs(self, *names: str) -> dict[str, tuple[Any, ...]]:
        """The named inputs of every task, by its node."""
        return {node: tuple(session["input_data"][name] for name in names) for node, session in self.sessions.items()}

    def asked_as_told(self, agent_name: str) -> None:
        """Each task was asked once, in the agent's own words about its own input, and nothing else was asked."""
        spec, _ = read_spec(Path(str(files("parallel_agents.agents").joinpath("builtin", f"{agent_name}.md"))))
        prompts = [
            _digest(system_prompt(spec), user_prompt(tuple(spec.inputs), session["input_data"]))
            for session in self.sessions.values()
        ]
        assert self.counted["by_prompt"] == dict.fromkeys(prompts, 1)
        assert self.counted["by_status"] == {"200": len(self.sessions)}
        for session in self.sessions.values():
            assert session["agent_name"] == agent_name
            assert (session["status"], session["result"]["status"]) == ("completed", "success")
            assert session["result"]["model"] == "openai:simulated"
            assert set(session["result"]["quality"]) <= {"duplicate"}  # what is made up repeats itself

    @staticmethod
    def _text(folder: Path, node: Mapping[str, Any]) -> str:
        if node["type"] != "file":
            return node.get("text", "")
        note = (folder / CANVAS.parents[1] / node["file"]).read_text(encoding="utf-8")
        return note.split("---\n", 2)[2]


def _digest(system: str, user: str) -> str:
    turns = [["system", system], ["user", user]]
    return hashlib.sha256(json.dumps(turns, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


@pytest.fixture
def reader(tmp_path: Path) -> Generator[Reader]:
    reader = Reader(tmp_path, "zh", os.environ)
    try:
        reader.type(Command(f"parallel-agents simulate-provider --port {ADDRESS.split(':')[1]}"), 0)
        yield reader
    finally:
        reader.close()


def is_made_of(text: str, *parts: str) -> bool:
    """Whether the plain words of all parts stand in a text."""
    return all(" ".join(part.split()) in " ".join(text.split()) for part in parts)


def plain_question(text: str) -> str:
    """A question without its type before it and the hint below it."""
    return re.sub(r"^\*\*\[.+?\]\*\*\s*", "", text).split("\n\n💡")[0].strip()


def test_all_yellow_nodes_are_explained_with_the_material_and_question_above_them(reader: Reader) -> None:
    ran = Sentence(reader, "所有黄色节点批量生成解释")
    ran.asked_as_told("oral-explanation")
    found = ran.inputs("user_understanding", "material_content", "topic")
    assert set(found) == set(UNDERSTANDINGS)
    for node, (understanding, material, topic) in found.items():
        question_id, material_id = UNDERSTANDINGS[node]
        assert understanding.strip() == ran.texts[node].strip()
        assert is_made_of(material, ran.texts[material_id], plain_question(ran.texts[question_id]))
        assert topic


def test_all_understandings_are_scored_against_their_questions_and_material(reader: Reader) -> None:
    ran = Sentence(reader, "评分所有理解")
    ran.asked_as_told("scoring-agent")
    found = ran.inputs("user_understanding", "question_text", "reference_material")
    assert set(found) == set(UNDERSTANDINGS)
    for node, (understanding, question, material) in found.items():
        question_id, material_id = UNDERSTANDINGS[node]
        assert understanding.strip() == ran.texts[node].strip()
        assert question.strip() == plain_question(ran.texts[question_id])
        assert material.strip() == ran.texts[material_id].strip()
        assert 0 <= ran.sessions[node]["result"]["output_data"]["total_score"] <= 100


def test_all_red_nodes_are_broken_down_with_what_stands_above_and_below_them(reader: Reader) -> None:
    ran = Sentence(reader, "拆解所有红色节点")
    ran.asked_as_told("basic-decomposition")
    found = ran.inputs("material_content", "user_understanding")
    assert set(found) == set(RED)
    for node, (material, understanding) in found.items():
        material_id, understanding_id = RED[node]
        above = [] if material_id is None else [ran.texts[material_id]]
        assert is_made_of(material, plain_question(ran.texts[node]), *above)
        assert understanding == (None if understanding_id is None else ran.texts[understanding_id])
        assert ran.sessions[node]["result"]["output_data"]["sub_questions"]


def test_the_english_guide_has_the_same_three_commands() -> None:
    english = (GUIDES / "parallel_execution_guide.en.md").read_text(encoding="utf-8")
    typed = [[step.text for step in steps_of(page) if isinstance(step, Command)] for page in (GUIDE, english)]
    for said in ("--select yellow", "--select understanding", "--select red"):
        assert [text for text in typed[0] if said in text] == [text for text in typed[1] if said in text] != []
