"""Files that a vault gets: made whole, never over one that is there, never outside the vault."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from pathlib import Path, PurePosixPath

import msgspec

from parallel_agents.core.errors import CanvasWriteError

_NO_UNNAMED_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}
_NO_LINKS = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


class MadeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a landing. `path` counts from the vault's root; `folders` are those that were made for it."""

    path: str
    digest: str
    is_new: bool = True
    folders: tuple[str, ...] = ()


def digest_of_text(text: str) -> str:
    """The SHA-256 of a file with this text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def place_below(root: Path, relative: str) -> Path:
    """The path of a file in a vault, every link in it followed. `root` is resolved.

    Raises:
        CanvasWriteError: it is no plain path below the root, or a link leads out of it.
    """
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or ".." in parts or "\0" in relative or "\\" in relative:
        raise CanvasWriteError(relative, "it is no path below the vault's root")
    try:
        folder = root.joinpath(*parts[:-1]).resolve()
    except (OSError, RuntimeError) as error:
        raise CanvasWriteError(relative, f"its folder cannot be followed: {error}") from error
    if not folder.is_relative_to(root):
        raise CanvasWriteError(relative, f"a link leads out of the vault {root}")
    return folder / parts[-1]


def stands_as(root: Path, relative: str, digest: str) -> bool | None:
    """Whether a file of a vault holds just this; None where there is no such file.

    A link, or anything else that is no ordinary file, is not read and holds something else.

    Raises:
        CanvasWriteError: as `place_below`, or it cannot be read.
    """
    path = place_below(root, relative)
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CanvasWriteError(relative, _in_words(error)) from error


def make_file(root: Path, relative: str, text: str) -> MadeFile:
    """Make a file of a vault, with the folders that it needs; one that holds the same already is left alone.

    Raises:
        CanvasWriteError: another file has the name, the path leads out of the vault, or the file cannot be written.
    """
    path = place_below(root, relative)
    digest = digest_of_text(text)
    standing = stands_as(root, relative, digest)
    if standing:
        return MadeFile(path=relative, digest=digest, is_new=False)
    if standing is False:
        raise taken(relative)
    try:
        folders = _make_folders(root, path.parent)
        _write_new(path, text.encode())
    except FileExistsError as error:
        if stands_as(root, relative, digest):
            return MadeFile(path=relative, digest=digest, is_new=False)
        raise taken(relative) from error
    except OSError as error:
        raise CanvasWriteError(relative, _in_words(error)) from error
    return MadeFile(path=relative, digest=digest, folders=folders)


def taken(relative: str) -> CanvasWriteError:
    """The error for a name that another file has."""
    return CanvasWriteError(relative, "another file has this name; it is left alone")


def unmake_file(root: Path, made: MadeFile) -> None:
    """Take back a file that was made a moment ago, and folders of it that are empty; one that was changed stays."""
    if not made.is_new or not stands_as(root, made.path, made.digest):
        return
    place_below(root, made.path).unlink(missing_ok=True)
    remove_empty(root, made.folders)


def move_away(root: Path, relative: str, digest: str, folder: Path) -> Path | None:
    """Move a file of a vault to another folder, under its own path; returns where it is, None where it is gone already.

    Raises:
        CanvasWriteError: it was changed, or cannot be moved. It is where it was.
    """
    standing = stands_as(root, relative, digest)
    if standing is None:
        return None
    if not standing:
        raise CanvasWriteError(relative, "it was changed since")
    source, target = place_below(root, relative), folder.joinpath(*PurePosixPath(relative).parts)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target = _free_name(target)
        # By a copy: the folder may be on another disk, and what is written to the file meanwhile is not lost with it.
        with target.open("xb") as file:
            file.write(source.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        if not stands_as(root, relative, digest):
            target.unlink()
            raise CanvasWriteError(relative, "it was changed since")
        source.unlink()
    except OSError as error:
        raise CanvasWriteError(relative, _in_words(error)) from error
    return target


def _free_name(wanted: Path) -> Path:
    number, path = 1, wanted
    while os.path.lexists(path):
        number += 1
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return path


def remove_empty(root: Path, folders: tuple[str, ...]) -> None:
    """Remove folders that were made for files, the inner ones first, as far as nothing is in them."""
    for folder in sorted(folders, key=len, reverse=True):
        with contextlib.suppress(OSError):  # what is not empty, or gone, stays as it is
            (root / folder).rmdir()


def sync_folder(folder: Path) -> None:
    """Make what happened in a folder durable, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _make_folders(root: Path, folder: Path) -> tuple[str, ...]:
    missing: list[Path] = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
    return tuple(one.relative_to(root).as_posix() for one in reversed(missing))


def _write_new(path: Path, raw: bytes) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _write_unnamed(folder, path.name, raw):
            _write_named(folder, path.name, raw)
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_unnamed(folder: int, name: str, raw: bytes) -> bool:
    """Write a file that has no name until it is whole, so that a crash leaves nothing; False where that cannot be."""
    try:
        descriptor = os.open(f"/proc/self/fd/{folder}", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_UNNAMED_FILES:
            raise
        return False
    with os.fdopen(descriptor, "wb") as file:
        _fill(file.fileno(), raw)
        try:
            # With folders given as descriptors, Python asks the system to follow the link to the unnamed file.
            os.link(f"/proc/self/fd/{file.fileno()}", name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            if error.errno not in _NO_LINKS and error.errno != errno.ENOENT:
                raise
            return False
    return True


def _write_named(folder: int, name: str, raw: bytes) -> None:
    temporary = f".parallel-agents-{secrets.token_hex(8)}.tmp"
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _fill(file.fileno(), raw)
        try:
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # A file system without links: take the name first, so that nobody's file is replaced.
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder))
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)


def _fill(descriptor: int, raw: bytes) -> None:
    written = 0
    while written < len(raw):
        written += os.write(descriptor, raw[written:])
    os.fsync(descriptor)


def _in_words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
