"""The leak checks of this suite catch what they are for, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
LEAKING = {
    "task": (
        "async def test_it():\n    KEPT.append(asyncio.get_running_loop().create_task(asyncio.Event().wait()))\n",
        "task <Task pending",
    ),
    "thread": (
        "def test_it():\n    threading.Thread(target=EVENT.wait, name='stray', daemon=True).start()\n",
        "thread 'stray'",
    ),
    "process": (
        "def test_it():\n    KEPT.append(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE))\n",
        r"process \d+ .* -c input\(\)",
    ),
    "worker": (
        "def test_it():\n"
        "    context = multiprocessing.get_context('forkserver')\n"
        "    KEPT.append(context.Process(target=time.sleep, args=(60,), daemon=True))\n"
        "    KEPT[-1].start()\n",
        r"process \d+ .*multiprocessing\.forkserver",
    ),
    "descriptor": (
        "def test_it():\n    KEPT.append(os.open(os.devnull, os.O_RDONLY))\n",
        "file descriptor ",
    ),
}
CLEAN = """
def test_a_worker_that_has_ended():
    worker = multiprocessing.get_context("forkserver").Process(target=print, daemon=True)
    worker.start()
    worker.join()

async def test_what_a_loop_needs():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0))
    await asyncio.to_thread(print)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()

@pytest.fixture
async def server():
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    yield server
    server.close()
    await server.wait_closed()

async def test_a_fixture_that_tidies_up(server):
    assert server.is_serving()

@given(st.integers())
def test_hypothesis(number):
    assert number == number
"""
HEAD = """
import asyncio, multiprocessing, os, subprocess, sys, threading, time
import pytest
from hypothesis import given, strategies as st
KEPT = []
EVENT = threading.Event()
"""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("leaks")
    quick = CONFTEST.read_text(encoding="utf-8").replace("GRACE_S = 2.0", "GRACE_S = 0.3")
    (folder / "conftest.py").write_text(quick, encoding="utf-8")
    (folder / "test_clean.py").write_text(HEAD + CLEAN, encoding="utf-8")
    for name, (body, _) in LEAKING.items():
        (folder / f"test_{name}.py").write_text(HEAD + body, encoding="utf-8")
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"--junitxml={folder / 'report.xml'}",
        str(folder),
    ]
    subprocess.run(command, capture_output=True, timeout=100, cwd=folder, check=False)
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")
    return {f"{case.get('classname')}.{case.get('name')}": _complaint(case) for case in cases}


@pytest.mark.parametrize("name", LEAKING)
def test_what_a_test_leaves_behind_is_told(complaints: dict[str, str], name: str) -> None:
    told = complaints[f"test_{name}.test_it"]
    assert told.startswith("left behind:")
    assert re.search(LEAKING[name][1], told)


def test_what_tidies_up_passes(complaints: dict[str, str]) -> None:
    clean = {name: told for name, told in complaints.items() if name.startswith("test_clean.")}
    assert len(clean) == CLEAN.count("def test_")
    assert set(clean.values()) == {""}


def _complaint(case: ElementTree.Element) -> str:
    return "\n".join(child.text or "" for child in case if child.tag in {"error", "failure"})
