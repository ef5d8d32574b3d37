"""Finds files below a folder, and nothing beyond it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from parallel_agents.core.errors import SourceError


class Link(msgspec.Struct, frozen=True):
    """A link to a folder, or one with the name of a file that was looked for; it was not followed."""

    path: Path
    reason: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What lies below a folder; every path begins with the folder's own and the order is that of the paths.

    `faults` are folders that could not be read and files whose name cannot be kept.
    """

    files: tuple[Path, ...]
    links: tuple[Link, ...]
    faults: tuple[SourceError, ...]


def search(folder: Path, ending: str) -> Found:
    """Find every file with an ending (such as `.canvas`, in any case) in a folder and those below it.

    What is hidden (`.obsidian`, `.trash`, any name with a dot before it) is passed over. No link is followed: what one
    leads to inside the folder is found in its own place, and what lies outside is none of the folder's.
    """
    files: list[Path] = []
    links: list[Link] = []
    faults: list[SourceError] = []
    top = folder.resolve()
    waiting = [folder]  # a list, not recursion: folders may be nested deeper than Python calls
    while waiting:
        here = waiting.pop()
        try:
            entries = list(_visible(here))
        except OSError as error:
            faults.append(SourceError(here, f"cannot be read: {error.strerror or error}"))
            continue
        for entry in entries:
            path, fits = here / entry.name, entry.name.casefold().endswith(ending)
            if entry.is_symlink():
                links += [Link(path, _why_not(path, top))] if fits or _leads_to_a_folder(entry) else []
            elif entry.is_dir():
                waiting.append(path)
            elif fits and not _can_be_kept(path):
                faults.append(SourceError(path, "has a name that is not UTF-8", hint="Rename it."))
            elif fits:
                files.append(path)
    return Found(
        files=tuple(sorted(files, key=lambda path: path.parts)),
        links=tuple(sorted(links, key=lambda link: link.path.parts)),
        faults=tuple(sorted(faults, key=lambda fault: fault.path)),
    )


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _leads_to_a_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:  # a circle of links
        return False


def _why_not(link: Path, top: Path) -> str:
    try:
        inside = link.resolve(strict=True).is_relative_to(top)
    except (OSError, RuntimeError):
        return "is a link that leads nowhere"
    return "is a link; links are not followed" if inside else "is a link that leaves the folder; it is not followed"


def _can_be_kept(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
