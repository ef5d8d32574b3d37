"""Writes result files: whole or not at all, and never over a file that is there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import BinaryIO, TypeAlias

from parallel_agents.core.errors import OutputError

Fill: TypeAlias = Callable[[Path, BinaryIO], Awaitable[None]]
"""Writes what the file of this path holds."""

_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')
_TITLE_LIMIT_BYTES = 120
_ELSEWHERE = "`parallel-agents results ID --output ELSEWHERE` writes them to another place."


def default_place(source: str | None, title: str | None, today: date, ending: str = "json") -> Path:
    """Where results go when nothing was said: `批量{title}结果-YYYYMMDD.json` beside the source, file or folder."""
    folder = Path(source).parent if source else Path()
    return folder / f"批量{_in_a_name(title or '')}结果-{today:%Y%m%d}.{ending}"


def _in_a_name(title: str) -> str:
    """A title without what would lead to another folder or is too much for a name; an agent's file may say anything."""
    return _REFUSED.sub("-", title).encode(errors="replace")[:_TITLE_LIMIT_BYTES].decode(errors="ignore").strip()


def check_place(wanted: Path) -> None:
    """Make sure that a file can be written there, before anything is paid for. Leaves nothing behind.

    Raises:
        OutputError: the folder is missing, or takes no file; or what has the name is no file.
    """
    try:
        _refuse_what_is_no_file(wanted)
        probe = _temporary(wanted)
        try:
            # A full disk still takes names.
            probe.write_bytes(b"\n")
        finally:
            probe.unlink()
    except OSError as error:
        raise OutputError(wanted, _in_words(error, wanted), hint="Choose another place with --output.") from None


async def write_new(wanted: Path, fill: Fill, *, hint: str = _ELSEWHERE) -> Path:
    """Write a file to `wanted`, or to the first free numbered name after it; returns the path.

    `fill` writes what the file of that path holds. The file appears whole, by a link to a synced temporary file in the
    same folder, so that a crash leaves either nothing or all of it. `hint` is the way out that an error names.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    number = 1
    while True:
        path = numbered(wanted, number)
        number += 1
        if _is_taken(path):
            continue
        try:
            await _write_whole(path, fill)
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(path, _in_words(error, path), started=True, hint=hint) from None
        return path


def _is_taken(path: Path) -> bool:
    return os.path.lexists(path)  # a link to nothing has the name too


def numbered(wanted: Path, number: int) -> Path:
    """The name of the n-th attempt: the name itself, then with -2, -3, … before the ending."""
    return wanted if number == 1 else wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise OutputError(path, "it is a folder", hint="Name a file.")
    if not stat.S_ISREG(mode) or path.absolute().parent == Path("/dev"):
        # /dev/stdout may well be a file, but a numbered neighbour of it is not what anybody wants.
        raise OutputError(path, "it is no ordinary file", hint="`parallel-agents results ID` prints results.")


async def _write_whole(path: Path, fill: Fill) -> None:
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            await fill(path, file)
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    _sync_folder(path.parent)


def _temporary(path: Path) -> Path:
    temporary = path.with_name(f".parallel-agents-{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    os.close(descriptor)
    return temporary


def _put_in_place(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}:
            raise
        # A file system without links: take the name first, so that nobody's file is replaced.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            temporary.replace(path)
        except OSError:
            path.unlink()
            raise


def _sync_folder(folder: Path) -> None:
    # Not every system lets a folder be opened; the file itself is synced in any case.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _in_words(error: OSError, path: Path) -> str:
    if error.errno == errno.ENOENT:
        return f"there is no folder {path.parent}"
    return (error.strerror or str(error)).lower()
