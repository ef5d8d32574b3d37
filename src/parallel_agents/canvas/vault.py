"""The vault around a canvas: where it begins, and the Markdown notes that its file nodes name."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

from parallel_agents.canvas.graph import Node
from parallel_agents.canvas.markdown import section_of
from parallel_agents.canvas.notes import note_text
from parallel_agents.core.errors import CanvasError, SourceError

VAULT_MARK = ".obsidian"


def find_vault_root(canvas_path: Path) -> Path | None:
    """Return the nearest folder at or above the canvas's own that holds `.obsidian`, None where none does."""
    return vault_of(canvas_path.parent)


def vault_of(folder: Path) -> Path | None:
    """Return the nearest folder at or above this one that holds `.obsidian`, None where none does."""
    folder = folder.resolve()
    return next((place for place in (folder, *folder.parents) if (place / VAULT_MARK).is_dir()), None)


def places_of(named: Path, root: Path | None) -> list[Path]:
    """List where a path may lead that was named in a folder which nobody remembers: here, then in its vault.

    The vault may have been below that folder, or above it. An absolute path leads where it says.
    """
    if named.is_absolute() or root is None:
        return [named]
    ends = [Path(*named.parts[place:]) for place in range(len(named.parts))]
    return [path for path in (named, *(root / end for end in ends)) if path.resolve().is_relative_to(root.resolve())]


def found_again(named: str, vault_root: str | None) -> Path:
    """The resolved path that leads to something, of those that `places_of` lists; where none does, as if named here."""
    root = None if vault_root is None else Path(vault_root)
    found = next((path for path in places_of(Path(named), root) if path.exists()), Path(named))
    return found.resolve()


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
        if _is_missing(path):
            raise self._error(node, f"{node.file!r} is not in the vault {self.root}")
        try:
            text = note_text(path)
        except SourceError as error:
            raise self._error(node, f"{node.file!r} {error.problem}", hint=error.hint) from error
        if not node.subpath:
            return text
        section = section_of(text, node.subpath)
        if section is None:
            raise self._error(node, f"{node.file!r} has no section {node.subpath!r}", field="subpath")
        return section

    def _error(self, node: Node, problem: str, *, field: str = "file", hint: str = "") -> CanvasError:
        return CanvasError(self.canvas_path, problem, node=node.node_id, field=field, hint=hint)


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:  # a name too long to ask for: reading it says so
        return False


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
