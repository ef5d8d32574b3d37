from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.documents import body_of

COMMAND = (sys.executable, "-m", "parallel_agents")


class Simulator:
    """A running `simulate-provider`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/stats", timeout=10) as answer:
            return json.load(answer)


class Shell:
    """Runs commands of ours in a folder of the test, against one journal."""

    def __init__(self, folder: Path, simulator_url: str) -> None:
        self.folder = folder
        self.journal = folder / "journal.sqlite3"
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PARALLEL_AGENTS")},
            "PARALLEL_AGENTS_JOURNAL": str(self.journal),
            "OPENAI_BASE_URL": f"{simulator_url}/v1",
            "OPENAI_API_KEY": "sk-test",
            "ANTHROPIC_BASE_URL": simulator_url,
            "ANTHROPIC_API_KEY": "sk-test",
        }

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def document(self, *arguments: str | Path) -> dict[str, Any]:
        done = self.run(*arguments)
        assert done.returncode in {0, 1}, done.stderr
        return body_of(done.stdout)

    def canvas(self, nodes: int) -> Path:
        path = self.folder / "笔记 库.canvas"
        texts = [
            f"# 第 {number} 节\n命题 {number}：若一个整数能被 {number + 2} 整除，则它有这个因数。"
            for number in range(nodes)
        ]
        items = [
            {"id": f"n{number}", "type": "text", "text": text, "x": 0, "y": 200 * number, "width": 300, "height": 100}
            for number, text in enumerate(texts)
        ]
        path.write_text(json.dumps({"nodes": items, "edges": []}, ensure_ascii=False), encoding="utf-8")
        return path


def wait_until(happened: Callable[[], bool], within_s: float = 20.0) -> None:
    """Poll something outside this process, which cannot signal us."""
    deadline = time.monotonic() + within_s
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {within_s} s")
        os.sched_yield()
        time.sleep(0.01)


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.fixture
def simulator(request: pytest.FixtureRequest) -> Generator[Simulator]:
    latency = str(getattr(request, "param", 0.0))
    process = subprocess.Popen([*COMMAND, "simulate-provider", "--latency", latency], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        yield Simulator(first.rsplit(" ", 1)[-1].strip())
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture
def shell(tmp_path: Path, simulator: Simulator) -> Shell:
    return Shell(tmp_path, simulator.url)


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., None]:
    return wait_until


@pytest.fixture(name="descendants")
def _descendants() -> Callable[[int], list[psutil.Process]]:
    return descendants
