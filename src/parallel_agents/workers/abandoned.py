"""Work directories of engines that were killed: told from living ones by a lock, and removed by the next engine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

ROOT_PREFIX = "parallel-agents-"
MARK = ".engine"


class RootMark:
    """Says of a directory, for as long as this process lives, that it is in use, and afterwards that it may go."""

    def __init__(self, root: Path) -> None:
        self._mark = root / MARK
        unlocked = root / f"{MARK}.new"
        self._descriptor: int | None = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        # Locked before it has the name that is looked for: else another engine could come in between and remove all.
        unlocked.rename(self._mark)

    def release(self) -> None:
        """Take the mark off: nobody else removes the directory from now on. Safe to call twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._mark.unlink(missing_ok=True)
            os.close(descriptor)


def abandoned_roots(beside: Path) -> Iterator[Path]:
    """The marked directories of this user in `beside` whose engine has ended without a word."""
    for root in beside.glob(f"{ROOT_PREFIX}*"):
        # The place may be everybody's: a link, or a directory of another user, could lead us anywhere.
        with contextlib.suppress(OSError):
            found = root.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and _is_unlocked(root / MARK):
                yield root


def _is_unlocked(mark: Path) -> bool:
    descriptor = os.open(mark, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
