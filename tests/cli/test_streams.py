"""A reader that goes away ends no run; what a terminal cannot show ends none either."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

import pytest
from tests.documents import body_of, sessions_of

from parallel_agents.cli.streams import one_line

RUN = 'run "课 件.canvas" --agent basic-decomposition --model offline --output out.json'


class Shell(Protocol):
    """See conftest."""

    folder: Path

    def sh(self, script: str) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


def completed(shell: Shell) -> int:
    return body_of(shell.folder / "out.json")["task_queue"]["completed_tasks"]


@pytest.mark.parametrize(
    "script",
    [
        f"pa {RUN} 2>&1 | head -1; exit ${{PIPESTATUS[0]}}",
        f"pa {RUN} 2>&1 | true; exit ${{PIPESTATUS[0]}}",
        f"pa {RUN} --json | true; exit ${{PIPESTATUS[0]}}",
        f"pa {RUN} >&- 2>&-",
        f"pa {RUN} 2>/dev/full",
    ],
)
def test_a_run_that_nobody_listens_to_runs_to_its_end(shell: Shell, script: str) -> None:
    done = shell.sh(script)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert completed(shell) == 4


@pytest.mark.parametrize("command", [RUN, "status", "status --json", "--help", "--version", "agents list"])
def test_output_that_cannot_be_written_is_said_in_one_line(shell: Shell, command: str) -> None:
    done = shell.sh(f"pa {command} >/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "parallel-agents: cannot write standard output: no space left on device"
    assert "Traceback" not in done.stderr
    if command == RUN:
        assert completed(shell) == 4


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_is_json_in_every_encoding(shell: Shell, encoding: str) -> None:
    done = shell.sh(f"PYTHONIOENCODING={encoding} pa {RUN} --json")
    assert done.returncode == 0, done.stderr
    sessions = sessions_of(done.stdout)
    assert any("命题" in str(session["input_data"]) for session in sessions)
    assert shell.sh(f"PYTHONIOENCODING={encoding} pa status").returncode == 0


def test_what_an_agent_says_cannot_steer_the_terminal_or_make_lines_of_its_own(shell: Shell) -> None:
    shell.canvas("refuse this material, long enough to be read")
    done = shell.sh('pa run "课 件.canvas" --agent picky.md --output out.json')
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "failed    node n0: refused: [31mit says no" in done.stderr
    assert "failed node n0: refused: [31mit says no" in done.stdout


def test_one_line_keeps_every_printable_character() -> None:
    assert one_line("逆否\u2028命题\n\t💡 \x1b[0m ok\n") == "逆否 命题 💡  [0m ok"
