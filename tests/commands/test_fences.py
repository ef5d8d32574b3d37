"""How the network is closed to a program, whichever way this system has, and that a fence dies with its parent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from parallel_agents.processes import fence
from parallel_agents.processes.program import CannotStartError, run_program

Running = Callable[[Path], list[int]]
ODD = Path(__file__).with_name("odd_program.py")
ENVIRON = {"PATH": os.environ["PATH"]}
BY_FILTER = f"""
import sys, runpy
fence = runpy.run_path({fence.__file__!r})
assert fence["_by_filter"]() == "filter"
import socket
def tried(family, *more):
    try:
        socket.socket(family, *more).close()
    except OSError as error:
        return error.strerror
    return "open"
print(tried(socket.AF_INET), tried(socket.AF_INET6, socket.SOCK_DGRAM), tried(socket.AF_UNIX), sep="; ")
print(fence["_reaches_this_machine"]())
"""


async def test_a_network_that_was_closed_says_how_and_was_tried(tmp_path: Path) -> None:
    async def run(network: str) -> str:
        ended = await run_program(
            ["true"],
            environ=ENVIRON,
            directory=tmp_path,
            given=b"",
            most_bytes=10,
            network="open" if network == "open" else "closed",
        )
        assert (ended.exit_code, ended.stdout) == (0, b"")
        return ended.network

    assert await run("open") == "open"
    assert await run("closed") in {"namespace", "filter"}


def test_where_there_are_no_namespaces_a_filter_leaves_only_sockets_of_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        done = subprocess.run([sys.executable, "-c", BY_FILTER], capture_output=True, text=True, check=True)
    refused = os.strerror(97)
    assert done.stdout.splitlines() == [f"{refused}; {refused}; open", "False"]


async def test_a_program_that_cannot_start_says_so_and_nothing_of_it_ran(tmp_path: Path) -> None:
    (tmp_path / "not-executable").write_text("x", encoding="ascii")
    for word in ("./not-executable", "./not-there"):
        with pytest.raises(CannotStartError) as caught:
            await run_program([word], environ=ENVIRON, directory=tmp_path, given=b"", most_bytes=10, network="closed")
        assert caught.value.part == "program"


@pytest.mark.faults
def test_nothing_of_a_command_is_left_one_second_after_the_engine_was_killed(tmp_path: Path, running: Running) -> None:
    agent = tmp_path / "odd.md"
    agent.write_text(
        f"---\nname: odd\ndescription: d\ncommand: ['{sys.executable}', -IS, '{ODD}']\n---\n", encoding="utf-8"
    )
    files = [tmp_path / f"pids-{number}" for number in range(2)]
    lines = [f'{{"agent_name": "odd.md", "input_data": {{"do": "fork and hang", "pids": "{file}"}}}}' for file in files]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    words = [sys.executable, "-m", "parallel_agents", "run", "t.jsonl", "--journal", "j.sqlite3"]
    engine = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: all(file.exists() and len(file.read_text().split()) == 4 for file in files), within_s=20)
        assert [len(running(file)) for file in files] == [4, 4]
    finally:
        engine.kill()
        engine.wait()
    _until(lambda: not any(running(file) for file in files), within_s=1)


def _until(happened: Callable[[], bool], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline
        os.sched_yield()
