"""Canvases, notes and links that try to reach what lies outside the vault."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Protocol

import pytest
from tests.documents import body_of

SECRET = "机密：这段话不在仓库里，任何任务都不该看到它，它也不该出现在结果中。"
INSIDE = "命题：若一个整数能被另一个整除，则后者是它的因数，这就是整除的定义。"
OFFLINE = ("--agent", "basic-decomposition", "--model", "offline")


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...


class Canary:
    """Notices every file or folder below a place that is opened, read, written, made or removed, by any process.

    Looking up what a path leads to (`stat`, `readlink`) is no reading and is not noticed.
    """

    # IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_OPEN, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE
    _EVENTS = 0x1 | 0x2 | 0x4 | 0x20 | 0x40 | 0x80 | 0x100 | 0x200
    _HEAD = struct.Struct("iIII")

    def __init__(self, place: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK)
        folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
        for folder in folders:
            assert self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), self._EVENTS) > 0

    def heard(self) -> list[str]:
        """Names of what was touched since the last call; "" for a watched folder itself."""
        names: list[str] = []
        try:
            told = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return names
        while told:
            _, _, _, length = self._HEAD.unpack_from(told)
            names.append(told[self._HEAD.size : self._HEAD.size + length].rstrip(b"\0").decode())
            told = told[self._HEAD.size + length :]
        return names

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def outside(shell: Shell) -> Path:
    place = shell.folder / "外面"
    (place / "深").mkdir(parents=True)
    for name in ("机密.md", "深/机密.md"):
        (place / name).write_text(SECRET, encoding="utf-8")
    nodes = [{"id": "s", "type": "text", "text": SECRET, "x": 0, "y": 0, "width": 9, "height": 9}]
    (place / "机密.canvas").write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    return place


@pytest.fixture
def canary(outside: Path) -> Generator[Canary]:
    canary = Canary(outside)
    yield canary
    canary.close()


@pytest.fixture
def vault(shell: Shell, outside: Path) -> Path:
    """A vault with notes of odd names and links of every kind, and a canvas that names all of them and more."""
    vault = shell.folder / "笔记 库 📚"
    (vault / ".obsidian").mkdir(parents=True)
    (vault / "子 夹").mkdir()
    good = ["普通.md", "有 空格.md", "😀.md", "子 夹/CON.md", "子 夹/nul.md", "子 夹/名" + "长" * 80 + ".md", "a\\b.md"]
    for name in good:
        (vault / name).write_text(f"# {name}\n{INSIDE}", encoding="utf-8")
    (vault / "链接.md").symlink_to(outside / "机密.md")
    (vault / "链接夹").symlink_to(outside)
    (vault / "两步.md").symlink_to(vault / "链接夹" / "深" / "机密.md")
    (vault / "里面.md").symlink_to(vault / "普通.md")
    (vault / "图.canvas").symlink_to(outside / "机密.canvas")
    (vault / "环.md").symlink_to(vault / "环.md")
    bad = [
        f"../{outside.name}/机密.md", f"子 夹/../../{outside.name}/机密.md", str(outside / "机密.md"),
        f"..\\{outside.name}\\机密.md", "C:\\机密.md", "c:/机密.md", "C:机密.md", "\\\\server\\share\\机密.md",
        f"//{outside}/机密.md", "链接.md", "链接夹/机密.md", "链接夹/深/../机密.md", "两步.md", "环.md",
        "长" * 300 + ".md", "x" * 300 + ".md", "a\0.md", "", "/", ".", "..", "~/机密.md", "$HOME/机密.md",
        "%2e%2e/机密.md", f"file://{outside}/机密.md", "没有.md",
    ]  # fmt: skip
    files = [*good, "里面.md", "./子 夹//CON.md", *bad]
    nodes = [
        {"id": f"f{number}", "type": "file", "file": file, "x": 0, "y": 200 * number, "width": 300, "height": 100}
        for number, file in enumerate(files)
    ]
    (vault / "子 夹" / "图.canvas").write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    return vault


GOOD = 9
"""File nodes of the canvas that lead to a note of the vault; the first ones."""


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def test_the_canary_hears_a_look_into_a_folder_a_read_and_a_write(canary: Canary, outside: Path) -> None:
    assert canary.heard() == []
    os.stat(outside / "机密.md")  # noqa: PTH116 - the very call
    assert canary.heard() == []
    (outside / "深" / "机密.md").read_bytes()
    assert set(canary.heard()) == {"机密.md"}
    list((outside / "深").iterdir())
    assert canary.heard() != []
    (outside / "neu").touch()
    assert "neu" in canary.heard()


def test_a_canvas_reads_its_notes_and_nothing_beyond_its_vault(shell: Shell, vault: Path, canary: Canary) -> None:
    before = everything(vault)
    done = shell.run("run", vault / "子 夹" / "图.canvas", *OFFLINE, "--output", "out.json")
    assert canary.heard() == []
    assert done.returncode == 0, done.stderr
    taken = [session["input_data"] for session in body_of(shell.folder / "out.json")["agent_execution_sessions"]]
    assert [one["node_id"] for one in taken] == [f"f{number}" for number in range(GOOD)]
    assert all(INSIDE in one["material_content"] for one in taken)
    nodes = json.loads((vault / "子 夹" / "图.canvas").read_text(encoding="utf-8"))["nodes"]
    refused = [line for line in done.stderr.splitlines() if line.startswith("skipped   node f")]
    assert len(refused) == len(nodes) - GOOD
    assert everything(vault) == before
    assert "机密：" not in done.stdout + done.stderr + (shell.folder / "out.json").read_text(encoding="utf-8")


def test_a_vault_that_is_a_link_is_read_and_nothing_beyond_it(shell: Shell, vault: Path, canary: Canary) -> None:
    (shell.folder / "别名").symlink_to(vault)
    done = shell.run("run", shell.folder / "别名", *OFFLINE, "--output", "out.json")
    assert canary.heard() == []
    assert done.returncode == 0, done.stderr
    assert len(body_of(shell.folder / "out.json")["agent_execution_sessions"]) == GOOD
    assert "别名/图.canvas: is a link that leaves the folder; it is not followed" in done.stderr
    assert "别名/链接夹: is a link that leaves the folder; it is not followed" in done.stderr


def test_the_notes_of_a_folder_are_its_own(shell: Shell, vault: Path, canary: Canary) -> None:
    done = shell.run("run", vault, *OFFLINE, "--notes", "--output", "out.json")
    assert canary.heard() == []
    assert done.returncode == 0, done.stderr
    sessions = body_of(shell.folder / "out.json")["agent_execution_sessions"]
    assert len(sessions) == 7
    assert all(INSIDE in session["input_data"]["material_content"] for session in sessions)
    for name in ("链接.md", "链接夹", "两步.md"):
        assert f"{name}: is a link that leaves the folder; it is not followed" in done.stderr
    assert "环.md: is a link that leads nowhere" in done.stderr


def test_a_folder_outside_that_turns_into_a_link_after_a_run_is_still_not_read(
    shell: Shell, vault: Path, outside: Path, canary: Canary
) -> None:
    shutil.rmtree(vault / "子 夹")
    (vault / "子 夹").symlink_to(outside / "深")
    done = shell.run("run", vault, *OFFLINE, "--notes", "--skip-unreadable", "--output", "out.json")
    assert canary.heard() == []
    assert done.returncode == 0, done.stderr
    assert "机密：" not in (shell.folder / "out.json").read_text(encoding="utf-8")
