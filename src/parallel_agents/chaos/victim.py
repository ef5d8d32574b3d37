"""The engine as its own program: started, found with everything below it, killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import psutil

Process: TypeAlias = psutil.Process
_FORK_SERVER = "multiprocessing.forkserver"
_LOG_SHOWN = 300


class EngineProgram:
    """One run of `parallel-agents` in a session of its own, so that its whole family can be found after its death."""

    def __init__(self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self._log = folder / "engine.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "parallel_agents", *arguments],
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def last_words(self) -> str:
        """The last line that it said."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:_LOG_SHOWN] if lines else "it said nothing"

    def workers(self) -> list[Process]:
        """Its worker processes now, by process id."""
        found: list[Process] = []
        for server in _children(self.pid):
            found += [child for child in _children(server.pid) if _is_alive(child) and _FORK_SERVER in _command(child)]
        return sorted(found, key=lambda process: process.pid)

    def family(self) -> set[Process]:
        """Every process below it or in its session, itself left out."""
        below: set[Process] = set()
        with contextlib.suppress(psutil.NoSuchProcess):
            below.update(Process(self.pid).children(recursive=True))
        return below | {process for process in _in_session(self.pid) if process.pid != self.pid}

    def kill(self) -> None:
        """Kill the engine's own process, and nothing else."""
        self._process.kill()
        self._process.wait()


def alive(family: set[Process]) -> set[Process]:
    """Those that have not ended; a process id that was given to another does not count."""
    return {process for process in family if _is_alive(process)}


def end(family: set[Process]) -> None:
    """Kill what is left."""
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _is_alive(process: Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _children(pid: int) -> list[Process]:
    try:
        return Process(pid).children()
    except psutil.NoSuchProcess:
        return []


def _command(process: Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _in_session(session: int) -> list[Process]:
    found: list[Process] = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(pid) == session:
                found.append(Process(pid))
    return found
