"""Private places for attempts: an id and a directory, made before and removed after."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path

from parallel_agents.core.errors import PoolError
from parallel_agents.core.ids import derived_id
from parallel_agents.ports.workers import OpenedContext
from parallel_agents.workers.abandoned import ROOT_PREFIX, RootMark, abandoned_roots

_log = logging.getLogger("parallel_agents.workers")


class ContextIsolationManager:
    """Gives every attempt a directory that belongs to it alone, and removes it afterwards.

    Directories have mode 0700 and stand below a fresh temporary root (or `root`). With `cleanup_enabled` off they stay
    and are listed in `kept`. A root in the system's place for temporary files is marked as in use, so that the next
    engine can remove it if this one is killed; once something is kept in it, the mark is off.
    """

    def __init__(self, *, cleanup_enabled: bool = True, root: str | Path | None = None) -> None:
        self.cleanup_enabled = cleanup_enabled
        self.kept: list[str] = []
        self._given = Path(root) if root is not None else None
        self._root: Path | None = None
        self._mark: RootMark | None = None

    def clear_abandoned(self) -> None:
        """Remove what killed engines left in the system's place for temporary files; what cannot be removed stays."""
        for root in abandoned_roots(Path(tempfile.gettempdir())):
            try:
                remove_tree(root)
            except OSError as error:
                # Processes of an engine that was killed a moment ago may still write there; the next start comes by.
                _log.info("could not remove %s: %s", root, error)

    def open(self, execution_id: str, task_id: str, attempt: int) -> OpenedContext:
        """Make the place of one attempt; the same attempt has the same id.

        Raises:
            PoolError: no directory can be made.
        """
        context_id = derived_id("ctx", execution_id, task_id, str(attempt))
        try:
            workdir = Path(tempfile.mkdtemp(prefix=f"{context_id}-", dir=self._home()))
        except OSError as error:
            raise PoolError(
                f"no private directory can be made for an attempt: {error} (TMPDIR names the place)"
            ) from error
        return OpenedContext(context_id=context_id, workdir=str(workdir))

    def close(self, context: OpenedContext) -> str | None:
        """Remove the place with everything in it, or keep it when clean-up is off or removing fails.

        Returns the path of the directory that was kept, None when it is gone.
        """
        if self.cleanup_enabled:
            try:
                remove_tree(Path(context.workdir))
            except OSError as error:
                # The attempt's result matters more than what it left lying about; the log says where.
                _log.warning("could not remove %s: %s", context.workdir, error)
            else:
                return None
        self.kept.append(context.workdir)
        self._unmark()
        return context.workdir

    def close_all(self) -> None:
        """Remove the root when nothing is kept in it. Safe to call twice."""
        self._unmark()
        if self._root is not None and not self.kept:
            remove_tree(self._root)
            self._root = None

    def _home(self) -> Path:
        if self._root is None:
            if self._given is not None:
                self._given.mkdir(parents=True, exist_ok=True)
            self._root = Path(tempfile.mkdtemp(prefix=ROOT_PREFIX, dir=self._given))
            if self._given is None:
                self._mark = RootMark(self._root)
        return self._root

    def _unmark(self) -> None:
        mark, self._mark = self._mark, None
        if mark is not None:
            mark.release()


def remove_tree(path: Path) -> None:
    """Remove a directory and everything in it, whatever its permissions; links are removed, never followed.

    Raises:
        OSError: something of it stays.
    """
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path, onerror=_open_up_and_try_again)


def _open_up_and_try_again(function: object, path: str, _: object) -> None:
    # A directory without write or search permission keeps its children; root never gets here.
    parent = Path(path).parent
    for place in (parent, Path(path)):
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISLNK(place.lstat().st_mode):
                place.chmod(0o700)
    target = Path(path)
    with contextlib.suppress(FileNotFoundError):
        if target.is_dir() and not target.is_symlink():
            for name in os.listdir(target):  # noqa: PTH208 - names, as rmtree gives them
                child = target / name
                if child.is_dir() and not child.is_symlink():
                    remove_tree(child)
                else:
                    child.unlink()
            target.rmdir()
        else:
            target.unlink()
