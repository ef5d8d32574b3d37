"""Lines of a page as patterns: what differs from run to run may differ, everything else has to be there."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ID = r"(?:exec|task|session|ctx)-[0-9a-f]{16}"
_VARIES = re.compile(
    rf"(?P<id>{_ID})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z)"
    r"|(?P<day>\b20\d{6}\b)"
    r"|(?P<decimal>\d+\.\d+(?![\d.]))"
    r"|(?P<more>…)"
    r"|(?P<space>[ ]+)"
)
_PATTERNS = {
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z",
    "day": r"20\d{6}",
    "decimal": r"\d+(?:\.\d+)?",
    "more": ".*",
    "space": r"\s+",
}
_PROGRESS = re.compile(r"^\[\d+/\d+\]")
_NODE = re.compile(r"(?<=[ 点])[0-9a-f]{16}\b")


class Ids:
    """Which id of a page was which here: bound where it is shown first, the same from then on."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def in_place(self, command: str) -> str:
        """A command with the ids that there are here.

        Raises:
            AssertionError: it names an id that was never shown.
        """
        return re.sub(_ID, lambda found: self._here(found.group()), command)

    def pattern(self, line: str) -> re.Pattern[str]:
        """What a line of output must look like to be the shown one."""
        shown = _NODE.sub("…", line) if _PROGRESS.match(line) else line  # the order of ends differs
        parts: list[str] = []
        at = 0
        for found in _VARIES.finditer(shown):
            parts += [re.escape(shown[at : found.start()]), self._varying(found)]
            at = found.end()
        return re.compile("".join([*parts, re.escape(shown[at:])]) + r"\s*")

    def bind(self, line: str, output: Sequence[str]) -> bool:
        """Tell whether the line stands in the output; what it names first is known from then on."""
        pattern = self.pattern(line)
        for candidate in output:
            found = pattern.fullmatch(candidate)
            if found is not None:
                self._known |= {name.replace("_", "-"): value for name, value in found.groupdict().items()}
                return True
        return False

    def _varying(self, found: re.Match[str]) -> str:
        kind = found.lastgroup or ""
        if kind != "id":
            return _PATTERNS[kind]
        shown = found.group()
        if shown in self._known:
            return re.escape(self._known[shown])
        return f"(?P<{shown.replace('-', '_')}>{shown.split('-')[0]}-[0-9a-f]{{16}})"

    def _here(self, shown: str) -> str:
        assert shown in self._known, f"{shown} stands in a command before any output shows it"
        return self._known[shown]
