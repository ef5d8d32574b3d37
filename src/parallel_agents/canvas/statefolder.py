"""What is kept of canvases outside their vaults: locks, backups, and what an undo takes away."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from parallel_agents.canvas.reversal import digest_of
from parallel_agents.core.errors import CanvasWriteError

BACKUPS_KEPT = 10
_SHORT = 16
_LONGEST_STEM = 60
_UNSAFE = re.compile(r"[^\w .()-]+")


def short_digest(raw: bytes) -> str:
    """The first 16 characters of a file's digest: enough to tell the versions of one canvas apart."""
    return digest_of(raw)[:_SHORT]


class StateFolder:
    """A folder outside every vault. `now` is seconds since the epoch, for the names of backups."""

    def __init__(self, root: Path, now: Callable[[], float]) -> None:
        self.root = root
        self._now = now

    def backups_of(self, canvas: Path) -> Path:
        """The folder of one canvas's backups; `canvas` is its resolved path."""
        return self.root / "backups" / f"{_stem_of(canvas)}-{key_of(canvas)}"

    def trash_of(self, execution_id: str) -> Path:
        """Where files go that an undo of this execution takes out of a vault."""
        return self.root / "trash" / _UNSAFE.sub("-", execution_id)

    def keep(self, canvas: Path, raw: bytes) -> Path:
        """Keep a version of a canvas, durably; the newest 10 stay. Returns where it is.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = self.backups_of(canvas)
        folder.mkdir(parents=True, exist_ok=True)
        kept = _backups_in(folder)
        digest = short_digest(raw)
        if kept and kept[-1].name.endswith(f"-{digest}.canvas"):
            return kept[-1]
        # Not earlier than the newest one, whatever the clock says: the order of names is the order of versions.
        stamp = max(int(self._now() * 1_000_000), *(_stamp_of(one) + 1 for one in kept[-1:]), 0)
        path = folder / f"{stamp:020}-{digest}.canvas"
        temporary = path.with_suffix(".writing")
        with temporary.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        for old in kept[: max(0, len(kept) + 1 - BACKUPS_KEPT)]:
            old.unlink(missing_ok=True)
        return path

    def find(self, canvas: Path, digest: str) -> bytes | None:
        """A kept version by its short digest, None where it is not there (any more)."""
        found = [path for path in _backups_in(self.backups_of(canvas)) if path.name.endswith(f"-{digest}.canvas")]
        return found[-1].read_bytes() if found else None

    @contextmanager
    def locked(self, canvas: Path, pauses_s: Sequence[float], sleep: Callable[[float], None]) -> Generator[None]:
        """Be the only process of ours that writes this canvas; waits for another as long as the pauses last.

        Raises:
            CanvasWriteError: another process did not let go of it in time, or the folder cannot be written.
        """
        path = self.root / "locks" / f"{key_of(canvas)}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except OSError as error:
            problem = f"its lock cannot be made in {path.parent}: {(error.strerror or str(error)).lower()}"
            raise CanvasWriteError(canvas, problem) from error
        with file:
            if not _locked(file.fileno()) and not any(_after(pause, sleep, file.fileno()) for pause in pauses_s):
                problem = f"another process of parallel-agents has been writing it for {sum(pauses_s):.0f} s"
                raise CanvasWriteError(canvas, problem, hint="Nothing was changed. Try again.")
            yield


def key_of(canvas: Path) -> str:
    """A short name for a canvas by its resolved path."""
    return hashlib.sha256(os.fsencode(canvas)).hexdigest()[:_SHORT]


def _stem_of(canvas: Path) -> str:
    return _UNSAFE.sub("-", canvas.stem)[:_LONGEST_STEM].strip(" .") or "canvas"


def _backups_in(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return sorted(path for path in folder.iterdir() if path.suffix == ".canvas")
    return []


def _stamp_of(backup: Path) -> int:
    stamp = backup.name.partition("-")[0]
    return int(stamp) if stamp.isdecimal() else 0


def _after(pause_s: float, sleep: Callable[[float], None], descriptor: int) -> bool:
    sleep(pause_s)
    return _locked(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
