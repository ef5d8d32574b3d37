"""Mistakes of users as data: what lies in the folder, what is typed, and the place that the one message must name."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

FOLDER = Path(__file__).parent
KINDS = {"configuration": "configurations.json", "task file": "task_files.json", "command line": "command_lines.json"}
JOURNAL = "日志.sqlite3"
MATERIAL = "命题与它的逆否命题等价，这是证明的常用方法。"
TASK: dict[str, Any] = {
    "agent_name": "basic-decomposition",
    "input_data": {"material_content": MATERIAL, "topic": "逆否命题"},
}
NODE: dict[str, Any] = {"id": "a", "type": "text", "text": MATERIAL, "x": 0, "y": 0, "width": 1, "height": 1}
GOOD = {
    "tasks.jsonl": json.dumps(TASK, ensure_ascii=False) + "\n",
    "good.canvas": json.dumps({"nodes": [NODE], "edges": []}, ensure_ascii=False),
}
"""What every folder has besides, so that nothing but the mistake is wrong."""


class Special(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a JSON file cannot well hold as a text: bytes, a text many times after another, or a directory."""

    base64: str | None = None
    repeat: tuple[str, int] | None = None
    before: str = ""
    directory: bool = False


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mistake. The message has each of the words `says` and none of the words `never`."""

    name: str
    arguments: list[str]
    says: Annotated[list[str], Meta(min_length=1)]
    files: dict[str, str | Special] = {}
    environ: dict[str, str] = {}
    never: list[str] = []


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did. `before` and `after` are all paths of its folder with their bytes."""

    code: int
    out: str
    err: str
    before: dict[str, bytes]
    after: dict[str, bytes]


def read_cases(kind: str) -> list[Case]:
    """Read the mistakes of one kind, strictly."""
    return msgspec.json.decode((FOLDER / KINDS[kind]).read_bytes(), type=list[Case])


def run(case: Case, folder: Path) -> Done:
    """Make the mistake in a fresh folder, as a process of its own."""
    for name, content in {**GOOD, **case.files}.items():
        _write(folder / name, content)
    before = _snapshot(folder)
    done = subprocess.run(
        [sys.executable, "-m", "parallel_agents", *case.arguments],
        cwd=folder,
        env=_environ(case, folder),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Done(code=done.returncode, out=done.stdout, err=done.stderr, before=before, after=_snapshot(folder))


def _environ(case: Case, folder: Path) -> dict[str, str]:
    ours = ("PARALLEL_AGENTS", "OPENAI", "ANTHROPIC", "LC_", "LANG")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}
    own = {"LC_ALL": "C.UTF-8", "HOME": str(folder), "PARALLEL_AGENTS_JOURNAL": str(folder / JOURNAL)}
    return {**kept, "XDG_STATE_HOME": str(folder), **own, **case.environ}


def _write(path: Path, content: str | Special) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    match content:
        case str():
            path.write_bytes(content.encode())
        case Special(directory=True):
            path.mkdir()
        case Special(base64=str(encoded)):
            path.write_bytes(base64.b64decode(encoded))
        case Special(repeat=(text, times), before=before):
            path.write_bytes((before + text * times).encode())
        case other:
            raise AssertionError(f"{path.name} has no content: {other}")


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}
