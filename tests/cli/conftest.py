from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

AGENT = """---
name: picky
description: refuses what says no
reads: [material]
inputs:
  material_content: required
entry: picky.py:run
limits:
  retry_attempts: 0
---
"""
PROGRAM = """
from parallel_agents.core.errors import ItemError

async def run(context):
    if "refuse" in context.input["material_content"]:
        raise ItemError("refused:\\n\\x1b[31mit says no")
    return {"seen": context.input["material_content"]}
"""


class Shell:
    """Runs commands in a folder of the test, against a journal of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("PARALLEL_AGENTS")}
        self.environ["PARALLEL_AGENTS_JOURNAL"] = str(folder / "journal.sqlite3")
        self.environ["PARALLEL_AGENTS_LANG"] = "en"
        self._started: list[subprocess.Popen[str]] = []

    def end(self) -> None:
        """End what a test that failed left running, so that it fails alone."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
                process.communicate(timeout=20)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "parallel_agents", *map(str, arguments)],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._started.append(process)
        return process

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell in which `pa` is the command."""
        line = f'pa() {{ "{sys.executable}" -m parallel_agents "$@"; }}; {script}'
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def canvas(self, *texts: str) -> Path:
        path = self.folder / "课 件.canvas"
        nodes = [
            {"id": f"n{number}", "type": "text", "text": text, "x": 0, "y": 200 * number, "width": 300, "height": 100}
            for number, text in enumerate(texts)
        ]
        path.write_text(json.dumps({"nodes": nodes, "edges": []}, ensure_ascii=False), encoding="utf-8")
        return path


def material(number: int) -> str:
    return f"命题 {number}：若一个整数能被 {number + 2} 整除，则 {number + 2} 是它的因数，这就是整除的定义。"


@pytest.fixture
def shell(tmp_path: Path) -> Generator[Shell]:
    shell = Shell(tmp_path)
    shell.canvas(*(material(number) for number in range(4)))
    (tmp_path / "picky.md").write_text(AGENT, encoding="utf-8")
    (tmp_path / "picky.py").write_text(PROGRAM, encoding="utf-8")
    yield shell
    shell.end()


@pytest.fixture
def slow_model(shell: Shell) -> Generator[None]:
    """The simulated provider, half a second an answer, as `openai:simulated` of this shell."""
    process = shell.start("simulate-provider", "--latency", "0.5")
    try:
        assert process.stdout is not None
        url = process.stdout.readline().rsplit(" ", 1)[-1].strip()
        shell.environ.update(OPENAI_BASE_URL=f"{url}/v1", OPENAI_API_KEY="sk-test")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)
