"""The one writer of canvases: reads, edits, swaps, compares what came out, and starts over when it was changed.

A program that reads a canvas never sees half of it: the file is either the old one or the new one. What another program
wrote meanwhile survives, and so does what this one adds.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import TypeAlias

import msgspec

from parallel_agents.canvas.document import Document, document_of, load_document
from parallel_agents.canvas.editing import edit_document
from parallel_agents.canvas.exchange import exchange, has_writer
from parallel_agents.canvas.merging import Foreign, changes_of
from parallel_agents.canvas.newfiles import sync_folder
from parallel_agents.canvas.statefolder import StateFolder, key_of, short_digest
from parallel_agents.canvas.vault import find_vault_root
from parallel_agents.core.errors import CanvasError, CanvasWriteError, SourceError

Revise: TypeAlias = Callable[[Document], bytes | None]
"""The new bytes of a canvas as it stands, None where nothing is to be done. It may be asked several times."""

_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 2.0, 2.0, 2.0)
_LOCK_PAUSES_S = (0.02, 0.05, *((0.1,) * 300))
_LOOKS = 20
_LOOK_S = 0.05


class Point(IntEnum):
    """Where an apply is. A test kills it at each; what is on the disk then is asserted."""

    LOCKED = 1
    READ = 2
    REVISED = 3
    BACKED_UP = 4
    NOTED = 5
    FILED = 6
    WRITTEN = 7
    READY = 8
    SWAPPED = 9
    COMPARED = 10
    SYNCED = 11
    CLEARED = 12
    DONE = 13
    SWAPPED_BACK = 14


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How a canvas is written: how long changes of others are waited out, and what the file system offers.

    `pauses_s` are the seconds between tries, so one less than there are tries. `on_point` is told where the apply is.
    """

    pauses_s: Sequence[float] = _PAUSES_S
    lock_pauses_s: Sequence[float] = _LOCK_PAUSES_S
    sleep: Callable[[float], None] = time.sleep
    exchange: Callable[[Path, Path], bool] = exchange
    on_point: Callable[[Point], None] = lambda point: None


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A canvas as it was and as it is now; both are the same where there was nothing to do.

    `merged` counts versions that others had written in the very instant and that were joined in.
    """

    before: Document
    after: Document
    backup: Path | None = None
    merged: int = 0


def real_canvas(path: Path) -> Path:
    """The file that a canvas's path leads to.

    Raises:
        SourceError: it is not there.
        CanvasError: it is a link that leads out of its vault (without a vault: out of its folder).
    """
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError:
        raise SourceError(path, "there is no such file") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(path, f"cannot be followed: {error}") from error
    root = find_vault_root(path) or path.parent.resolve()
    if not real.is_relative_to(root):
        raise CanvasError(path, f"is a link that leaves {root}; it is not written")
    return real


def write_canvas(
    path: Path,
    revise: Revise,
    *,
    state: StateFolder,
    manner: Manner | None = None,
    before_swap: Callable[[Document, bytes], None] = lambda document, raw: None,
) -> Written:
    """Write a canvas, or leave it as it is.

    `before_swap` is called with what was read and the new bytes, before anything in the folder is touched; after a
    change of somebody else it is called again. What `revise` and it raise ends the writing with nothing changed.

    Raises:
        InputError: the canvas is not there, damaged, or a link that leads out of its vault.
        CanvasWriteError: it keeps changing, is locked or read-only, or the disk takes no more. It is as it was.
    """
    real = real_canvas(path)
    chosen = manner or Manner()
    with state.locked(real, chosen.lock_pauses_s, chosen.sleep):
        try:
            return _Writing(real, revise, state, chosen, before_swap).to_the_end()
        except OSError as error:
            raise _unwritable(real, error) from error


class _ChangedMeanwhileError(Exception):
    """Somebody else wrote the canvas: start over."""


class _Writing:
    """One canvas being written, under its lock."""

    def __init__(
        self,
        path: Path,
        revise: Revise,
        state: StateFolder,
        manner: Manner,
        before_swap: Callable[[Document, bytes], None],
    ) -> None:
        self._path = path
        self._revise = revise
        self._state = state
        self._manner = manner
        self._before_swap = before_swap
        self._reach = manner.on_point
        self._foreign: list[Foreign] = []
        self._leftovers: list[Path] = []
        self._prefix = f".parallel-agents-{key_of(path)}-"

    def to_the_end(self) -> Written:
        """Try until nobody interferes. Raises as `write_canvas`, and `OSError`."""
        self._reach(Point.LOCKED)
        self._take_up_leftovers()
        for pause_s in self._manner.pauses_s:
            with contextlib.suppress(_ChangedMeanwhileError):
                return self._once()
            self._manner.sleep(pause_s)
        try:
            return self._once()
        except _ChangedMeanwhileError:
            problem = f"another program keeps changing it (waited {sum(self._manner.pauses_s):.1f} s)"
            raise CanvasWriteError(self._path, problem, hint="Nothing was changed. Try again.") from None

    def _once(self) -> Written:
        before = self._read()
        self._reach(Point.READ)
        joined = self._joined(before)
        revised = self._revise(joined)
        raw = joined.raw if revised is None else revised
        self._reach(Point.REVISED)
        if raw == before.raw:
            self._clear_leftovers()
            return Written(before=before, after=before)
        after = document_of(self._path, raw)
        if not os.access(self._path, os.W_OK):
            raise CanvasWriteError(self._path, "it is read-only", hint="Nothing was changed. Make it writable.")
        backup = self._state.keep(self._path, before.raw)
        self._reach(Point.BACKED_UP)
        self._before_swap(joined, raw)
        self._put(before, raw)
        merged = len(self._foreign)
        self._clear_leftovers()
        return Written(before=before, after=after, backup=backup, merged=merged)

    def _read(self) -> Document:
        """Read the canvas once it stands still: one that is being written just now is half there, or empty."""
        seen = self._bytes()
        for _ in range(_LOOKS):
            self._wait_for_writers(self._path)
            if (now := self._bytes()) == seen and now is not None:
                break
            seen = now
            self._manner.sleep(_LOOK_S)
        return load_document(self._path) if seen is None else document_of(self._path, seen)

    def _bytes(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:  # also for a moment, where a program replaces it in two steps
            return None

    def _joined(self, document: Document) -> Document:
        """The canvas with what others wrote in an instant in which it was not theirs to be read."""
        for foreign in self._foreign:
            edited = edit_document(document, changes_of(foreign, document))
            document = document_of(self._path, edited.raw)
        return document

    def _put(self, before: Document, raw: bytes) -> None:
        ready = self._write_beside(before.raw, raw)
        try:
            self._refuse_a_changed(before.raw)
            swapped = self._manner.exchange(ready, self._path)
            if not swapped:
                self._refuse_a_changed(before.raw)
                ready.replace(self._path)
        except BaseException:
            ready.unlink(missing_ok=True)
            raise
        # From here on, what lies there may be what another program has just written.
        self._reach(Point.SWAPPED)
        if swapped:
            self._compare(ready, before, raw)
        self._reach(Point.COMPARED)
        sync_folder(self._path.parent)
        self._reach(Point.SYNCED)
        ready.unlink(missing_ok=True)
        self._reach(Point.CLEARED)

    def _compare(self, out: Path, before: Document, raw: bytes) -> None:
        """Look at the file that came out; when it is not the one that was read, it goes back at once."""
        if out.read_bytes() == before.raw and self._wait_for_writers(out) and out.read_bytes() == before.raw:
            return
        self._put_back(out)
        self._reach(Point.SWAPPED_BACK)
        # What comes out now is ours, unless somebody wrote it in the instant in which it was the canvas.
        self._wait_for_writers(out)
        if (late := out.read_bytes()) != raw:
            self._foreign.append(Foreign(base=before, theirs=self._understood(out, late)))
        out.unlink()
        raise _ChangedMeanwhileError

    def _put_back(self, out: Path) -> None:
        try:
            self._manner.exchange(out, self._path)
        except FileNotFoundError:
            kept = self._state.keep(self._path, out.read_bytes())
            out.unlink()
            problem = f"it was removed while it was written; what it held is kept as {kept}"
            raise CanvasWriteError(self._path, problem) from None

    def _write_beside(self, old: bytes, new: bytes) -> Path:
        """Write the new file beside the canvas, hidden, with the canvas's permissions; durable when it is `ready`.

        Its name tells the next apply what it may hold: whoever is killed after the swap leaves the old file under it,
        and perhaps what another program had just written.
        """
        temporary = self._path.with_name(f"{self._prefix}{secrets.token_hex(8)}.writing")
        ready = self._path.with_name(f"{self._prefix}{short_digest(old)}-{short_digest(new)}.swap")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(new)
                file.flush()
                _keep_permissions(file.fileno(), self._path)
                os.fsync(file.fileno())
            self._reach(Point.WRITTEN)
            temporary.replace(ready)
        finally:
            temporary.unlink(missing_ok=True)
        self._reach(Point.READY)
        return ready

    def _refuse_a_changed(self, known: bytes) -> None:
        if self._bytes() != known:
            raise _ChangedMeanwhileError

    def _wait_for_writers(self, path: Path) -> bool:
        """Wait until no program has a file open for writing; False where one keeps it open."""
        for _ in range(_LOOKS):
            try:
                if not has_writer(path):
                    return True
            except FileNotFoundError:
                return True
            self._manner.sleep(_LOOK_S)
        return False

    def _take_up_leftovers(self) -> None:
        """Remove what a killed apply left in the folder; what another program had written is joined in."""
        for path in sorted(self._path.parent.glob(f"{self._prefix}*")):
            if path.suffix != ".swap":
                path.unlink()
                continue
            old, new = path.stem.removeprefix(self._prefix).split("-")
            raw = path.read_bytes()
            self._leftovers.append(path)
            if short_digest(raw) in (old, new):
                continue
            theirs = self._understood(path, raw)
            base = self._state.find(self._path, old)
            if base is None:
                raise self._set_aside(path, raw, "the version that it was made from is not among the backups")
            before = document_of(self._path, base)
            self._foreign.append(Foreign(base=before, theirs=theirs, is_newer=False))

    def _understood(self, place: Path, raw: bytes) -> Document:
        try:
            return document_of(self._path, raw)
        except (SourceError, CanvasError) as error:
            raise self._set_aside(place, raw, error.problem) from error

    def _set_aside(self, place: Path, raw: bytes, why: str) -> CanvasWriteError:
        kept = self._state.keep(self._path, raw)
        place.unlink(missing_ok=True)
        problem = f"what another program wrote into it cannot be joined in ({why}); it is kept as {kept}"
        return CanvasWriteError(self._path, problem, hint="Look at it, then try again.")

    def _clear_leftovers(self) -> None:
        for path in self._leftovers:
            path.unlink(missing_ok=True)
        self._leftovers.clear()


def _keep_permissions(descriptor: int, path: Path) -> None:
    there = path.stat()
    with contextlib.suppress(OSError):  # only the super-user gives files away; the group may still be ours to give
        os.fchown(descriptor, there.st_uid, there.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(there.st_mode))
    for name in os.listxattr(path):
        with contextlib.suppress(OSError):  # such as the system keeps to itself
            os.setxattr(descriptor, name, os.getxattr(path, name))


def _unwritable(path: Path, error: OSError) -> CanvasWriteError:
    hints = {
        errno.ENOSPC: "Nothing was changed. Make room and try again.",
        errno.EACCES: "Nothing was changed. Make the folder writable.",
        errno.EROFS: "Nothing was changed.",
    }
    problem = (error.strerror or str(error)).lower()
    place = f" ({error.filename})" if error.filename else ""
    return CanvasWriteError(path, f"{problem}{place}", hint=hints.get(error.errno or 0, "Nothing was changed."))
