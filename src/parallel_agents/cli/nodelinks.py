"""Links from a report back to a canvas. Obsidian has none to a node, so a link goes with the node's text and id."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from parallel_agents.canvas.studying import CanvasStudy

_BREAKS_WIKILINKS = re.compile(r"[\[\]|#^\\]")


def obsidian_link(canvas: CanvasStudy) -> str:
    """An address that Obsidian opens: vault and file, which hold on every device; the whole path without a vault."""
    if canvas.vault_root is None or canvas.in_vault is None:
        return f"obsidian://open?path={quote(str(Path(canvas.path).absolute()), safe='')}"
    name = Path(canvas.vault_root).name
    return f"obsidian://open?vault={quote(name, safe='')}&file={quote(canvas.in_vault, safe='')}"


def vault_link(canvas: CanvasStudy) -> str | None:
    """A Markdown link that works inside the vault of the canvas; None where it lies in none."""
    if canvas.in_vault is None:
        return None
    name = PurePosixPath(canvas.in_vault).stem
    if _BREAKS_WIKILINKS.search(canvas.in_vault):
        return f"[{escaped(name)}]({quote(canvas.in_vault)})"
    return f"[[{canvas.in_vault}|{name}]]"


_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$%=^!&])")
_AT_THE_BEGINNING = re.compile(r"^(\s*)([-+>]|\d+[.)])")


def escaped(text: str) -> str:
    """A text on one line that Markdown shows as it is."""
    plain = _MARKS.sub(r"\\\1", " ".join(text.split()))
    return _AT_THE_BEGINNING.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", plain)


def code(text: str) -> str:
    """A text as code on one line, whatever backticks are in it."""
    plain = " ".join(text.split())
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {plain} {fence}" if longest else f"`{plain}`"
