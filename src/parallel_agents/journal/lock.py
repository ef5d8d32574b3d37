"""Who owns an execution: a lock on a file of its own, which the operating system frees however its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
import time
import weakref
from enum import Enum, auto
from io import FileIO
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from parallel_agents.core.errors import JournalError

_PAUSES_S = (0.001, 0.002, 0.003, 0.005, 0.007, 0.011, 0.013, 0.017, 0.019, 0.023) * 3
_LONGEST_NAME = 200


class Owners(Protocol):
    """Ownership of executions. All calls are short and safe from any thread."""

    def try_own(self, execution_id: str) -> bool:
        """Become the owner, or stay it; False where another is."""
        ...

    def disown(self, execution_id: str) -> None:
        """Give it back. Safe when not owned."""
        ...

    def is_owned(self, execution_id: str) -> bool:
        """Tell whether anybody owns it."""
        ...

    def disown_all(self) -> None:
        """Give everything back."""
        ...


class LocalOwners:
    """For a journal in memory, which no other process can see."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    def try_own(self, execution_id: str) -> bool:
        """Become the owner."""
        self._held.add(execution_id)
        return True

    def disown(self, execution_id: str) -> None:
        """Give it back."""
        self._held.discard(execution_id)

    def is_owned(self, execution_id: str) -> bool:
        """Tell whether it is owned."""
        return execution_id in self._held

    def disown_all(self) -> None:
        """Give everything back."""
        self._held.clear()


class Found(Enum):
    """What came of trying to lock a file: stale is one that has been removed since it was opened."""

    MINE = auto()
    TAKEN = auto()
    PROBED = auto()
    STALE = auto()


class FileOwners:
    """One lock file per execution in `directory`; it is removed when its owner gives it back.

    The owner holds an exclusive `flock`. Who only asks takes a shared one for a moment, so that asking never looks
    like owning, and an owner to be that meets one tries again. A file may be removed between its opening and its
    locking; so a lock counts only when the path still leads to the locked file.
    """

    def __init__(self, directory: Path, journal: str) -> None:
        self._directory = directory
        self._journal = journal
        self._guard = threading.Lock()
        self._held: dict[str, FileIO] = {}
        _everywhere.add(self)

    def try_own(self, execution_id: str) -> bool:
        """Become the owner, or stay it; False where another is. Raises `JournalError`."""
        with self._guard:
            if execution_id in self._held:
                return True
            try:
                return self._try_own(execution_id)
            except OSError as error:
                raise self._unusable(error) from error

    def disown(self, execution_id: str) -> None:
        """Give it back. Safe when not owned."""
        with self._guard:
            self._release(execution_id)

    def is_owned(self, execution_id: str) -> bool:
        """Tell whether anybody owns it. Raises `JournalError`."""
        with self._guard:
            if execution_id in self._held:
                return True
            try:
                return self._probe(self._path(execution_id))
            except OSError as error:
                raise self._unusable(error) from error

    def is_any_owned(self) -> bool:
        """Tell whether anybody owns any execution. Raises `JournalError`."""
        try:
            return any(self._probe(path) for path in self._directory.glob("*.lock"))
        except OSError as error:
            raise self._unusable(error) from error

    def disown_all(self) -> None:
        """Give everything back."""
        with self._guard:
            for execution_id in list(self._held):
                self._release(execution_id)

    def forget(self) -> None:
        """Close what a forked child has inherited: else it would keep executions owned after its parent's death."""
        for file in self._held.values():
            file.close()
        self._held.clear()

    def _path(self, execution_id: str) -> Path:
        name = quote(execution_id, safe="")
        if len(name) > _LONGEST_NAME:
            name = hashlib.sha256(name.encode()).hexdigest()
        return self._directory / f"{name}.lock"

    def _try_own(self, execution_id: str) -> bool:
        path = self._path(execution_id)
        for pause_s in _PAUSES_S:
            self._directory.mkdir(exist_ok=True)
            file = FileIO(path, "a+")  # closed on exec, as every file that Python opens
            found = lock_file(file, path)
            if found is Found.MINE:
                self._held[execution_id] = file
                return True
            file.close()
            if found is Found.TAKEN:
                return False
            if found is Found.PROBED:
                time.sleep(pause_s)
        return False

    def _probe(self, path: Path) -> bool:
        while True:
            try:
                with FileIO(path, "r+") as file:
                    if _flock(file, fcntl.LOCK_SH):
                        return False
                    if _leads_to(path, file):
                        return True
            except FileNotFoundError:
                return False

    def _release(self, execution_id: str) -> None:
        file = self._held.pop(execution_id, None)
        if file is None:
            return
        path = self._path(execution_id)
        with contextlib.suppress(OSError):  # a lock file that stays behind is harmless
            if _leads_to(path, file):
                path.unlink()
        file.close()

    def _unusable(self, error: OSError) -> JournalError:
        problem = f"executions cannot be locked in {self._directory} ({error.strerror or error})"
        return JournalError(
            self._journal, problem, hint="Make that directory writable. --journal names another journal."
        )


def owners_directory(journal: Path) -> Path:
    """Where the lock files of a journal are. `journal` is its resolved path."""
    return journal.with_name(f".{journal.name}.owners")


def lock_file(file: FileIO, path: Path) -> Found:
    """Try to lock a file that was opened as `path`; only `MINE` leaves it locked for good."""
    if _flock(file, fcntl.LOCK_EX):
        return Found.MINE if _leads_to(path, file) else Found.STALE
    if _flock(file, fcntl.LOCK_SH):
        return Found.PROBED
    return Found.TAKEN if _leads_to(path, file) else Found.STALE


def _flock(file: FileIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leads_to(path: Path, file: FileIO) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(file.fileno()))


_everywhere: weakref.WeakSet[FileOwners] = weakref.WeakSet()


def _forget_everywhere() -> None:
    for owners in _everywhere:
        owners.forget()


os.register_at_fork(after_in_child=_forget_everywhere)
