"""The little of Markdown that a canvas needs: headings, sections, blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HEADING = re.compile(r"^ {0,3}(#{1,6})(?:[ \t](.*))?$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n((?:.*\n)*?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_KEY = re.compile(r"""(?:"[^"]*" ?|'[^']*' ?|[^\s:\-][^:]*):(?:\s|$)""")
# A link to a heading leaves these out, and so must the comparison.
_NOT_IN_LINKS = re.compile(r"[#^|:\[\]%\\\s]+")


def headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (line from 0, level from 1, title) of every heading outside code."""
    fence = ""
    for number, line in enumerate(text.split("\n")):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
        elif found := _HEADING.match(line):
            yield number, len(found[1]), _title(found[2] or "")


def _title(rest: str) -> str:
    # Trailing marks close a heading; a pattern for them would take quadratic time on a long run of blanks.
    whole = rest.strip()
    without = whole.rstrip("#")
    return without.rstrip() if without[-1:] in {"", " ", "\t"} else whole


def first_heading(text: str) -> str | None:
    """Return the first heading's title, without emphasis marks."""
    for _, _, title in headings(text):
        plain = re.sub(r"[*_`]{1,3}", "", title).strip()
        if plain:
            return plain
    return None


def without_front_matter(text: str) -> str:
    """Leave out a leading YAML block. What stands between two rules and does not begin like YAML is text, and stays."""
    found = _FRONT_MATTER.match(text)
    return text[found.end() :] if found and _begins_like_yaml(found[1]) else text


def _begins_like_yaml(block: str) -> bool:
    lines = (line for line in block.split("\n") if line.strip() and not line.lstrip().startswith("#"))
    return not block.strip() or _KEY.match(next(lines, "")) is not None


def section_of(text: str, subpath: str) -> str | None:
    """Return what `#Heading`, `#Heading#Inner` or `#^block` names, None where it is not there.

    A section runs to the next heading of the same or a higher level.
    """
    if subpath.startswith("#^"):
        return _block(text, subpath[2:])
    section: str | None = text
    for title in subpath.strip("#").split("#"):
        section = section and _section(section, title)
    return section or None


def _section(text: str, title: str) -> str | None:
    lines = text.split("\n")
    wanted = _comparable(title)
    found = list(headings(text))
    for position, (number, level, name) in enumerate(found):
        if _comparable(name) == wanted:
            ends = (after for after, other, _ in found[position + 1 :] if other <= level)
            return "\n".join(lines[number : next(ends, len(lines))]).strip()
    return None


def _comparable(title: str) -> str:
    return _NOT_IN_LINKS.sub(" ", title).strip().casefold()


def _block(text: str, block_id: str) -> str | None:
    mark = f"^{block_id.strip()}"
    before = ""
    for block in re.split(r"\n[ \t]*\n", text):
        stripped = block.strip()
        if stripped == mark:
            return before or None
        if stripped.endswith((f" {mark}", f"\n{mark}")):
            return stripped.removesuffix(mark).strip()
        before = stripped or before
    return None
