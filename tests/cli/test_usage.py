"""Mistakes in a command line are told at once, and exactly those that the parsing library would refuse too."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from parallel_agents.cli.app import app
from parallel_agents.cli.usage import complaint_of

ROOT = Path(__file__).parents[2]
HEAVY = ("cyclopts", "rich", "msgspec", "apsw", "asyncio", "psutil", "ruamel", "aiohttp")

WRONG = {
    ("frobnicate",): "unknown command 'frobnicate'. The commands are",
    ("rnu", "x"): "Did you mean 'run'?",
    ("--frobnicate",): "unknown option '--frobnicate'",
    ("run",): "SOURCE is missing. `parallel-agents run --help`",
    ("run", "a", "b"): "unexpected argument 'b'",
    ("run", "a", "--agnt", "x"): "unknown option '--agnt'. Did you mean '--agent'?",
    ("run", "a", "--agent"): "--agent needs a value",
    ("run", "a", "--agent", "--json"): "--agent needs a value",
    ("run", "a", "--agent", "x", "--model", "y", "--model", "z"): "--model is given twice",
    ("run", "a", "--max-concurrent", "2.7"): "--max-concurrent: '2.7' is not a whole number",
    ("run", "a", "--max-concurrent=many"): "--max-concurrent: 'many' is not a whole number",
    ("run", "a", "--no-json"): "unknown option '--no-json'",
    ("run", "a", "-x"): "unknown option '-x'",
    ("simulate-provider", "--latency", "abc"): "--latency: 'abc' is not a number",
    ("agents", "lst"): "Did you mean 'list'? The commands are check, list, show. `parallel-agents agents --help`",
    ("agents", "show"): "NAME is missing. `parallel-agents agents show --help`",
    ("agents", "check"): "PATH is missing",
    ("config", "show", "a", "b"): "unexpected argument 'b'",
    ("completion", "powershell"): "SHELL: 'powershell' is not one of bash, zsh, fish",
    ("status", "a", "b"): "unexpected argument 'b'",
}
RIGHT = [
    ("run", "a.canvas"),
    ("run", "a.canvas", "--agent=x", "--model", "offline", "--json", "-q"),
    ("run", "--agent", "x", "a.canvas", "--max-concurrent", "3"),
    ("run", "a.canvas", "--max-concurrent", "-1"),
    ("run", "--", "a.canvas"),
    ("retry", "exec-1", "--task", "a", "--task", "b"),
    ("resume",),
    ("status", "--json"),
    ("agents", "check", "a.md", "b.md", "c.md"),
    ("simulate-provider", "--port", "0", "--latency", "0.5"),
    ("simulate-provider", "--latency=-1"),
    ("completion", "bash"),
]


def library_refuses(arguments: tuple[str, ...]) -> bool:
    try:
        app.parse_args(list(arguments), exit_on_error=False, print_error=False)
    except CycloptsError:
        return True
    return False


@pytest.mark.parametrize(("arguments", "words"), WRONG.items(), ids=lambda value: " ".join(value))
def test_a_mistake_is_found_and_the_library_agrees_that_it_is_one(arguments: tuple[str, ...], words: str) -> None:
    assert words in (complaint_of(arguments) or "")
    assert library_refuses(arguments)


@pytest.mark.parametrize("arguments", RIGHT, ids=" ".join)
def test_nothing_is_refused_that_the_library_takes(arguments: tuple[str, ...]) -> None:
    assert complaint_of(arguments) is None
    assert not library_refuses(arguments)


def test_every_example_of_the_help_is_a_command_that_can_be_given() -> None:
    examples = tomllib.loads((ROOT / "scripts" / "help" / "examples.toml").read_text(encoding="utf-8"))
    for name, listed in examples.items():
        assert 2 <= len(listed) <= 4, name
        for example in listed:
            program, *words = shlex.split(example["run"].split(" > ")[0])
            assert program == "parallel-agents"
            assert name == "parallel-agents" or " ".join(words).startswith(name)
            assert complaint_of(words) is None, example["run"]
            assert not library_refuses(tuple(words)), example["run"]


@pytest.mark.parametrize("arguments", [("frobnicate",), ("run",), ("run", "a", "--agnt", "x"), ("agents", "lst")])
def test_a_usage_error_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    program = (
        "import sys; sys.argv = ['parallel-agents', *sys.argv[1:]]\n"
        "from parallel_agents.cli import main\n"
        "try:\n    main()\n"
        f"except SystemExit as end:\n    print(end.code, sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "2 []\n", done.stderr
    assert "says how to use it" in done.stderr
