"""What an agent file may say of a command, and what the command line says of such an agent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from parallel_agents.agents.landingform import form_of
from parallel_agents.agents.parsing import parse_spec
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.agents.spec import Claude, Text
from parallel_agents.core.errors import AgentError

SPEC = """---
name: counts
description: d
command: [python3, count.py, --fast, other]
---
"""
CLAUDE = """---
name: asks
description: d
command: {preset: claude, max_budget_usd: 0.5}
network: true
---
Answer.
"""


def test_a_word_that_names_a_file_beside_the_agents_stands_for_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "count.py").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "counts.md").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    agents = AgentRegistry()
    agent = agents.resolve("counts.md")
    told = msgspec.msgpack.decode(agents.parameters(agents.record(agent, None)))
    assert told["command"] == ["python3", str(tmp_path / "count.py"), "--fast", "other"]
    assert (agent.needs_model, agent.reusable, agent.isolation) == (False, False, "process")


def test_what_the_preset_answers_is_text_unless_the_file_says_otherwise() -> None:
    spec = parse_spec(CLAUDE, "asks.md")
    assert spec.command == Claude(max_budget_usd=0.5)
    assert spec.output == Text()
    form = form_of(spec)
    assert form is not None
    assert form.kind == "explanation"


WRONG = {
    "no words": (SPEC.replace("[python3, count.py, --fast, other]", "[]"), r"counts\.md:4: .*wrong value at command"),
    "one text": (SPEC.replace("[python3, count.py, --fast, other]", "python3 count.py"), "wrong value at command"),
    "an entry too": (SPEC.replace("command:", "entry: a:b\ncommand:"), "has both `entry` and `command`"),
    "another level": (SPEC.replace("command:", "isolation: thread\ncommand:"), "asks for the `isolation` thread"),
    "reusable": (SPEC.replace("command:", "reusable: true\ncommand:"), "has `reusable: true`"),
    "a model": (SPEC.replace("command:", "model: x\ncommand:"), "has a `model`"),
    "a fallback": (SPEC.replace("command:", "fallback_model: x\ncommand:"), "has a `fallback_model`"),
    "a wrong variable": (SPEC.replace("command:", "env: [A=B]\ncommand:"), "wrong value at env"),
    "no limit": (SPEC.replace("command:", "output_limit_mb: 0\ncommand:"), "wrong value at output_limit_mb"),
    "a network without a command": (
        SPEC.replace("command: [python3, count.py, --fast, other]", "entry: a:b\nnetwork: true"),
        "has the key `network`, which only an agent with a `command` has",
    ),
    "an unknown preset": (CLAUDE.replace("preset: claude", "preset: other"), "wrong value at command"),
    "no budget": (CLAUDE.replace(", max_budget_usd: 0.5", ""), "missing required field `max_budget_usd`"),
    "no network": (CLAUDE.replace("network: true\n", ""), "works over the network only"),
    "no prompt": (CLAUDE.replace("Answer.\n", ""), "has no prompt below its front matter"),
    "too long a prompt": (CLAUDE + "x" * 100_001, "has a prompt of more than 100000 bytes"),
}


@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG.keys())
def test_what_a_command_cannot_have_is_refused_and_named(text: str, problem: str) -> None:
    place = "asks.md" if "asks" in text else "counts.md"
    with pytest.raises(AgentError, match=problem):
        parse_spec(text, place)


def test_the_command_line_shows_what_a_command_is_given(tmp_path: Path) -> None:
    path = tmp_path / "asks.md"
    path.write_text(CLAUDE.replace("network:", "env: [ANTHROPIC_API_KEY]\nnetwork:"), encoding="utf-8")

    def said(*words: str) -> str:
        words = (sys.executable, "-m", "parallel_agents", "agents", *words, str(path))
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    assert said("check") == f"{path}: asks is fine\n"
    shown = [line.split(maxsplit=1) for line in said("show").splitlines()]
    assert ["variables", "ANTHROPIC_API_KEY"] in shown
    assert ["network", "open"] in shown
    told = json.loads(said("show", "--json"))
    assert (told["is_command"], told["env"], told["network"]) == (True, ["ANTHROPIC_API_KEY"], True)
