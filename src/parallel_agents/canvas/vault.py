"""The vault around a canvas: where it begins, and the Markdown notes that its file nodes name."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath

from parallel_agents.canvas.graph import Node
from parallel_agents.canvas.markdown import section_of, without_front_matter
from parallel_agents.core.errors import CanvasError

VAULT_MARK = ".obsidian"
NOTE_LIMIT_BYTES = 1 << 20


def find_vault_root(canvas_path: Path) -> Path | None:
    """Return the nearest folder at or above the canvas's own that holds `.obsidian`, None where none does."""
    folder = canvas_path.parent.resolve()
    return next((place for place in (folder, *folder.parents) if (place / VAULT_MARK).is_dir()), None)


class Vault:
    """Reads notes for one canvas, and never anything outside its vault. `root` is None where there is no vault."""

    def __init__(self, canvas_path: Path) -> None:
        self.canvas_path = canvas_path
        self.root = find_vault_root(canvas_path)

    def resolve(self, node: Node) -> Path:
        """Return the file that a file node names.

        Raises:
            CanvasError: the path is empty, absolute, leaves the vault (by `..` or by a link), or there is no vault.
        """
        if self.root is None:
            hint = f"File paths count from the nearest folder above that holds {VAULT_MARK}."
            raise self._error(node, f"{node.file!r} cannot be found, for the canvas lies in no vault", hint=hint)
        problem = _path_problem(node.file)
        if problem is not None:
            raise self._error(node, f"{node.file!r} {problem}", hint="File paths count from the vault's root.")
        try:
            found = (self.root / node.file).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise self._error(node, f"{node.file!r} cannot be followed: {error}") from error
        if not found.is_relative_to(self.root):
            raise self._error(node, f"{node.file!r} is a link that leaves the vault; it is not read")
        return found

    def read_note(self, node: Node) -> str:
        """Read a file node's note, or the section that its `subpath` names. Line ends become newlines.

        Raises:
            CanvasError: as `resolve`; or there is no such note, it is not a file of UTF-8 text, it is larger than
                1 MiB, or has no such section.
        """
        path = self.resolve(node)
        text = without_front_matter(self._text(node, path))
        if not node.subpath:
            return text
        section = section_of(text, node.subpath)
        if section is None:
            raise self._error(node, f"{node.file!r} has no section {node.subpath!r}", field="subpath")
        return section

    def _text(self, node: Node, path: Path) -> str:
        raw = self._bytes(node, path)
        if len(raw) > NOTE_LIMIT_BYTES:
            hint = "Split it, or point the node at one heading of it."
            raise self._error(node, f"{node.file!r} is larger than {NOTE_LIMIT_BYTES >> 20} MiB", hint=hint)
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise self._error(node, f"{node.file!r} is not UTF-8 (line {line})") from error
        return re.sub(r"\r\n?", "\n", text)

    def _bytes(self, node: Node, path: Path) -> bytes:
        try:
            if not path.is_file():
                problem = "is not a regular file" if path.exists() else f"is not in the vault {self.root}"
                raise self._error(node, f"{node.file!r} {problem}")
            with path.open("rb") as note:
                return note.read(NOTE_LIMIT_BYTES + 1)
        except OSError as error:
            raise self._error(node, f"{node.file!r} cannot be read: {error.strerror or error}") from error

    def _error(self, node: Node, problem: str, *, field: str = "file", hint: str = "") -> CanvasError:
        return CanvasError(self.canvas_path, problem, node=node.node_id, field=field, hint=hint)


def _path_problem(file: str) -> str | None:
    """Say what is wrong with a path before the file system is asked, by the rules of every system."""
    if not file.strip():
        return "names no file"
    if "\0" in file:
        return "holds a NUL character"
    windows = PureWindowsPath(file)
    if file.startswith("/") or windows.drive or windows.root:
        return "is an absolute path; it is not read"
    if ".." in windows.parts:
        return "climbs with '..'; it is not read"
    return None
