"""Completions, asked of real shells: bash always, zsh and fish where they are installed (.ci/run installs them).

No Tab may start the program: the scripts hold all they complete.
"""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from parallel_agents.cli.fasthelp import COMPLETIONS, SHELLS

INSTALLED = [shell for shell in SHELLS if shutil.which(shell)]
LIMIT_S = 30.0


class Asking(Protocol):
    """What a shell offers for the last word of a line."""

    def __call__(self, line: str) -> list[str]: ...


def script(shell: str) -> Path:
    return COMPLETIONS / f"parallel-agents.{shell}"


def in_bash(line: str) -> list[str]:
    # As readline calls it: words broken at COMP_WORDBREAKS, and the line itself.
    program = r"""
        source "$1"; COMP_LINE=$2; COMP_POINT=${#2}
        COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
        read -ra COMP_WORDS <<<"$(sed 's/[:=]/ & /g' <<<"$2")"
        [[ $2 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _parallel_agents
        printf '%s\n' "${COMPREPLY[@]}"
    """
    arguments = ["bash", "--norc", "-c", program, "bash", str(script("bash")), line]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def in_fish(line: str) -> list[str]:
    program = f"source {script('fish')}; complete -C {line!r}"
    done = subprocess.run(["fish", "-c", program], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return [offer.split("\t")[0] for offer in done.stdout.splitlines()]


def in_zsh(line: str) -> list[str]:
    """The line after Tab: zsh completes only in a terminal. A list of one; the line itself where it is not unique."""
    setup = (
        f"PS1= PS2=; fpath=({script('zsh').parent} $fpath); autoload -Uz compinit; compinit -u -D; "
        f"source {script('zsh')}; unsetopt autolist automenu listbeep; "
        "finish() { print -r -- \"<$BUFFER>\"; exit }; zle -N finish; bindkey '^X' finish; print -r READY-$((6 * 7))\n"
    )
    terminal, theirs = pty.openpty()
    zsh = subprocess.Popen(["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        os.write(terminal, setup.encode())
        read_until(terminal, "READY-42")
        os.write(terminal, f"{line}\t\x18".encode())
        shown = read_until(terminal, ">\r\n")
    finally:
        os.close(terminal)
        zsh.wait(LIMIT_S)
    return [shown.rpartition("<")[2].partition(">")[0].strip().rpartition(" ")[2]]


def read_until(terminal: int, mark: str) -> str:
    shown, deadline = b"", time.monotonic() + LIMIT_S
    while mark not in shown.decode(errors="replace"):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, shown
        shown += os.read(terminal, 4096)
    return shown.decode(errors="replace")


@pytest.fixture(params=INSTALLED)
def asking(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Asking]:
    before = Path.cwd()
    for name in ("canvas.canvas", "tasks.jsonl", "notes.txt", "my-agent.md", "my.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    os.chdir(tmp_path)
    yield {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}[request.param]
    os.chdir(before)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("parallel-agents ru", "run"),
        ("parallel-agents sim", "simulate-provider"),
        ("parallel-agents agents s", "show"),
        ("parallel-agents config d", "docs"),
        ("parallel-agents run --age", "--agent"),
        ("parallel-agents run --agent or", "oral-explanation"),
        ("parallel-agents run --agent my", "my-agent.md"),
        ("parallel-agents run --model off", "offline"),
        ("parallel-agents run --model an", "anthropic:"),
        ("parallel-agents run canvas.canvas --format c", "csv"),
        ("parallel-agents run --config m", "my.yaml"),
        ("parallel-agents run ca", "canvas.canvas"),
        ("parallel-agents run tas", "tasks.jsonl"),
        ("parallel-agents agents show sc", "scoring-agent"),
        ("parallel-agents completion f", "fish"),
        ("parallel-agents retry exec-1 --fai", "--failed"),
    ],
)
def test_a_shell_completes_the_word(asking: Asking, line: str, word: str) -> None:
    assert asking(line) == [word]


def test_only_sources_are_offered_as_a_source(asking: Asking) -> None:
    assert "notes.txt" not in asking("parallel-agents run n")
    assert "my.yaml" not in asking("parallel-agents run my")


def test_bash_lists_every_command_and_every_option() -> None:
    offers = in_bash("parallel-agents ")
    assert {"run", "resume", "retry", "status", "results", "events", "cancel", "agents", "config"} <= set(offers)
    assert {"--agent", "--model", "--nodes", "--select", "--quiet", "--json", "--help"} <= set(
        in_bash("parallel-agents run a.canvas -")
    )


def test_bash_takes_words_apart_where_readline_does() -> None:
    assert in_bash("parallel-agents run --agent=or") == ["oral-explanation"]
    assert in_bash("parallel-agents run --model=of") == ["offline"]
    assert in_bash("parallel-agents run --model openai:") == [""]


def test_no_completion_starts_the_program() -> None:
    for shell in SHELLS:
        lines = script(shell).read_text(encoding="utf-8").splitlines()
        calls = [
            line for line in lines if "$(parallel-agents" in line or "(parallel-agents" in line or "python" in line
        ]
        assert calls == []


def test_the_command_prints_the_script() -> None:
    for shell in SHELLS:
        done = subprocess.run(
            ["python", "-m", "parallel_agents", "completion", shell], capture_output=True, text=True, check=True
        )
        assert done.stdout == script(shell).read_text(encoding="utf-8")
