from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from parallel_agents.cli.fasthelp import FOLDER, text_for

ROOT = Path(__file__).parents[2]


def python(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_the_written_help_is_what_the_commands_say_themselves() -> None:
    done = python(str(ROOT / "scripts" / "write_help.py"), "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [(), ("run",), ("agents", "show"), ("config", "check")])
def test_help_loads_nothing_but_itself(command: tuple[str, ...]) -> None:
    done = helped(command)
    assert done.stdout.startswith(" ".join(("Usage: parallel-agents", *command)))
    assert "\nExamples:\n  # " in done.stdout


@pytest.mark.parametrize("command", [(), ("run",), ("config", "docs")])
def test_help_is_chinese_for_a_chinese_reader(command: tuple[str, ...]) -> None:
    done = helped(command, PARALLEL_AGENTS_LANG="", LC_ALL="zh_CN.UTF-8")
    assert done.stdout.startswith(" ".join(("用法： parallel-agents", *command)))
    assert "\n示例：\n  # " in done.stdout


def helped(command: tuple[str, ...], **environ: str) -> subprocess.CompletedProcess[str]:
    program = (
        "import sys; sys.argv[0] = 'parallel-agents'; from parallel_agents.cli import main; main(); "
        "heavy = {'cyclopts', 'rich', 'msgspec', 'apsw', 'asyncio', 'psutil'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = python("-c", program, *command, "--help", **environ)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["run", "a.canvas", "--help"], "Usage: parallel-agents run "),
        (["run", "--agent", "x", "-h"], "Usage: parallel-agents run "),
        (["agents"], "Usage: parallel-agents agents COMMAND"),
        (["agents", "show", "x", "--help"], "Usage: parallel-agents agents show "),
        ([], "Usage: parallel-agents COMMAND"),
    ],
)
def test_help_is_given_wherever_it_is_asked_for(arguments: list[str], start: str) -> None:
    assert (text_for(arguments, "en") or "").startswith(start)


@pytest.mark.parametrize(
    "arguments", [["run", "--", "--help"], ["frobnicate", "--help"], ["agents_show", "--help"], ["../x", "-h"]]
)
def test_no_help_is_made_up(arguments: list[str]) -> None:
    assert text_for(arguments, "en") is None


def test_help_keeps_to_80_columns_but_for_commands_to_copy() -> None:
    pages = list(FOLDER.rglob("*.txt"))
    assert len(pages) >= 30
    for page in pages:
        for line in page.read_text(encoding="utf-8").splitlines():
            assert cell_len(line) <= 80 or line.startswith(("  parallel-agents ", "Usage:", "用法：")), line


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("agents", "list"), "scoring-agent"),
        (("agents", "show", "oral-explanation"), "举个例子"),
        (("agents", "check", str(ROOT / "examples" / "python_agent" / "word-count.md")), "word-count is fine"),
        (("config", "check", str(ROOT / "config" / "parallel_agents.yaml")), "is fine"),
        (("agents", "list", "--json"), '"name": "scoring-agent"'),
        (("agents", "show", "scoring-agent", "--json"), '"timeout_s": 30.0'),
        (("config", "show"), '"max_concurrent_limit": 10'),
        (("config", "show", "--origin"), "parallel_processing.max_concurrent_limit = 10  # "),
        (("config", "docs", "--language", "en"), "max_concurrent_limit"),
        (("config", "docs", "--language", "zh"), "配置文件的全部键"),
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


def test_the_page_about_the_configuration_replaces_no_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.md"
    done = python("-m", "parallel_agents", "config", "docs", "--output", str(path))
    assert done.stdout == f"{path}\n"
    assert "max_concurrent_limit" in path.read_text(encoding="utf-8")
    path.write_text("mine", encoding="utf-8")
    again = python("-m", "parallel_agents", "config", "docs", "--output", str(path))
    assert again.returncode == 2
    assert "it is there already" in again.stderr
    assert path.read_text(encoding="utf-8") == "mine"


def test_an_origin_names_the_line_and_the_variable(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("parallel_processing:\n  min_concurrent: 2\n", encoding="utf-8")
    done = python(
        *("-m", "parallel_agents", "config", "show", "--origin", str(path)),
        PARALLEL_AGENTS__PARALLEL_PROCESSING__DEFAULT_MAX_CONCURRENT="5",
    )
    lines = done.stdout.splitlines()
    assert f"parallel_processing.min_concurrent = 2  # {path}:2" in lines
    variable = "PARALLEL_AGENTS__PARALLEL_PROCESSING__DEFAULT_MAX_CONCURRENT"
    assert f"parallel_processing.default_max_concurrent = 5  # {variable}" in lines
    assert "parallel_processing.max_concurrent_limit = 10  # default" in lines
