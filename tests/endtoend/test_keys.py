"""A planted key is searched for everywhere that something is written, and in every process while one runs."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import psutil

KEY = "sk-planted-7b41f0c2d9e85a36"
OTHER = "planted-under-a-name-that-says-nothing-51d0"
_AGENT = """---
name: leaky
description: Tells all that it knows.
entry: leaky.py:run
---
"""
_CODE = """
import asyncio, os, subprocess
from pathlib import Path

async def run(context):
    answer = await context.model.complete(context.input["text"])
    below = subprocess.run(["env"], capture_output=True, text=True).stdout
    ring = [Path(f"/proc/{pid}/environ").read_bytes().decode() for pid in ("self", os.getppid())]
    told = f"{dict(os.environ)} {below} {ring}"
    print(told)
    if context.input["text"] == "raise":
        raise ValueError(told)
    return {"told": told, "answer": answer.text}
"""
_CONFIG = "models:\n  anthropic:\n    api_key_env: PROVIDER_ACCOUNT\n"


class Simulator(Protocol):
    """See conftest."""

    url: str


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...


Wait = Callable[..., None]
Descendants = Callable[[int], list[psutil.Process]]


def tell(simulator: Simulator, **behaviour: Any) -> None:
    body = json.dumps(behaviour).encode()
    request = urllib.request.Request(f"{simulator.url}/behaviour", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def planted(shell: Shell) -> None:
    """The key under the provider's own name and in an address, another one under a name from the configuration."""
    shell.environ.update(
        OPENAI_API_KEY=KEY, ANTHROPIC_API_KEY=OTHER, PROVIDER_ACCOUNT=OTHER, PROXY=f"http://u:{KEY}@127.0.0.1:1"
    )
    (shell.folder / "leaky.md").write_text(_AGENT, encoding="utf-8")
    (shell.folder / "leaky.py").write_text(_CODE, encoding="utf-8")
    (shell.folder / "config.yaml").write_text(_CONFIG, encoding="utf-8")


def tasks(shell: Shell, *texts: str) -> Path:
    path = shell.folder / "tasks.jsonl"
    lines = [
        json.dumps({"agent_name": "leaky.md", "input_data": {"text": text}, "retry_attempts": 0}) for text in texts
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def holds_a_key(data: bytes) -> bool:
    return any(key.encode() in data for key in (KEY, OTHER))


def written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and holds_a_key(path.read_bytes())]


def environment_of(process: psutil.Process) -> bytes:
    try:
        return Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:
        return b""  # it has ended meanwhile


def test_no_key_is_written_or_told_by_runs_that_succeed_and_that_fail_in_every_way(
    shell: Shell, simulator: Simulator
) -> None:
    planted(shell)
    words: list[str] = []
    openai, anthropic = ("openai:simulated", KEY), ("anthropic:simulated", OTHER)
    for kind, (model, key) in (
        (None, openai),
        ("auth", openai),
        ("error", openai),
        ("auth", anthropic),
        ("invalid", anthropic),
        ("malformed", anthropic),
    ):
        faults = [] if kind is None else [{"kind": kind, "count": 6, "message": f"wrong key: {key}"}]
        tell(simulator, clear_faults=True, faults=faults)
        done = shell.run("run", tasks(shell, "fine", "raise"), "--model", model, "--config", "config.yaml")
        words += [done.stdout, done.stderr]
        execution_id = next(iter(done.stdout.split()), "")
        told = [shell.run(command, execution_id) for command in ("results", "events")]
        words += [text for one in told for text in (one.stdout, one.stderr)]
    everything = "".join(words)
    # The agents told what they had, and the provider what it was asked with.
    assert "'PATH': " in everything
    assert "wrong key: [key]" in everything
    assert not holds_a_key(everything.encode())
    assert written(shell.folder) == []


def test_no_process_below_the_engine_has_a_key_in_its_environment(
    shell: Shell, simulator: Simulator, wait_until: Wait, descendants: Descendants
) -> None:
    planted(shell)
    tell(simulator, latency_s=1.5)
    run = shell.start("run", tasks(shell, *(f"text {number}" for number in range(4))), "--model", "openai:simulated")
    wait_until(lambda: len(descendants(run.pid)) >= 4)
    seen = [environment_of(process) for process in descendants(run.pid)]
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, out + err
    assert sum(bool(environment) for environment in seen) >= 3
    assert all(b"PATH=" in environment for environment in seen if environment)
    assert not any(map(holds_a_key, seen))
