"""A reader who follows a page in a folder of its own: saves its files, types its commands, looks at what comes out."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.docs.expectation import Ids
from tests.docs.pages import Command, SavedFile

ROOT = Path(__file__).parents[2]
ADDRESS = "127.0.0.1:8765"
"""Where pages have the simulated provider; here it takes any free port."""

PATIENCE_S = 60.0
_SERVE = "parallel-agents simulate-provider"
_STATUS = "echo $?"


class Reader:
    """Follows the steps of a page. Close it: it may have a simulated provider running."""

    def __init__(self, folder: Path, language: str, environ: Mapping[str, str]) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("批量*"))
        shutil.copytree(ROOT / "config", folder / "config")
        self.environ = {name: value for name, value in environ.items() if not name.startswith("PARALLEL_AGENTS")}
        self.environ |= {
            "PARALLEL_AGENTS_JOURNAL": str(folder / "journal.sqlite3"),
            "PARALLEL_AGENTS_LANG": language,
            "XDG_STATE_HOME": str(folder / "state"),
            "PATH": f"{self._programs()}{os.pathsep}{environ['PATH']}",
        }
        self.ids = Ids()
        self.address = ADDRESS
        self.printed: list[tuple[str, str]] = []
        """Every command as it was typed, and what it printed."""
        self._code = 0
        self._server: subprocess.Popen[str] | None = None

    def close(self) -> None:
        """End the simulated provider."""
        if self._server is not None:
            self._server.terminate()
            self._server.communicate(timeout=20)

    def follow(self, steps: list[SavedFile | Command]) -> None:
        """Take every step; each command has to show what the page shows, and to end as it says."""
        for number, step in enumerate(steps):
            following = steps[number + 1] if number + 1 < len(steps) else None
            if isinstance(step, SavedFile):
                self.save(step)
            else:
                self.type(step, expected_code(step, following))

    def save(self, file: SavedFile) -> None:
        """Save a file, never over another one of the folder."""
        path = self.folder / file.path
        assert not path.exists(), f"{file.path} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")

    def type(self, command: Command, code: int) -> None:
        """Run a command and compare."""
        text = self.ids.in_place(command.text).replace(ADDRESS, self.address)
        printed = self._serve(text) if text.startswith(_SERVE) else self._run(text, command.interrupted_after, code)
        self.printed.append((text, printed))
        output = [line.replace(self.address, ADDRESS) for line in printed.splitlines()]
        for line in command.lines:
            assert self.ids.bind(line, output), f"$ {text}\nshows no line like\n{line}\nbut\n{printed}"

    def _run(self, text: str, interrupted_after: str | None, code: int) -> str:
        # Variables that a command sets are there for the next one, as in a terminal.
        state = self.folder / ".state"
        state.touch()
        script = f"set -a; . ./.state; (exit {self._code})\n{text}\ncode=$?\nexport -p > .state; exit $code"
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        seen = "" if interrupted_after is None else self._interrupt(process, interrupted_after)
        try:
            printed = seen + process.communicate(timeout=PATIENCE_S)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"$ {text}\nhas not ended after {PATIENCE_S} s: {process.communicate()[0]}") from None
        assert process.returncode == code, f"$ {text}\nended with {process.returncode}, not {code}:\n{printed}"
        self._code = process.returncode
        return printed

    def _interrupt(self, process: subprocess.Popen[str], line: str) -> str:
        """Read until the line is there, then do what Ctrl-C does: the whole group gets the signal."""
        assert process.stdout is not None
        seen = ""
        while not self.ids.bind(line, seen.splitlines()[-1:]):
            read = process.stdout.readline()
            assert read, f"ended before {line!r} was shown:\n{seen}"
            seen += read
        os.killpg(process.pid, signal.SIGINT)
        return seen + process.stdout.read()

    def _serve(self, text: str) -> str:
        assert self._server is None, "a page starts the simulated provider once"
        arguments = re.sub(r"--port \d+", "--port 0", text)
        self._server = subprocess.Popen(
            ["bash", "-c", f"exec {arguments}"], cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, text=True
        )
        assert self._server.stdout is not None
        printed = "".join(self._server.stdout.readline() for _ in range(4))
        (self.address,) = re.findall(r"^OPENAI_BASE_URL=http://(.+)/v1$", printed, re.MULTILINE)
        return printed

    def _programs(self) -> Path:
        """The command as it is called when it is installed, of the code that is tested."""
        programs = self.folder / ".programs"
        programs.mkdir()
        for name, arguments in (("parallel-agents", " -m parallel_agents"), ("python", "")):
            path = programs / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n', encoding="utf-8")
            path.chmod(0o755)
        return programs


def expected_code(command: Command, following: SavedFile | Command | None) -> int:
    """How a command ends: as `echo $?` below it shows, else with 0."""
    if command.text != _STATUS and isinstance(following, Command) and following.text == _STATUS:
        return int(following.shown[0])
    return 0
