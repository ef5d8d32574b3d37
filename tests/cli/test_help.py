from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_the_written_help_is_what_the_commands_say_themselves() -> None:
    done = python(str(ROOT / "scripts" / "write_help.py"), "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [(), ("run",), ("agents", "show"), ("config", "check")])
def test_help_loads_nothing_but_itself(command: tuple[str, ...]) -> None:
    program = (
        "import sys; sys.argv[0] = 'parallel-agents'; from parallel_agents.cli import main; main(); "
        "heavy = {'cyclopts', 'rich', 'msgspec', 'apsw', 'asyncio', 'psutil'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = python("-c", program, *command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(" ".join(("Usage: parallel-agents", *command)))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("agents", "list"), "scoring-agent"),
        (("agents", "show", "oral-explanation"), "举个例子"),
        (("agents", "check", str(ROOT / "examples" / "python_agent" / "word-count.md")), "word-count is fine"),
        (("config", "check", str(ROOT / "config" / "parallel_agents.yaml")), "is fine"),
        (("config", "show"), '"max_concurrent_limit": 10'),
        (("--version",), "0.1.0"),
    ],
)
def test_what_there_is_can_be_looked_at(command: tuple[str, ...], words: str) -> None:
    done = python("-m", "parallel_agents", *command)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


def test_a_wrong_agent_file_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "my-agent.md"
    path.write_text("---\nname: my-agent\ndescription: x\nreeds: [material]\n---\nprompt\n", encoding="utf-8")
    done = python("-m", "parallel_agents", "agents", "check", str(path))
    assert done.returncode == 2
    assert f"{path}:4" in done.stderr
    assert "Did you mean 'reads'" in done.stderr
